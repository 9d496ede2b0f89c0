//! Every peculiar token answer we know of.

use std::time::Duration;

use oauth2::http::{HeaderMap, HeaderValue};
use proptest::prelude::*;
use secrecy::ExposeSecret as _;

use super::super::client::Answer;
use super::super::outcome::{Outcome, Rules, TokenAnswer, parse};
use super::super::passing::{Passing, PassingKind};
use super::{cut_off, noon, whole};
use domain::dead_error::DeadError;
use domain::expiry::Stated;
use domain::failure::Whose;

const PLAIN: Rules<'static> =
    Rules { rotates: true, dead_errors: &[], token_path: None, response_fields: &[], is_refresh: false };

fn answer(status: u16, body: impl Into<Vec<u8>>) -> Answer {
    Answer { status, headers: HeaderMap::new(), body: whole(body) }
}

fn access(granted: &TokenAnswer) -> &str {
    granted.grant.access_token.as_ref().unwrap().expose_secret()
}

fn granted(body: impl Into<Vec<u8>>) -> TokenAnswer {
    match parse(&answer(200, body), PLAIN, noon()) {
        Outcome::Granted(granted) => granted,
        other => panic!("{other:?}"),
    }
}

fn refused(rules: Rules<'_>, status: u16, body: &str) -> Option<String> {
    match parse(&answer(status, body), rules, noon()) {
        Outcome::Refused(refusal) => Some(refusal.error),
        Outcome::TryLater(_) => None,
        Outcome::Granted(_) => panic!("granted"),
    }
}

fn passing(status: u16, body: &str) -> Passing {
    match parse(&answer(status, body), PLAIN, noon()) {
        Outcome::TryLater(passing) => passing,
        other => panic!("{other:?}"),
    }
}

fn life(seconds: u64) -> Stated {
    Stated::Life(Duration::from_secs(seconds))
}

#[test]
fn a_plain_grant_is_read() {
    let granted = granted(
        r#"{"access_token":"a","token_type":"Bearer","expires_in":3600,"refresh_token":"r","scope":"x y","id_token":"i","user_id":7}"#,
    );
    assert_eq!(access(&granted), "a");
    assert_eq!(granted.grant.refresh_token.unwrap().expose_secret(), "r");
    assert_eq!(granted.id_token.unwrap().expose_secret(), "i");
    assert_eq!(granted.grant.scope.as_deref(), Some("x y"));
    assert_eq!(granted.grant.lives.access, life(3600));
    assert_eq!(granted.rest["user_id"], 7);
    assert!(!granted.rest.contains_key("access_token") && !granted.rest.contains_key("refresh_token"));
}

#[test]
fn a_strange_grant_is_kept() {
    for (expires_in, expected) in [
        (r#""3600""#, life(3600)),
        ("3600.9", life(3600)),
        ("3.6e3", life(3600)),
        (r#"" 60 ""#, life(60)),
        (r#""6e1""#, life(60)),
        ("null", Stated::Absent),
        ("0", Stated::Nonsense),
        ("-1", Stated::Nonsense),
        (r#""0""#, Stated::Nonsense),
        (r#""""#, Stated::Nonsense),
        (r#""soon""#, Stated::Nonsense),
        (r#""3600s""#, Stated::Nonsense),
        (r#""NaN""#, Stated::Nonsense),
        (r#""inf""#, Stated::Nonsense),
        ("true", Stated::Nonsense),
        ("[1]", Stated::Nonsense),
        (r#"{"seconds":1}"#, Stated::Nonsense),
        ("1e30", Stated::Nonsense),
        ("1e300", Stated::Nonsense),
        ("9223372036854775807", Stated::Nonsense),
    ] {
        // Of both tokens alike, whatever the refresh token's is called.
        for name in ["refresh_token_expires_in", "refresh_expires_in"] {
            let granted = granted(format!(r#"{{"access_token":"a","expires_in":{expires_in},"{name}":{expires_in}}}"#));
            let lives = granted.grant.lives;
            assert_eq!((lives.asked, lives.access, lives.refresh), (noon(), expected, expected), "{expires_in}");
        }
    }
    let bare = granted(r#"{"access_token":"a"}"#).grant.lives;
    assert_eq!((bare.access, bare.refresh), (Stated::Absent, Stated::Absent));
    for body in [
        "access_token=a&refresh_token=r&expires_in=3600",
        "\u{FEFF}{\"access_token\":\"a\",\"refresh_token\":\"r\",\"expires_in\":3600}",
        " {\"access_token\":\"a\",\"refresh_token\":\"r\",\"expires_in\":3600}\n;",
        "{\"error\":\"\",\"access_token\":\"a\",\"refresh_token\":\"r\",\"expires_in\":3600}",
        "{\"error\":\"slow_down\",\"access_token\":\"a\",\"refresh_token\":\"r\",\"expires_in\":3600}",
    ] {
        let granted = granted(body);
        assert_eq!(access(&granted), "a", "{body}");
        assert_eq!(granted.grant.refresh_token.unwrap().expose_secret(), "r", "{body}");
        assert_eq!(granted.grant.lives.access, life(3600), "{body}");
    }
}

#[test]
fn a_long_or_foreign_token_is_kept_to_the_byte() {
    for token in ["я".repeat(32 * 1024), "a".repeat(64 * 1024), "a b\"\\\u{1F512}".to_owned()] {
        let body = serde_json::json!({ "access_token": token }).to_string();
        assert_eq!(access(&granted(body)), token);
    }
}

#[test]
fn scopes_may_be_a_list_and_empty_tokens_are_none() {
    let granted = granted(r#"{"access_token":"a","refresh_token":"","scope":["x","y"]}"#);
    assert_eq!(granted.grant.scope.as_deref(), Some("x y"));
    assert!(granted.grant.refresh_token.is_none());
    let stated = r#"{"access_token":"a","scope":["x\u0000",7,"y\n"]}"#;
    assert_eq!(self::granted(stated).grant.scope.as_deref(), Some("x y"));
}

#[test]
fn only_a_dead_grant_is_refused() {
    let dead = ["bad_refresh_token", "status:400", "error.code=gone", "status:401 errcode=40030"];
    let dead = dead.map(|entry| DeadError::parse(entry).unwrap());
    let rules = Rules { dead_errors: &dead, ..PLAIN };
    for (rules, status, body, expected) in [
        (PLAIN, 400, r#"{"error":"invalid_grant","error_description":"x"}"#, Some("invalid_grant")),
        (PLAIN, 401, r#"{"error":"invalid_grant"}"#, Some("invalid_grant")),
        (PLAIN, 200, r#"{"error":"invalid_grant"}"#, Some("invalid_grant")),
        (PLAIN, 400, "error=invalid_grant", Some("invalid_grant")),
        (rules, 200, r#"{"error":"bad_refresh_token"}"#, Some("bad_refresh_token")),
        (rules, 400, "", Some("status:400")),
        (rules, 400, " \r\n", Some("status:400")),
        (rules, 200, r#"{"error":{"code":"gone"}}"#, Some("error.code=gone")),
        (rules, 401, r#"{"error":{"code":"gone"}}"#, Some("error.code=gone")),
        (rules, 401, r#"{"errcode":40030}"#, Some("status:401 errcode=40030")),
        (rules, 400, r#"{"errcode":40030}"#, None),
        (rules, 200, "", None),
        (rules, 400, "<html>error=invalid_grant</html>", None),
        (rules, 400, "Bad Request", None),
        (rules, 400, r#"["invalid_grant"]"#, None),
        (rules, 400, r#""invalid_grant""#, None),
        (rules, 400, r#"{"error":"invalid_grant""#, None),
        (rules, 400, r#"{"error":"invalid_client"}"#, None),
        (rules, 400, r#"{"error":{"code":190}}"#, None),
        (rules, 403, "", None),
        (PLAIN, 400, "", None),
        (PLAIN, 400, r#"{"error":"invalid_request"}"#, None),
        (PLAIN, 200, r#"{"error":"bad_refresh_token"}"#, None),
        (PLAIN, 500, r#"{"error":"invalid_grant"}"#, None),
        (PLAIN, 503, r#"{"error":"invalid_grant"}"#, None),
        (PLAIN, 429, r#"{"error":"invalid_grant"}"#, None),
        (PLAIN, 302, r#"{"error":"invalid_grant"}"#, None),
    ] {
        assert_eq!(refused(rules, status, body).as_deref(), expected, "{status} {body}");
    }
    // A body that was cut off may have held a code.
    let cut = Answer { body: cut_off(), ..answer(400, "") };
    assert!(matches!(parse(&cut, rules, noon()), Outcome::TryLater(_)));
}

#[test]
fn a_passing_failure_says_whether_the_token_may_be_spent() {
    use PassingKind::{Ambiguous, Definite};
    for (status, body, kind, reason) in [
        (302, "", Definite, "a redirect, which is not followed"),
        (400, r#"{"error":"invalid_client"}"#, Definite, "invalid_client"),
        (400, r#"{"error":"Secret Words"}"#, Definite, "an error without a registered code"),
        (200, r#"{"error":"temporarily_unavailable"}"#, Definite, "temporarily_unavailable"),
        (429, "", Definite, "too many requests"),
        (503, "<html>", Definite, "out of service"),
        (500, "", Ambiguous, "a server error"),
        (502, "<html>", Ambiguous, "a server error"),
        (504, "", Ambiguous, "a server error"),
        (200, "", Ambiguous, "neither a grant nor an error"),
        (200, r#"{"access_token":"#, Ambiguous, "neither a grant nor an error"),
        (200, r#"{"access_token":17}"#, Ambiguous, "neither a grant nor an error"),
        (200, r#"{"access_token":""}"#, Ambiguous, "neither a grant nor an error"),
        (200, "<html>?a&access_token=a</html>", Ambiguous, "neither a grant nor an error"),
        (200, "[]", Ambiguous, "neither a grant nor an error"),
    ] {
        let passing = passing(status, body);
        assert_eq!((passing.kind, passing.reason), (kind, reason), "{status} {body}");
    }
    // A token that is not UTF-8 is not the one the provider meant.
    assert!(matches!(parse(&answer(200, *b"access_token=\xff\xfe"), PLAIN, noon()), Outcome::TryLater(_)));
    // A grant counts as one only with a success.
    assert_eq!(passing(400, r#"{"access_token":"a"}"#).kind, Definite);
}

#[test]
fn a_passing_failure_says_whose_it_is() {
    use Whose::{Provider, Token};
    for (status, body, whose, word) in [
        (400, r#"{"error":"invalid_request"}"#, Token, Some("invalid_request")),
        (401, r#"{"error":{"code":190}}"#, Token, Some("190")),
        (403, "error=access_denied", Token, Some("access_denied")),
        (200, r#"{"error":"something_new"}"#, Token, Some("something_new")),
        (200, r#"{"error":{"code":190}}"#, Token, Some("190")),
        (400, r#"{"message":"no"}"#, Token, Some("status:400")),
        (200, r#"{"error":"temporarily_unavailable"}"#, Provider, None),
        (200, r#"{"ok":false}"#, Provider, None),
        (200, r#"{"error":""}"#, Provider, None),
        (200, r#"{"error":0}"#, Provider, None),
        (200, "", Provider, None),
        (200, "<html>", Provider, None),
        (401, r#"{"error":"invalid_client"}"#, Provider, None),
        (401, "", Provider, None),
        (400, "", Provider, None),
        (403, "<html>error=access_denied</html>", Provider, None),
        (403, "Forbidden", Provider, None),
        (404, r#"{"error":"not_found"}"#, Provider, None),
        (429, r#"{"error":"slow"}"#, Provider, None),
        (500, r#"{"error":"invalid_grant"}"#, Provider, None),
        (302, "", Provider, None),
    ] {
        let passing = passing(status, body);
        assert_eq!((passing.whose, passing.word.as_deref()), (whose, word), "{status} {body}");
    }
}

#[test]
fn retry_after_is_seconds_or_a_date() {
    for (text, expected) in [
        ("120", Some(120)),
        (" 7 ", Some(7)),
        ("99999999999", Some(86_400)),
        ("Fri, 15 Jan 2027 08:01:30 GMT", Some(90)),
        ("Fri, 15 Jan 2027 07:00:00 GMT", Some(0)),
        ("soon", None),
        ("-1", None),
    ] {
        let mut answer = answer(429, "");
        answer.headers.insert("retry-after", HeaderValue::from_static(text));
        let Outcome::TryLater(passing) = parse(&answer, PLAIN, noon()) else { panic!("{text}") };
        assert_eq!(passing.retry_after, expected.map(Duration::from_secs), "{text}");
    }
}

#[test]
fn debug_shows_no_secret() {
    let granted = granted(r#"{"access_token":"s3cret","refresh_token":"s3cret","id_token":"s3cret","x":"s3cret"}"#);
    assert!(!format!("{granted:?}").contains("s3cret"));
}

proptest! {
    #[test]
    fn no_bytes_panic_and_none_grant_without_a_token(status in 100u16..600, body in any::<Vec<u8>>()) {
        let outcome = parse(&answer(status, body), PLAIN, noon());
        if let Outcome::Granted(granted) = outcome {
            prop_assert!(granted.grant.access_token.is_some() || granted.grant.refresh_token.is_some());
        }
    }

    #[test]
    fn no_members_panic_and_none_grant_without_a_token(
        status in prop_oneof![Just(200u16), 200u16..600],
        name in "access_token|refresh_token|expires_in|error|scope",
        value in r#"[0-9]{1,25}|"[^"\\]{0,8}"|-?[0-9]{1,5}(\.[0-9]{1,5})?(e[0-9]{1,3})?|null|\[\]|\{\}"#,
        form in any::<bool>(),
    ) {
        let body = if form { format!("{name}={value}") } else { format!(r#"{{"{name}":{value}}}"#) };
        if let Outcome::Granted(granted) = parse(&answer(status, body), PLAIN, noon()) {
            prop_assert!(matches!(name.as_str(), "access_token" | "refresh_token") && (200..300).contains(&status));
            let token = granted.grant.access_token.or(granted.grant.refresh_token);
            prop_assert!(!token.unwrap().expose_secret().is_empty());
        }
    }
}
