//! Members of a token answer that callers get beside the token. Pure.

use secrecy::SecretString;
use serde_json::{Map, Value};

use domain::params::{Texts, is_handed_on};

/// Those of these names, with dots between those of members, that are there and are no lists and no objects.
pub(crate) fn of(members: &Map<String, Value>, names: &[String]) -> Texts {
    names.iter().filter_map(|name| Some((name.clone(), found(members, name)?))).collect()
}

fn found(members: &Map<String, Value>, name: &str) -> Option<SecretString> {
    let (first, rest) = name.split_once('.').map_or((name, None), |(first, rest)| (first, Some(rest)));
    let value = match (members.get(first)?, rest) {
        (Value::Object(deeper), Some(rest)) => return found(deeper, rest),
        (_, Some(_)) => return None,
        (value, None) => value,
    };
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    is_handed_on(&text).then(|| text.into())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;
    use serde_json::json;

    use super::*;
    use domain::params::LONGEST_FIELD;

    #[test]
    fn what_is_there_and_fits_is_handed_on() {
        let long = "x".repeat(LONGEST_FIELD + 1);
        let answer = json!({
            "instance_url": "https://a.example", "team": {"id": "T1", "of": {"a": 1}}, "n": 12, "is": true, "no": null, "list": ["a"],
            "long": long, "broken": "a\u{fffd}",
        });
        let names = [
            "instance_url",
            "team.id",
            "team.of",
            "team.of.a",
            "n",
            "n.a",
            "is",
            "no",
            "list",
            "long",
            "broken",
            "none",
        ];
        let names = names.map(str::to_owned);
        let Value::Object(members) = answer else { unreachable!("it is an object") };
        let fields = of(&members, &names);
        let told: Vec<_> = fields.iter().map(|(name, value)| (name, value.expose_secret())).collect();
        let wanted =
            [("instance_url", "https://a.example"), ("is", "true"), ("n", "12"), ("team.id", "T1"), ("team.of.a", "1")];
        assert_eq!(told, wanted);
    }
}
