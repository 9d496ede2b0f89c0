//! Every answer of a revocation endpoint that we know of.

use std::time::Duration;

use oauth2::http::{HeaderMap, HeaderValue};

use super::super::client::Answer;
use super::super::revocation::{RevocationOutcome, parse};
use super::{cut_off, noon, whole};

fn parsed(status: u16, body: &str) -> RevocationOutcome {
    parse(&Answer { status, headers: HeaderMap::new(), body: whole(body) }, noon())
}

#[test]
fn a_dead_token_is_what_was_wanted() {
    for (status, body) in
        [(200, ""), (200, "{\"error\":\"whatever\"}"), (204, ""), (400, "{\"error\":\"invalid_token\"}")]
    {
        assert_eq!(parsed(status, body), RevocationOutcome::Revoked, "{status} {body}");
    }
    let cut_off = Answer { status: 200, headers: HeaderMap::new(), body: cut_off() };
    assert_eq!(parse(&cut_off, noon()), RevocationOutcome::Revoked);
}

#[test]
fn a_type_of_token_that_is_never_revoked_is_told_apart() {
    assert_eq!(parsed(400, "{\"error\":\"unsupported_token_type\"}"), RevocationOutcome::UnsupportedType);
    // From a server that is down it says nothing.
    assert!(matches!(parsed(503, "{\"error\":\"unsupported_token_type\"}"), RevocationOutcome::TryLater(_)));
}

#[test]
fn what_is_about_the_token_is_final() {
    for (status, body, reason) in [
        (400, "{\"error\":\"invalid_request\"}", "invalid_request"),
        (403, "", "an error without a registered code"),
        (404, "<html>", "an error without a registered code"),
        (400, "error=made_up", "an error without a registered code"),
    ] {
        assert_eq!(parsed(status, body), RevocationOutcome::Refused(reason), "{status} {body}");
    }
}

#[test]
fn what_is_not_about_the_token_may_pass() {
    let bodies = ["", "{\"error\":\"invalid_client\"}", "<html>"];
    for status in [302, 401, 408, 425, 429, 500, 502, 503, 504] {
        for body in bodies {
            assert!(matches!(parsed(status, body), RevocationOutcome::TryLater(_)), "{status} {body}");
        }
    }
    assert!(matches!(parsed(400, bodies[1]), RevocationOutcome::TryLater(_)));
    let headers = [("retry-after".parse().unwrap(), HeaderValue::from_static("120"))].into_iter().collect();
    let RevocationOutcome::TryLater(passing) = parse(&Answer { status: 503, headers, body: cut_off() }, noon()) else {
        panic!("final");
    };
    assert_eq!(passing.retry_after, Some(Duration::from_mins(2)));
}
