//! What the tests of fedToken do all the time: accounts with tokens in a given state, the call, its answer.

use std::fmt::Debug;
use std::pin::Pin;

use sandbox::{Hold, IssuedTokens, Refusal};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::world::{Answer, As, Body, Engine, World};

/// The scopes of every set of tokens.
const SCOPES: &str = "openid offline_access profile email";

/// Asks for alice's tokens; `query` is empty or starts with `?`.
pub(crate) async fn fed_token(world: &World, who: &As, query: &str) -> Answer {
    fed_token_of(world, who, "alice", query).await
}

/// Asks for a subject's tokens.
pub(crate) async fn fed_token_of(world: &World, who: &As, subject: &str, query: &str) -> Answer {
    world.call("GET", &format!("/api/v3/users/{subject}/fedToken/box/box_1{query}"), who, Body::None).await
}

/// The token of an account, out of a 200.
#[track_caller]
pub(crate) fn token(answer: &Answer, sid: &str) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()[sid]["token"].as_str().unwrap_or_else(|| panic!("no {sid} in {}", answer.text())).to_owned()
}

/// Gives alice an account with these tokens, as an import does; `expires_in` counts from now, `None` leaves it out.
pub(crate) async fn give(
    world: &World,
    sid: &str,
    (access, refresh): (Option<&SecretString>, Option<&SecretString>),
    expires_in: Option<i64>,
) {
    let mut line = json!({"subject": "alice", "fpType": "box", "fpName": "box_1", "sid": sid});
    for (name, token) in [("accessToken", access), ("refreshToken", refresh)] {
        if let Some(token) = token {
            line[name] = json!(token.expose_secret());
        }
    }
    if let Some(seconds) = expires_in {
        line["expiresOn"] = json!(world.now().timestamp() + seconds);
    }
    world.import(line).await;
}

/// Gives alice an account whose access token has so many seconds left; gives what the sandbox issued.
pub(crate) async fn lasting(world: &World, sid: &str, seconds: i64) -> IssuedTokens {
    let tokens = world.sandbox.issue(sid, "fedlink", SCOPES);
    give(world, sid, (Some(&tokens.access_token), Some(&tokens.refresh_token)), Some(seconds)).await;
    tokens
}

/// Gives alice an account whose access token has just expired.
pub(crate) async fn expired(world: &World, sid: &str) -> IssuedTokens {
    lasting(world, sid, 0).await
}

/// What the detailed list says of one of alice's accounts.
pub(crate) async fn detail(world: &World, who: &As, sid: &str) -> Value {
    let list = world.call("GET", "/api/v3/users/alice/fa?detail=true", who, Body::None).await.json();
    let found = list.as_array().and_then(|links| links.iter().find(|link| link["sid"] == sid)).cloned();
    found.unwrap_or_else(|| panic!("no {sid} in {list}"))
}

/// One of alice's accounts as a search across all users tells it, but for whose it is.
pub(crate) async fn found(world: &World, who: &As, sid: &str) -> Value {
    let page = world.call("GET", &format!("/api/v3/fa?fp=box:box_1&sid={sid}"), who, Body::None).await.json();
    let mut link = page["links"][0].clone();
    let whose = link.as_object_mut().and_then(|link| link.remove("subject"));
    assert_eq!(whose.as_ref().and_then(Value::as_str), Some("alice"), "{page}");
    link
}

/// The health of one of alice's accounts.
pub(crate) async fn health(world: &World, who: &As, sid: &str) -> String {
    detail(world, who, sid).await["health"].as_str().expect("it has tokens").to_owned()
}

/// How often the sandbox was asked to refresh.
pub(crate) fn asked(world: &World) -> u64 {
    world.sandbox.counts().token_refresh
}

/// A world with alice's link `oleg`, which the provider has refused for good, once; it would grant by now.
pub(crate) async fn refused_for_good(engine: Engine) -> (World, As) {
    let world = World::frozen(engine).await;
    world.account("alice").await;
    let console = world.console().await;
    expired(&world, "oleg").await;
    let refuse = |refusal| world.sandbox.script().set(|settings| settings.refuse_refresh = refusal);
    refuse(Some(Refusal::new(400, "invalid_grant")));
    assert_eq!(fed_token(&world, &console, "").await.status, 404);
    refuse(None);
    assert_eq!((health(&world, &console, "oleg").await, asked(&world)), ("needs_consent".to_owned(), 1));
    (world, console)
}

/// Lets a call begin and gives it when the provider holds it.
pub(crate) async fn held<'a>(
    call: impl Future<Output = Answer> + 'a,
    hold: &Hold,
) -> Pin<Box<dyn Future<Output = Answer> + 'a>> {
    held_by(call, hold, 1).await
}

/// Lets a call, or several, begin and gives it when the provider holds so many calls.
pub(crate) async fn held_by<'a, A: Debug>(
    call: impl Future<Output = A> + 'a,
    hold: &Hold,
    arrivals: usize,
) -> Pin<Box<dyn Future<Output = A> + 'a>> {
    let mut call = Box::pin(call);
    tokio::select! {
        biased;
        () = hold.wait_for_arrivals(arrivals) => {}
        answer = &mut call => panic!("answered while the provider was silent: {answer:?}"),
    }
    call
}
