//! Turns: the background, and batches, ask a provider less at once than who waits for one token does.

use std::sync::Arc;

use super::flights::Landing;
use super::join::join;
use crate::Parts;
use domain::ids::{LinkId, ProviderId};
use domain::refresh::Errand;

/// Has a link refreshed when it is the background's turn; `None`: the refresh panicked, which has been logged.
pub(super) async fn in_turn(
    parts: &Arc<Parts>,
    provider: &ProviderId,
    link: LinkId,
    version: i64,
    errand: Errand,
) -> Option<Landing> {
    let lane = parts.flights.lane(provider, parts.settings.tokens.max_concurrency);
    // Before the flight, not in it: a caller who joins it must not wait in the queue of the background.
    let _turn = lane.background.acquire().await.ok()?;
    join(parts, provider, link, version, errand).await.ok()
}

/// Has a link refreshed when it is the batches' turn; `None`: the refresh panicked, which has been logged. Whose caller goes
/// before it is their turn has begun nothing; what has begun keeps its turn to its end, or as many more could begin behind
/// them.
pub(crate) async fn in_batch(parts: &Arc<Parts>, provider: &ProviderId, link: LinkId, version: i64) -> Option<Landing> {
    let lane = parts.flights.lane(provider, parts.settings.tokens.max_concurrency);
    let turn = Arc::clone(&lane.batches).acquire_owned().await.ok()?;
    let flight = join(parts, provider, link, version, Errand::Renew);
    let landing = flight.clone();
    parts.runtime.spawn(async move {
        // How it ended is told by the other.
        let _landed = flight.await;
        drop(turn);
    });
    landing.await.ok()
}
