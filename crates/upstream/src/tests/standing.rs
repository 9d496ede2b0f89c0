//! Every answer about an access token that we know of, and what it says of the token.

use oauth2::http::{HeaderMap, HeaderValue};

use super::super::Standing;
use super::super::client::Answer;
use super::super::standing::{by_introspection, by_userinfo};
use super::{noon, whole};
use domain::dead_error::DeadError;

fn answer(status: u16, body: &str) -> Answer {
    Answer { status, headers: HeaderMap::new(), body: whole(body) }
}

/// Good, refused, or not told.
fn word(standing: &Standing) -> &'static str {
    match standing {
        Standing::Good => "good",
        Standing::Refused => "refused",
        Standing::TryLater(_) | Standing::Untold => "not told",
    }
}

#[test]
fn userinfo_is_believed_where_it_speaks_of_the_token() {
    for (status, body, told) in [
        (200, r#"{"sub": "1"}"#, "good"),
        (200, r#"{"ok": true, "sub": "1"}"#, "good"),
        (200, "eyJhbGciOiJSUzI1NiJ9.e30.AA", "good"),
        (401, "", "refused"),
        (401, r#"{"code": "unauthorized"}"#, "refused"),
        (400, r#"{"error": "invalid_token"}"#, "refused"),
        (403, r#"{"error": "invalid_token"}"#, "refused"),
        (200, r#"{"error": "invalid_token"}"#, "refused"),
        // What it says of us, or of itself.
        (401, r#"{"error": "invalid_client"}"#, "not told"),
        (401, r#"{"error": "insufficient_scope"}"#, "not told"),
        (200, r#"{"ok": false, "error": "ratelimited"}"#, "not told"),
        (200, r#"{"ok": false}"#, "not told"),
        (403, r#"{"error": "insufficient_scope"}"#, "not told"),
        (200, r#"{"error_code": 104, "error_msg": "PARAM_SIGNATURE : Invalid signature"}"#, "not told"),
        (200, r#"{"error_code": 0, "sub": "1"}"#, "good"),
        (200, r#"{"data": null, "errors": [{"message": "Authentication required"}]}"#, "not told"),
        (200, r#"{"data": {"viewer": {"id": "1"}}, "errors": []}"#, "good"),
        (400, r#"{"error": "invalid_request"}"#, "not told"),
        (404, "", "not told"),
        (429, "", "not told"),
        (500, r#"{"error": "invalid_token"}"#, "not told"),
        (302, "", "not told"),
    ] {
        assert_eq!(word(&by_userinfo(&answer(status, body), &[], noon())), told, "{status} {body}");
    }
}

/// Facebook and Slack have words of their own.
#[test]
fn userinfo_is_believed_in_the_words_that_the_settings_list() {
    let dead = ["error.code=190", "error=token_revoked", "status:403"].map(|entry| DeadError::parse(entry).unwrap());
    for (status, body, told) in [
        (400, r#"{"error": {"code": 190, "error_subcode": 458}}"#, "refused"),
        (200, r#"{"ok": false, "error": "token_revoked"}"#, "refused"),
        (403, "", "refused"),
        (400, r#"{"error": {"code": 4}}"#, "not told"),
        (403, r#"{"error": "rate"}"#, "not told"),
        // Whoever is down or flooded says anything.
        (500, r#"{"error": {"code": 190}}"#, "not told"),
        (429, r#"{"error": {"code": 190}}"#, "not told"),
        (200, r#"{"ok": true, "sub": "1"}"#, "good"),
    ] {
        assert_eq!(word(&by_userinfo(&answer(status, body), &dead, noon())), told, "{status} {body}");
    }
}

#[test]
fn introspection_is_believed_where_it_says_active_or_not() {
    for (status, body, told) in [
        (200, r#"{"active": true}"#, "good"),
        (200, r#"{"active": false}"#, "refused"),
        (200, r#"{"active": "false"}"#, "not told"),
        (200, "{}", "not told"),
        (401, r#"{"active": false}"#, "not told"),
        (401, r#"{"error": "invalid_client"}"#, "not told"),
        (503, "", "not told"),
    ] {
        assert_eq!(word(&by_introspection(&answer(status, body), noon())), told, "{status} {body}");
    }
}

#[test]
fn who_wants_to_be_left_alone_says_for_how_long() {
    let mut busy = answer(429, "");
    busy.headers.insert("retry-after", HeaderValue::from_static("90"));
    let Standing::TryLater(passing) = by_userinfo(&busy, &[], noon()) else { panic!("it is busy") };
    assert_eq!(passing.retry_after.map(|wait| wait.as_secs()), Some(90));
}
