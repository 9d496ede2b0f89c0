//! The background's turn: it asks a provider less at once than callers do.

use std::sync::Arc;

use super::flights::Landing;
use super::join::join;
use crate::service::Parts;
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
