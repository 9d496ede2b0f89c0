//! Refreshes before anybody asks: links in use whose token expires soon, and refresh tokens that would die of idleness. Under
//! the same lease as all others; spread over time, and over instances, so that nothing comes in masses.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;

use super::notices;
use crate::domain::Result;
use crate::domain::ids::{LinkId, ProviderId};
use crate::domain::refresh::Errand;
use crate::domain::token::{Ahead, Expiry, idle_since, is_due_ahead};
use crate::service::Parts;
use crate::service::flights::{Landing, join};
use crate::store::stale::{StaleRow, list_expiring, list_idle};
use crate::store::{self, at};

/// How often links are looked for.
const EVERY: Duration = Duration::from_secs(15);
/// A link is in use if its token was handed out within this time.
const IN_USE: TimeDelta = TimeDelta::weeks(1);
/// Rows of one query; also how many idle links a round takes of a provider, which spreads them over time.
const BATCH: i64 = 200;
/// Where the refresh token dies with the access token, it is refreshed at least this long ahead, in use or not.
const LAST_CHANCE: Duration = Duration::from_mins(5);

/// A round ends after this time, whatever is still in the air or waits for its turn: a provider that is slow must not keep
/// the links of others waiting for the next round, which starts with the most urgent again.
const ROUND: Duration = Duration::from_mins(1);

/// Works until it is dropped: refreshes ahead, and sees to marked links.
pub async fn run(parts: Arc<Parts>) {
    tokio::join!(keep_fresh(&parts), see_to_marked(&parts));
}

async fn keep_fresh(parts: &Arc<Parts>) {
    let mut rounds = rounds();
    loop {
        rounds.tick().await;
        match tokio::time::timeout(ROUND, round(parts)).await {
            Ok(Ok(_refreshed)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "links could not be refreshed ahead"),
            Err(_elapsed) => tracing::info!("more links are due than a round has time for"),
        }
    }
}

async fn see_to_marked(parts: &Arc<Parts>) {
    let mut rounds = rounds();
    loop {
        rounds.tick().await;
        if let Err(error) = notices::round(parts).await {
            tracing::warn!(%error, "marked links could not be seen to");
        }
        if let Err(error) = notices::forget(parts).await {
            tracing::warn!(%error, "dead refresh tokens could not be let go");
        }
    }
}

fn rounds() -> tokio::time::Interval {
    let mut rounds = tokio::time::interval(EVERY);
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    rounds
}

/// Refreshes what is due now; gives how many links were.
pub async fn round(parts: &Arc<Parts>) -> Result<usize> {
    Ok(expiring(parts).await? + idle(parts).await?)
}

async fn expiring(parts: &Arc<Parts>) -> Result<usize> {
    let ahead = parts.settings.tokens.refresh_ahead;
    let dies = parts.settings.providers.values().any(|provider| provider.refresh_dies_with_access);
    let widest = if dies { ahead.max(LAST_CHANCE) } else { ahead };
    if widest.is_zero() {
        return Ok(0);
    }
    let now = parts.clock.now();
    let window = (at(now), at(now + TimeDelta::from_std(widest).unwrap_or(TimeDelta::zero())));
    let (mut after, mut refreshed) = (None, 0);
    loop {
        let by_leases = store::now(parts.clock.now());
        let rows = store::read!(parts.store, |conn| list_expiring(conn, by_leases, window, after, BATCH))?;
        after = rows.last().and_then(|row| Some((row.expires_at?, row.link_id)));
        let due: Vec<StaleRow> = rows.into_iter().filter(|row| is_due(parts, row, now)).collect();
        refreshed += due.len();
        refresh_all(parts, due).await;
        if after.is_none() {
            return Ok(refreshed);
        }
    }
}

fn is_due(parts: &Parts, row: &StaleRow, now: DateTime<Utc>) -> bool {
    let provider = provider(row).and_then(|id| parts.settings.providers.get(&id));
    // What is not to be remembered is not kept alive either.
    let Some(provider) = provider.filter(|provider| provider.remember_tokens) else { return false };
    let is_in_use = row.last_used.is_some_and(|used| now - used.0 <= IN_USE);
    let ahead = match (provider.refresh_dies_with_access, is_in_use) {
        (true, _) => parts.settings.tokens.refresh_ahead.max(LAST_CHANCE),
        (false, true) => parts.settings.tokens.refresh_ahead,
        (false, false) => return false,
    };
    let at_least = if provider.refresh_dies_with_access { 3 * EVERY } else { Duration::ZERO };
    let ahead = Ahead { ahead, spread: parts.flights.spread(LinkId(row.link_id.0)), at_least };
    is_due_ahead(Expiry::from(row.expires_at.map(|at| at.0)), row.obtained_at.map(|at| at.0), ahead, now)
}

async fn idle(parts: &Arc<Parts>) -> Result<usize> {
    let mut refreshed = 0;
    for (id, provider) in &parts.settings.providers {
        let Some(life) = provider.idle_life.filter(|_| provider.remember_tokens) else { continue };
        let (by_leases, before) = (store::now(parts.clock.now()), at(idle_since(life, parts.clock.now())));
        let due = store::read!(parts.store, |conn| list_idle(conn, by_leases, id, before, BATCH))?;
        refreshed += due.len();
        refresh_all(parts, due).await;
    }
    Ok(refreshed)
}

/// Refreshes all of them, no more at a time than half of what a provider bears.
async fn refresh_all(parts: &Arc<Parts>, due: Vec<StaleRow>) {
    join_all(due.into_iter().map(async |row| {
        let Some(provider) = provider(&row) else { return };
        // How it ended is in the row and in the log.
        let _landed = in_turn(parts, &provider, (LinkId(row.link_id.0), row.version), Errand::Renew).await;
    }))
    .await;
}

/// Has a link refreshed when it is the background's turn; `None`: the refresh panicked, which has been logged.
pub(super) async fn in_turn(
    parts: &Arc<Parts>,
    provider: &ProviderId,
    which: (LinkId, i64),
    errand: Errand,
) -> Option<Landing> {
    let lane = parts.flights.lane(provider);
    // Before the flight, not in it: a caller who joins it must not wait in the queue of the background.
    let _turn = lane.background.acquire().await.ok()?;
    join(parts, provider, which, errand).await.ok()
}

fn provider(row: &StaleRow) -> Option<ProviderId> {
    ProviderId::parse(&row.fp_type, &row.fp_name).ok()
}
