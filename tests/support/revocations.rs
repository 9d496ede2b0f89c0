//! What tests of revocations do all the time: unlink, let the queue be worked off, read what was recorded.

use sandbox::IssuedTokens;
use secrecy::ExposeSecret as _;
use service::revoke;

use super::database::{count, texts};
use super::world::{As, Body, World};

/// What is recorded of tokens that are dead.
pub(crate) const REVOKED: &str = "FEDERATION_TOKENS_REVOKED";
/// What is recorded of tokens left alone because the account holds some again.
pub(crate) const SPARED: &str = "FEDERATION_REVOCATION_SPARED";

/// Removes alice's link.
pub(crate) async fn unlink(world: &World, console: &As, sid: &str) {
    let gone = world.call("DELETE", &format!("/api/v3/users/alice/fa/box/box_1/{sid}"), console, Body::None).await;
    assert_eq!(gone.status, 204, "{}", gone.text());
}

/// Does what the background does every few seconds.
pub(crate) async fn work(world: &World) {
    revoke::run_due(&world.app.parts).await.expect("the queue is worked off");
}

/// How many revocations wait.
pub(crate) async fn waiting(world: &World) -> usize {
    count(world, "revocations").await
}

/// How revocations ended, by the audit record, oldest first: the event, and after a blank the detail.
pub(crate) async fn ends(world: &World) -> Vec<String> {
    let query = "SELECT rtrim(event || ' ' || coalesce(detail, '')) AS value FROM audit \
                 WHERE event LIKE 'FEDERATION_REVOCATION%' OR event = 'FEDERATION_TOKENS_REVOKED' ORDER BY at, event";
    texts(&world.database_url, query).await
}

/// Which of the tokens the sandbox still accepts: the access token, the refresh token.
pub(crate) fn alive(world: &World, tokens: &IssuedTokens) -> (bool, bool) {
    (
        world.sandbox.is_active(tokens.access_token.expose_secret()),
        world.sandbox.is_active(tokens.refresh_token.expose_secret()),
    )
}
