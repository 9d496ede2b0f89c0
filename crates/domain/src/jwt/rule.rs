//! What a JWT's claims have to say: rules as data, so that a vendor's habits are settings.

use serde_json::{Map, Value};

/// What one claim has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// There, and neither null nor an empty text.
    Present,
    /// Not there, or null.
    Absent,
    /// This text; a number or a truth value as JSON writes it.
    Is(String),
    /// A text that begins so, and goes on.
    Begins(String),
    /// A text that ends so, and has something before.
    Ends(String),
    /// The same text as another claim.
    SameAs(String),
}

/// Alternatives: all conditions of one of them have to hold. Without alternatives no JWT fits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule(Vec<Vec<(String, Condition)>>);

impl Rule {
    /// Of such alternatives, each of conditions on claims. An alternative without conditions would fit all, so it is none.
    pub fn any_of(alternatives: impl IntoIterator<Item = Vec<(String, Condition)>>) -> Self {
        Self(alternatives.into_iter().filter(|alternative| !alternative.is_empty()).collect())
    }

    /// Whether there is no alternative.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether these claims are as it says.
    pub fn fits(&self, claims: &Map<String, Value>) -> bool {
        let holds = |(claim, condition): &(String, Condition)| condition.holds(claims, claim);
        self.0.iter().any(|alternative| alternative.iter().all(holds))
    }
}

impl Condition {
    fn holds(&self, claims: &Map<String, Value>, claim: &str) -> bool {
        let found = find(claims, claim).filter(|value| !value.is_null());
        match self {
            Self::Present => found.is_some_and(|value| value.as_str() != Some("")),
            Self::Absent => found.is_none(),
            Self::Is(wanted) => found.and_then(text).is_some_and(|text| text == *wanted),
            Self::Begins(start) => {
                let rest = found.and_then(Value::as_str).and_then(|text| text.strip_prefix(start.as_str()));
                rest.is_some_and(|rest| !rest.is_empty())
            }
            Self::Ends(end) => {
                let start = found.and_then(Value::as_str).and_then(|text| text.strip_suffix(end.as_str()));
                start.is_some_and(|start| !start.is_empty())
            }
            Self::SameAs(other) => {
                let other = find(claims, other).and_then(Value::as_str);
                other.is_some() && found.and_then(Value::as_str) == other
            }
        }
    }
}

/// A claim by its name, or by a path of names with dots between, which names have as well: `kubernetes.io.serviceaccount.uid`.
/// The longest name that is there wins.
pub fn find<'c>(claims: &'c Map<String, Value>, path: &str) -> Option<&'c Value> {
    if let Some(value) = claims.get(path) {
        return Some(value);
    }
    let dots = path.rmatch_indices('.').map(|(at, _)| at);
    dots.filter_map(|at| path.split_at_checked(at)).find_map(|(name, rest)| {
        let inner = claims.get(name)?.as_object()?;
        find(inner, rest.strip_prefix('.')?)
    })
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fits(condition: Condition, claims: &Value) -> bool {
        Rule::any_of([vec![("c".to_owned(), condition)]]).fits(claims.as_object().unwrap())
    }

    #[test]
    fn a_condition_holds_for_what_it_says_and_nothing_else() {
        let is = |text: &str| Condition::Is(text.to_owned());
        let begins = |text: &str| Condition::Begins(text.to_owned());
        let same = || Condition::SameAs("d".to_owned());
        for (condition, claims, holds) in [
            (Condition::Present, json!({"c": "x"}), true),
            (Condition::Present, json!({"c": ["x"]}), true),
            (Condition::Present, json!({"c": false}), true),
            (Condition::Present, json!({"c": ""}), false),
            (Condition::Present, json!({"c": null}), false),
            (Condition::Present, json!({}), false),
            (Condition::Absent, json!({}), true),
            (Condition::Absent, json!({"c": null}), true),
            (Condition::Absent, json!({"c": ""}), false),
            (is("a"), json!({"c": "a"}), true),
            (is("a"), json!({"c": "A"}), false),
            (is("a"), json!({"c": ["a"]}), false),
            (is("7"), json!({"c": 7}), true),
            (is("true"), json!({"c": true}), true),
            (is("null"), json!({"c": null}), false),
            (begins("service-account-"), json!({"c": "service-account-x"}), true),
            (begins("service-account-"), json!({"c": "service-account-"}), false),
            (begins("service-account-"), json!({"c": "a service-account-x"}), false),
            (Condition::Ends("@clients".to_owned()), json!({"c": "x@clients"}), true),
            (Condition::Ends("@clients".to_owned()), json!({"c": "@clients"}), false),
            (Condition::Ends("@clients".to_owned()), json!({"c": "x@clients.example"}), false),
            (same(), json!({"c": "x", "d": "x"}), true),
            (same(), json!({"c": "x", "d": "y"}), false),
            (same(), json!({}), false),
            (same(), json!({"c": null, "d": null}), false),
        ] {
            assert_eq!(fits(condition.clone(), &claims), holds, "{condition:?} {claims}");
        }
    }

    #[test]
    fn one_alternative_is_enough_and_none_fits_nothing() {
        let claims = json!({"a": "1", "b": "2"});
        let claims = claims.as_object().unwrap();
        let is = |claim: &str, text: &str| (claim.to_owned(), Condition::Is(text.to_owned()));
        assert!(Rule::any_of([vec![is("a", "x")], vec![is("a", "1"), is("b", "2")]]).fits(claims));
        assert!(!Rule::any_of([vec![is("a", "1"), is("b", "x")]]).fits(claims), "all of its conditions");
        assert!(!Rule::default().fits(claims));
        assert!(Rule::any_of([vec![]]).is_empty(), "what asks for nothing is no alternative");
    }

    #[test]
    fn a_name_with_dots_is_found_and_so_is_a_path() {
        let claims = json!({
            "kubernetes.io": {"serviceaccount": {"uid": "u-1"}, "a.b": {"c": 1}},
            "https://x.example/org": "o", "a": {"b": "deep"}, "a.b": "flat",
        });
        let claims = claims.as_object().unwrap();
        let found = |path: &str| find(claims, path).cloned();
        assert_eq!(found("kubernetes.io.serviceaccount.uid"), Some(json!("u-1")));
        assert_eq!(found("kubernetes.io.a.b.c"), Some(json!(1)));
        assert_eq!(found("https://x.example/org"), Some(json!("o")));
        assert_eq!(found("a.b"), Some(json!("flat")), "the longest name");
        for path in ["kubernetes.io.serviceaccount.name", "kubernetes", "", ".", "a.", ".a", "a.b.c"] {
            assert_eq!(found(path), None, "{path:?}");
        }
    }
}
