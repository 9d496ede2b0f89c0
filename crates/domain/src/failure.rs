//! Whose failure it is when a token endpoint gives no tokens: one table, read from the top. What is about one token shows that
//! the provider works, so it must not hold up the others; what is about the provider says nothing of any token.
//!
//! | status | body | verdict |
//! | --- | --- | --- |
//! | 408, 425, 429, and all but 4xx | any | the provider's |
//! | any other 4xx | `invalid_grant`, or what `dead_errors` lists | that token's, and final |
//! | any other 4xx | what a provider says of itself (`invalid_client` and its like), a page, nothing | the provider's |
//! | 404, 405, 421 | any | the provider's |
//! | any other 4xx | any other JSON object, any other form with `error` | that token's |

use serde_json::Value;

use super::dead_error::{DeadError, Said, can_be_final, text};

/// Words by which a provider speaks of itself, or of us as its client (RFC 6749 §5.2 and §4.1.2.1, RFC 8628 §3.5).
const OF_THE_PROVIDER: [&str; 6] = [
    "invalid_client",
    "unauthorized_client",
    "unsupported_grant_type",
    "temporarily_unavailable",
    "server_error",
    "slow_down",
];

/// Where providers put their error code, as JSON pointers: the first that is there is the code.
const PLACES: [&str; 8] =
    ["/error", "/error/code", "/error/type", "/error/status", "/error_code", "/errorCode", "/errcode", "/code"];

/// The longest error code that is kept, in characters.
const WORD_LIMIT: usize = 64;
/// The longest part of an error code that may have digits: what is longer may be a token that the provider quotes.
const PART_LIMIT: usize = 19;

/// What a failure is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// One token's: the provider works.
    Token,
    /// The provider's, or that of the way to it: it says nothing of the token.
    Provider,
    /// Ours: nobody was asked, and neither is to blame.
    Ours,
}

/// What an answer without tokens means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The token is dead: by `invalid_grant`, or by this entry of `dead_errors`.
    Final(String),
    /// Asking again may help.
    Passing {
        /// What it is about.
        whose: Whose,
        /// What the provider says of the token, where it is the token's: its error code, or `status:NNN` where it states none
        /// that can be kept. At most 64 printable ASCII characters.
        word: Option<String>,
    },
}

/// Judges an answer that brought no tokens.
pub fn judge(status: u16, said: Said<'_>, dead_errors: &[DeadError]) -> Verdict {
    let providers = Verdict::Passing { whose: Whose::Provider, word: None };
    // A provider that is down or flooded says anything, `invalid_grant` too.
    if !can_be_final(status) {
        return providers;
    }
    if let Some(error) = final_error(status, said, dead_errors) {
        return Verdict::Final(error);
    }
    let Said::Members(members) = said else { return providers };
    let code = code(members);
    if matches!(status, 404 | 405 | 421) || code.as_deref().is_some_and(|code| OF_THE_PROVIDER.contains(&code)) {
        return providers;
    }
    let word = code.as_deref().and_then(word).unwrap_or_else(|| format!("status:{status}"));
    Verdict::Passing { whose: Whose::Token, word: Some(word) }
}

fn final_error(status: u16, said: Said<'_>, dead_errors: &[DeadError]) -> Option<String> {
    if let Said::Members(members) = said
        && members.get("error").and_then(Value::as_str) == Some("invalid_grant")
    {
        return Some("invalid_grant".to_owned());
    }
    dead_errors.iter().find(|dead| dead.is(status, said)).map(ToString::to_string)
}

/// The error code that an answer states, word for word.
fn code(members: &Value) -> Option<String> {
    PLACES.iter().find_map(|place| members.pointer(place).and_then(text)).filter(|code| !code.is_empty())
}

/// An error code as it may be kept and logged: printable, short, and nothing that could be a token.
fn word(code: &str) -> Option<String> {
    let printable: String = code.chars().filter(|c| matches!(c, ' '..='~')).collect();
    let word = printable.trim();
    let may_be_a_token =
        |part: &str| part.chars().count() > PART_LIMIT && part.chars().any(|c| c.is_ascii_digit() || c == '=');
    let is_kept = !word.is_empty() && word.chars().count() <= WORD_LIMIT && !word.split([' ', ':']).any(may_be_a_token);
    is_kept.then(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn dead(entries: &[&str]) -> Vec<DeadError> {
        entries.iter().map(|entry| DeadError::parse(entry).unwrap()).collect()
    }

    fn of_the_provider() -> Verdict {
        Verdict::Passing { whose: Whose::Provider, word: None }
    }

    fn of_the_token(word: &str) -> Verdict {
        Verdict::Passing { whose: Whose::Token, word: Some(word.to_owned()) }
    }

    /// Every status that can be an answer about one token.
    fn statuses() -> impl Iterator<Item = u16> {
        (400..500).filter(|status| ![408, 425, 429].contains(status))
    }

    #[test]
    fn an_outage_is_the_providers_whatever_the_body_says() {
        let listed = dead(&["x", "error.code=17", "status:400"]);
        for status in [408, 425, 429, 500, 501, 502, 503, 504, 511, 599, 100, 301, 302, 307, 308, 600] {
            for body in [json!({"error": "invalid_grant"}), json!({"error": "x"}), json!({"error": {"code": 17}})] {
                assert_eq!(judge(status, Said::Members(&body), &listed), of_the_provider(), "{status} {body}");
            }
            assert_eq!(judge(status, Said::Nothing, &listed), of_the_provider(), "{status}");
            assert_eq!(judge(status, Said::Page, &listed), of_the_provider(), "{status}");
        }
    }

    #[test]
    fn a_listed_word_is_that_tokens_and_final() {
        let listed =
            dead(&["gone", "error.code=refresh_token_invalidated", "errors.0.id=17", "invalid_client", "ok=false"]);
        for (body, by) in [
            (json!({"error": "invalid_grant"}), "invalid_grant"),
            (json!({"error": "gone", "error_description": "x"}), "gone"),
            (json!({"error": {"code": "refresh_token_invalidated"}}), "error.code=refresh_token_invalidated"),
            (json!({"error.code": "refresh_token_invalidated"}), "error.code=refresh_token_invalidated"),
            (json!({"errors": [{"id": 17}]}), "errors.0.id=17"),
            (json!({"error": "invalid_client"}), "invalid_client"),
            (json!({"ok": false}), "ok=false"),
        ] {
            for status in statuses() {
                assert_eq!(
                    judge(status, Said::Members(&body), &listed),
                    Verdict::Final(by.to_owned()),
                    "{status} {body}"
                );
            }
        }
        for body in [
            json!({"error": "Gone"}),
            json!({"error_description": "gone"}),
            json!({"error": ["gone"]}),
            json!({"error": {"code": "gone"}}),
            json!({"error": "refresh_token_invalidated"}),
            json!({"errors": [{"id": 18}, {"id": 17}]}),
        ] {
            let verdict = judge(400, Said::Members(&body), &listed);
            assert!(matches!(verdict, Verdict::Passing { whose: Whose::Token, .. }), "{body}: {verdict:?}");
        }
    }

    #[test]
    fn a_word_listed_with_a_status_is_final_at_that_status_alone() {
        let listed = dead(&["status:401 error.code=17", "status:403 gone", "status:404"]);
        let by = |status, body: &Value| match judge(status, Said::Members(body), &listed) {
            Verdict::Final(by) => Some(by),
            Verdict::Passing { .. } => None,
        };
        assert_eq!(by(401, &json!({"error": {"code": 17}})).as_deref(), Some("status:401 error.code=17"));
        assert_eq!(by(400, &json!({"error": {"code": 17}})), None);
        assert_eq!(by(403, &json!({"error": "gone"})).as_deref(), Some("status:403 gone"));
        assert_eq!(by(401, &json!({"error": "gone"})), None);
        assert_eq!(by(404, &json!({})), None, "which is not empty");
    }

    #[test]
    fn an_empty_body_is_a_word_if_its_status_is_listed() {
        let listed = dead(&["status:400", "status:404", "gone"]);
        for status in statuses() {
            let expected = match status {
                400 | 404 => Verdict::Final(format!("status:{status}")),
                _ => of_the_provider(),
            };
            assert_eq!(judge(status, Said::Nothing, &listed), expected, "{status}");
        }
        assert_eq!(judge(400, Said::Nothing, &[]), of_the_provider());
    }

    #[test]
    fn a_page_is_no_refusal() {
        let listed = dead(&["status:400", "status:403", "invalid_grant"]);
        for status in statuses() {
            assert_eq!(judge(status, Said::Page, &listed), of_the_provider(), "{status}");
        }
    }

    #[test]
    fn what_a_provider_says_of_itself_is_no_tokens() {
        for word in OF_THE_PROVIDER {
            for body in [json!({"error": word}), json!({"error": {"code": word}}), json!({"code": word})] {
                for status in statuses() {
                    assert_eq!(judge(status, Said::Members(&body), &[]), of_the_provider(), "{status} {body}");
                }
            }
        }
        for status in [404, 405, 421] {
            for body in [json!({"error": "not_found"}), json!({})] {
                assert_eq!(judge(status, Said::Members(&body), &[]), of_the_provider(), "{status} {body}");
            }
        }
        assert_eq!(judge(401, Said::Nothing, &[]), of_the_provider());
    }

    #[test]
    fn any_other_word_is_one_tokens_and_passing() {
        for (body, word) in [
            (json!({"error": "invalid_request"}), "invalid_request"),
            (json!({"error": "interaction_required"}), "interaction_required"),
            (json!({"error": "access_denied", "code": 7}), "access_denied"),
            (json!({"error": {"code": 190, "type": "OAuthException"}}), "190"),
            (json!({"error": {"type": "OAuthException"}}), "OAuthException"),
            (json!({"errorCode": "E0000011"}), "E0000011"),
            (json!({"error": "Invalid refresh token"}), "Invalid refresh token"),
            (json!({"error": "bad\u{0}\u{7}\u{202E}_token\n"}), "bad_token"),
        ] {
            for status in statuses().filter(|status| ![404, 405, 421].contains(status)) {
                assert_eq!(judge(status, Said::Members(&body), &[]), of_the_token(word), "{status} {body}");
            }
        }
        let long = "x".repeat(65);
        for unsaid in [
            json!({}),
            json!({"message": "no"}),
            json!({"error": ""}),
            json!({"error": null}),
            json!({"error": long}),
            json!({"error": "\u{0}"}),
            json!({"error": "отказ"}),
            json!({"error": "the token 4f0c2d8e9a7b6c5d4e3f is revoked"}),
            json!({"error": "refresh_token:eyJhbGciOiJIUzI1NiJ9.e30.x"}),
        ] {
            assert_eq!(judge(403, Said::Members(&unsaid), &[]), of_the_token("status:403"), "{unsaid}");
        }
    }
}
