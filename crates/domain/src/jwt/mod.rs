//! What is believed of an issuer's JWTs, beside its signature: how its access tokens look, whom they are for, and whose they are.

mod proof;
mod rule;
mod time;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

pub use proof::{REMEMBERED_FOR, Vouched, assertion, workload};
pub use rule::{Condition, Rule, find};
pub use time::{lasts_until, moment};

/// How an issuer's access tokens look. [`TokenForm::default`] is RFC 9068's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenForm {
    /// What stands in the header's `typ`, in small letters and without `application/`; an empty text: nothing.
    pub kinds: Vec<String>,
    /// The claims that may name the application; the first that is there does.
    pub client_claims: Vec<String>,
    /// The claims that may have the scopes.
    pub scope_claims: Vec<String>,
    /// What stands before scopes of ours: others don't count. Empty: nothing.
    pub scope_prefix: String,
    /// The claim that says whose it is: one that is never given to somebody else.
    pub subject_claim: String,
    /// The claim that says whom it is for.
    pub audience_claim: String,
    /// What else it has to say; empty: nothing.
    pub require: Rule,
    /// What it says if an application got it for itself.
    pub machine: Rule,
}

impl Default for TokenForm {
    fn default() -> Self {
        Self {
            kinds: vec![ACCESS_TOKEN.to_owned()],
            client_claims: vec!["client_id".to_owned()],
            scope_claims: vec!["scope".to_owned()],
            scope_prefix: String::new(),
            subject_claim: "sub".to_owned(),
            audience_claim: "aud".to_owned(),
            require: Rule::default(),
            machine: Rule::default(),
        }
    }
}

/// The `typ` of an access token (RFC 9068 §2.1), as [`TokenForm::kinds`] has it.
pub const ACCESS_TOKEN: &str = "at+jwt";

/// What an access token says, once it is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessClaims {
    /// Whose it is, as the issuer calls them; only what an application got for itself may have none.
    pub subject: Option<String>,
    /// The application it was issued to.
    pub client: String,
    /// Whom it is for.
    pub audiences: Vec<String>,
    /// What it was granted.
    pub scopes: Vec<String>,
    /// Whether by its own words an application got it for itself. It may be so all the same: [`AccessClaims::is_of_application`].
    pub is_machine: bool,
    /// Who may act with it (RFC 8693 §4.4), if it says so.
    pub may_act: Option<Value>,
    /// Who acts with it (RFC 8693 §4.1), if it says so: the `sub` of its `act`.
    pub actor: Option<String>,
    /// When it ends.
    pub expires: DateTime<Utc>,
}

impl TokenForm {
    /// Reads what an access token of this form says; the times in it have been judged. The error says which rule it breaks.
    pub fn read(&self, claims: &Map<String, Value>, expires: DateTime<Utc>) -> Result<AccessClaims, &'static str> {
        if !self.require.is_empty() && !self.require.fits(claims) {
            return Err("it is not what the issuer's access tokens are");
        }
        // RFC 7800 §3.1, 8705 §3.1, 9449 §6.1: whoever shows it has to prove a key as well, and nobody here looks at a proof.
        if claims.contains_key("cnf") {
            return Err("it is bound to a key");
        }
        let client = first_text(claims, &self.client_claims).ok_or("it names no application")?;
        let text = |claim: &str| find(claims, claim).and_then(Value::as_str).filter(|text| !text.is_empty());
        let subject = text(&self.subject_claim).map(str::to_owned);
        // RFC 9068 §5: a token that an application got for itself has a `sub` as well, and it could be a user's id.
        let is_machine = self.machine.fits(claims) || text("sub") == Some(client) || subject.as_deref() == Some(client);
        if subject.is_none() && !is_machine {
            return Err("it does not say whose it is");
        }
        Ok(AccessClaims {
            subject,
            client: client.to_owned(),
            audiences: self.audiences(claims),
            scopes: self.scopes(claims),
            is_machine,
            may_act: claims.get("may_act").filter(|value| !value.is_null()).cloned(),
            actor: claims.get("act").and_then(|act| act.get("sub")?.as_str()).map(str::to_owned),
            expires,
        })
    }

    /// Whether a header's `typ` is one of this form's; read as [`TokenForm::kinds`] has it.
    pub fn is_kind(&self, typ: Option<&str>) -> bool {
        self.kinds.iter().any(|kind| kind == typ.unwrap_or_default())
    }

    /// Whom the claims are for (RFC 7519 §4.1.3): one, or several.
    pub fn audiences(&self, claims: &Map<String, Value>) -> Vec<String> {
        match find(claims, &self.audience_claim) {
            Some(Value::String(one)) => vec![one.clone()],
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => Vec::new(),
        }
    }

    /// RFC 9068 §2.2.3: one text; some issuers write a list.
    fn scopes(&self, claims: &Map<String, Value>) -> Vec<String> {
        let stated = self.scope_claims.iter().find_map(|claim| find(claims, claim).filter(|value| !value.is_null()));
        let stated: Vec<&str> = match stated {
            Some(Value::String(text)) => text.split_ascii_whitespace().collect(),
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        stated.into_iter().filter_map(|scope| scope.strip_prefix(&self.scope_prefix)).map(str::to_owned).collect()
    }
}

impl AccessClaims {
    /// Whether it is an application's own, and so nobody's user token: by its own words, or because its subject is called as
    /// an application is that `is_application` knows at the issuer.
    pub fn is_of_application(&self, is_application: impl Fn(&str) -> bool) -> bool {
        self.is_machine || self.subject.as_deref().is_some_and(is_application)
    }

    /// Whether the application called `client` at the issuer may act with it: anybody, unless it says who (RFC 8693 §4.4).
    pub fn lets_act(&self, client: &str) -> bool {
        self.may_act.as_ref().is_none_or(|may_act| {
            let named = |claim: &str| may_act.get(claim).and_then(Value::as_str);
            named("client_id").or(named("sub")) == Some(client)
        })
    }
}

/// The first of these claims that is there, if that is a text.
fn first_text<'c>(claims: &'c Map<String, Value>, names: &[String]) -> Option<&'c str> {
    let first = names.iter().find_map(|name| find(claims, name).filter(|value| !value.is_null()))?;
    first.as_str().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(form: &TokenForm, claims: &Value) -> Result<AccessClaims, &'static str> {
        form.read(claims.as_object().unwrap(), DateTime::UNIX_EPOCH)
    }

    fn good() -> Value {
        json!({"sub": "alice", "client_id": "web", "aud": "api", "scope": "a b"})
    }

    fn with(name: &str, value: Value) -> Value {
        let mut claims = good();
        claims.as_object_mut().unwrap().insert(name.to_owned(), value);
        claims
    }

    #[test]
    fn an_application_is_nobodys_user() {
        let plain = TokenForm::default();
        let is_application = |id: &str| ["web", "orders"].contains(&id);
        let read = |form: &TokenForm, claims: Value| read(form, &claims).unwrap().is_of_application(is_application);
        assert!(!read(&plain, good()));
        assert!(read(&plain, with("sub", json!("web"))), "called as the one that it was issued to");
        assert!(read(&plain, with("sub", json!("orders"))), "called as another that is known there");
        let by_rule = TokenForm {
            machine: Rule::any_of([vec![("gty".to_owned(), Condition::Is("client-credentials".to_owned()))]]),
            ..TokenForm::default()
        };
        assert!(read(&by_rule, with("gty", json!("client-credentials"))));
        // The rule is judged before the subject is asked for.
        let by_uid = TokenForm { subject_claim: "uid".to_owned(), ..by_rule };
        let mut machine = with("sub", json!("web"));
        assert!(read(&by_uid, machine.clone()), "sub is the application, and there is no uid");
        machine.as_object_mut().unwrap().insert("uid".to_owned(), json!("u-1"));
        assert!(read(&by_uid, machine), "a uid makes it nobody's either");
    }

    #[test]
    fn what_a_form_wants_is_wanted_of_each_token() {
        let form = TokenForm {
            require: Rule::any_of([vec![("token_use".to_owned(), Condition::Is("access".to_owned()))]]),
            ..TokenForm::default()
        };
        assert!(read(&form, &good()).is_err());
        assert!(read(&form, &with("token_use", json!("id"))).is_err());
        assert!(read(&form, &with("token_use", json!("access"))).is_ok());
        for (claim, value) in [
            ("sub", json!("")),
            ("sub", json!(7)),
            ("sub", Value::Null),
            ("client_id", json!("")),
            ("client_id", json!(["web"])),
            ("client_id", Value::Null),
            ("cnf", Value::Null),
            ("cnf", json!({"jkt": "x"})),
        ] {
            assert!(read(&TokenForm::default(), &with(claim, value.clone())).is_err(), "{claim} {value}");
        }
    }

    #[test]
    fn the_first_claim_that_is_there_counts() {
        let form = TokenForm {
            client_claims: vec!["azp".to_owned(), "appid".to_owned()],
            scope_claims: vec!["scp".to_owned(), "scope".to_owned()],
            ..TokenForm::default()
        };
        let claims = json!({"sub": "a", "appid": "web", "scp": ["x", "y z", 7], "scope": "never"});
        let claims = read(&form, &claims).unwrap();
        assert_eq!((claims.client.as_str(), claims.scopes), ("web", vec!["x".to_owned(), "y z".to_owned()]));
        let form = TokenForm { scope_prefix: "api/".to_owned(), ..form };
        let prefixed = json!({"sub": "a", "appid": "web", "scp": "api/x y api/api/z"});
        assert_eq!(read(&form, &prefixed).unwrap().scopes, ["x", "api/z"]);
        let wrong = json!({"sub": "a", "azp": 7, "appid": "web"});
        assert!(read(&form, &wrong).is_err(), "the first is there, and is no name");
        let form = TokenForm { audience_claim: "client_id".to_owned(), ..TokenForm::default() };
        assert_eq!(read(&form, &good()).unwrap().audiences, ["web"]);
        for aud in [json!(7), json!({"a": 1}), Value::Null, json!([7, null])] {
            assert!(read(&TokenForm::default(), &with("aud", aud)).unwrap().audiences.is_empty());
        }
    }

    #[test]
    fn who_may_act_is_kept_to() {
        let lets = |may_act: Value| read(&TokenForm::default(), &with("may_act", may_act)).unwrap().lets_act("orders");
        assert!(read(&TokenForm::default(), &good()).unwrap().lets_act("orders"));
        assert!(lets(json!({"sub": "orders"})));
        assert!(lets(json!({"client_id": "orders", "sub": "x"})));
        for other in [json!({"sub": "x"}), json!({}), json!("orders"), json!([]), json!({"client_id": 7, "sub": "x"})] {
            assert!(!lets(other.clone()), "{other}");
        }
    }
}
