//! What an app in user mode does: it sends its user to the authorization endpoint, and redeems what comes back.

use serde_json::Value;
use url::form_urlencoded;

use super::browser::{Browser, query};
use super::world::{Answer, As, Body, CHALLENGE, CONSOLE, CONSOLE_SECRET, VERIFIER, World};

/// [`CONSOLE`] at the token endpoint.
pub(crate) const AS_CONSOLE: As = As::Basic(CONSOLE, CONSOLE_SECRET);
/// The second client there.
pub(crate) const AS_RIVAL: As = As::Basic("rival", "rival-secret-of-tests");
/// Where users of [`CONSOLE`] and the rival come back to.
pub(crate) const REDIRECT_URI: &str = "https://app.example/signed-in";

/// An authorization request as [`CONSOLE`] makes it.
pub(crate) const REQUEST: [(&str, &str); 6] = [
    ("response_type", "code"),
    ("client_id", CONSOLE),
    ("redirect_uri", REDIRECT_URI),
    ("code_challenge", CHALLENGE),
    ("code_challenge_method", "S256"),
    ("state", "af0ifjsldkj"),
];

/// The address of an authorization request with these parameters.
pub(crate) fn address(world: &World, params: &[(&str, &str)]) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish();
    format!("{}/blitz/oauth/ae?{query}", world.base)
}

/// [`REQUEST`] with some parameters changed; one that is changed to nothing is left out.
pub(crate) fn request_with<'a>(changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let kept = REQUEST.into_iter().filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    kept.chain(changes.iter().copied().filter(|(_, value)| !value.is_empty())).collect()
}

/// Sends this browser through an authorization request.
pub(crate) async fn ask(world: &World, browser: &mut Browser, changes: &[(&str, &str)]) -> Answer {
    browser.go(world, "GET", &address(world, &request_with(changes)), Body::None).await
}

/// A code for `subject` out of a request with these changes.
pub(crate) async fn code_with(world: &World, subject: &str, changes: &[(&str, &str)]) -> String {
    let mut browser = Browser::default();
    browser.sign_in(world, subject).await;
    let answer = ask(world, &mut browser, changes).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    let told = query(&answer.location());
    told.get("code").unwrap_or_else(|| panic!("no code in {told:?}")).clone()
}

/// A code for `subject` at [`CONSOLE`].
pub(crate) async fn code(world: &World, subject: &str) -> String {
    code_with(world, subject, &[]).await
}

/// Asks `te` as `who`.
pub(crate) async fn te(world: &World, who: &As, fields: &[(&'static str, &str)]) -> Answer {
    let fields = fields.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    world.call("POST", "/oauth/te", who, Body::Form(fields)).await
}

/// Redeems a code as `who`, with all that belongs to it.
pub(crate) async fn redeem(world: &World, who: &As, code: &str) -> Answer {
    redeem_with(world, who, (code, REDIRECT_URI, VERIFIER)).await
}

/// Redeems a code with a redirect URI and a verifier.
pub(crate) async fn redeem_with(world: &World, who: &As, (code, uri, verifier): (&str, &str, &str)) -> Answer {
    let grant = ("grant_type", "authorization_code");
    te(world, who, &[grant, ("code", code), ("redirect_uri", uri), ("code_verifier", verifier)]).await
}

/// Refreshes as `who`.
pub(crate) async fn refresh(world: &World, who: &As, token: &str) -> Answer {
    te(world, who, &[("grant_type", "refresh_token"), ("refresh_token", token)]).await
}

/// Both tokens out of a 200.
#[track_caller]
pub(crate) fn tokens(answer: &Answer) -> (String, String) {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let body = answer.json();
    let text = |name: &str| body[name].as_str().unwrap_or_else(|| panic!("no {name}")).to_owned();
    (text("access_token"), text("refresh_token"))
}

/// Access and refresh token of `subject` at [`CONSOLE`].
pub(crate) async fn signed_in(world: &World, subject: &str) -> (String, String) {
    let code = code(world, subject).await;
    tokens(&redeem(world, &AS_CONSOLE, &code).await)
}

/// Asks about a token as `who`.
pub(crate) async fn introspect(world: &World, who: &As, token: &str) -> Value {
    let form = Body::Form(vec![("token", token.to_owned())]);
    let answer = world.call("POST", "/oauth/introspect", who, form).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// Revokes a token as `who`.
pub(crate) async fn revoke(world: &World, who: &As, token: &str) -> Answer {
    world.call("POST", "/oauth/revoke", who, Body::Form(vec![("token", token.to_owned())])).await
}

/// The status of the list of `subject`'s links, asked with this access token.
pub(crate) async fn list(world: &World, token: &str, subject: &str) -> u16 {
    let target = format!("/api/v3/users/{subject}/fa");
    world.call("GET", &target, &As::Bearer(token.to_owned()), Body::None).await.status
}
