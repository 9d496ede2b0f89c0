//! Tokens of many users in one request: what each entry is told, what a request may ask for, and what it takes of providers.

mod answers;
mod limits;
mod refreshes;

use serde_json::{Value, json};

use crate::support::world::{Answer, As, Body, World};

/// Asks for these.
pub(crate) async fn fed_tokens(world: &World, who: &As, entries: &[Value]) -> Answer {
    world.call("POST", "/api/v3/fedTokens", who, Body::Json(json!({ "tokens": entries }))).await
}

/// What each entry is told, out of a 200.
#[track_caller]
fn told(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["tokens"].as_array().expect("a list").clone()
}

/// An entry for a subject's only account at the sandbox.
pub(crate) fn of(subject: &str) -> Value {
    json!({"subject": subject, "fp": "box:box_1"})
}

/// Gives each of so many subjects, `PREFIX0` and so on, an account whose token has so many seconds left; gives their entries.
async fn users(world: &World, prefix: &str, count: usize, seconds: i64) -> Vec<Value> {
    let mut entries = Vec::with_capacity(count);
    for number in 0..count {
        let subject = format!("{prefix}{number}");
        let tokens = world.sandbox.issue(&subject, "fedlink", "openid offline_access profile email");
        let [access, refresh] = [&tokens.access_token, &tokens.refresh_token]
            .map(|token| secrecy::ExposeSecret::expose_secret(token).to_owned());
        world
            .import(json!({
                "subject": subject, "fpType": "box", "fpName": "box_1", "sid": subject, "accessToken": access, "refreshToken": refresh,
                "expiresOn": world.now().timestamp() + seconds,
            }))
            .await;
        entries.push(of(&subject));
    }
    entries
}
