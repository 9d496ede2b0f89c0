//! Tokens that stand deeper down in an answer, beside somebody else's at its top.

use oauth2::http::HeaderMap;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::super::body::Body;
use super::super::client::Answer;
use super::super::outcome::{Outcome, Rules, parse};
use super::super::passing::PassingKind;
use super::{noon, whole};

/// Slack's user tokens stand in `authed_user`: what stands at the top of an answer to a code is a bot's.
#[test]
fn a_bots_token_is_never_the_users() {
    let user = json!({ "id": "U1", "access_token": "user", "refresh_token": "r", "expires_in": 60, "scope": "chat:write", "token_type": "user" });
    let bot = json!({ "ok": true, "access_token": "bot", "refresh_token": "b", "expires_in": 7, "token_type": "bot" });
    let with = |member: Option<&Value>| {
        let mut answer = bot.clone();
        if let Some(member) = member {
            answer["authed_user"] = member.clone();
        }
        answer.to_string()
    };
    let rules = |is_refresh| Rules { rotates: true, token_path: Some("authed_user"), is_refresh, ..Rules::default() };
    let access = |text: &str, is_refresh| {
        let answer = Answer { status: 200, headers: HeaderMap::new(), body: whole(text) };
        let Outcome::Granted(granted) = parse(&answer, rules(is_refresh), noon()) else { return None };
        let access = granted.grant.access_token.as_ref()?.expose_secret().to_owned();
        assert!(granted.is_bearer(), "{text}");
        Some(access)
    };
    for (what, text, of_code, of_refresh) in [
        ("both", with(Some(&user)), Some("user"), Some("user")),
        // The answer to a refresh of the user's own token has it at the top.
        ("at the top alone", user.to_string(), None, Some("user")),
        ("a bot's alone", bot.to_string(), None, None),
        ("a user without tokens", with(Some(&json!({ "id": "U1" }))), None, None),
        ("no object", with(Some(&json!("U1"))), None, None),
        ("null", with(Some(&json!(null))), None, None),
    ] {
        assert_eq!(access(&text, false).as_deref(), of_code, "{what}");
        assert_eq!(access(&text, true).as_deref(), of_refresh, "{what}");
    }
    // Cut off within the member: the bot's token before it is still a bot's, and the answer counts as lost.
    let half = with(Some(&user));
    let (half, _) = half.split_once("chat").unwrap();
    let answer = Answer {
        status: 200,
        headers: HeaderMap::new(),
        body: Body::decoded(half.as_bytes().to_vec(), false, &HeaderMap::new()),
    };
    let Outcome::TryLater(passing) = parse(&answer, rules(false), noon()) else { panic!("half an answer") };
    assert_eq!(passing.kind, PassingKind::Ambiguous);
}
