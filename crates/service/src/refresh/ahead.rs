//! Refreshes before anybody asks: links in use whose token expires soon, and refresh tokens that would die of idleness. Under
//! the same lease as all others; spread over time, and over instances, so that nothing comes in masses.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;

use super::in_turn::in_turn;
use super::{news, notices};
use crate::{Current, Parts, boxed};
use domain::Result;
use domain::expiry::{Expiry, Lifetime};
use domain::refresh::Errand;
use domain::token::{Ahead, idle_since, is_due_ahead};
use domain::token_set::StaleSet;
use settings::Provider;
use store::stale::{list_expiring, list_idle, list_unstated};
use store::{self, at};

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
#[boxed]
pub async fn run(current: Current) {
    tokio::join!(keep_fresh(&current), see_to_marked(&current));
}

async fn keep_fresh(current: &Current) {
    let mut rounds = rounds();
    loop {
        rounds.tick().await;
        match tokio::time::timeout(ROUND, round(&current.take())).await {
            Ok(Ok(_refreshed)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "links could not be refreshed ahead"),
            Err(_elapsed) => tracing::info!("more links are due than a round has time for"),
        }
    }
}

async fn see_to_marked(current: &Current) {
    let mut rounds = rounds();
    loop {
        rounds.tick().await;
        let parts = current.take();
        if let Err(error) = notices::round(&parts).await {
            tracing::warn!(%error, "marked links could not be seen to");
        }
        if let Err(error) = news::round(&parts).await {
            tracing::warn!(%error, "what is new of links could not be told");
        }
        if let Err(error) = notices::forget(&parts).await {
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
#[boxed]
pub async fn round(parts: &Arc<Parts>) -> Result<usize> {
    if !parts.settings.tokens.refresh {
        return Ok(0);
    }
    Ok(expiring(parts).await? + unstated(parts).await? + idle(parts).await?)
}

/// How long ahead a provider's tokens are looked for.
fn widest(parts: &Parts, provider: &Provider) -> Duration {
    let ahead = parts.settings.tokens.refresh_ahead;
    if provider.refresh_dies_with_access { ahead.max(LAST_CHANCE) } else { ahead }
}

/// The links whose row says when their token expires.
async fn expiring(parts: &Arc<Parts>) -> Result<usize> {
    let widest = parts.settings.providers.values().map(|provider| widest(parts, provider)).max().unwrap_or_default();
    if widest.is_zero() {
        return Ok(0);
    }
    let now = parts.clock.now();
    let window = at(now)..at(now + TimeDelta::from_std(widest).unwrap_or(TimeDelta::zero()));
    let (mut after, mut refreshed) = (None, 0);
    loop {
        let by_leases = store::now(parts.clock.now());
        let sets = store::read!(parts.store, |conn| list_expiring(conn, by_leases, window.clone(), after, BATCH))?;
        after = sets.last().and_then(|set| Some((set.expires?, set.link)));
        let due: Vec<StaleSet> = sets.into_iter().filter(|set| is_due(parts, set, now)).collect();
        refreshed += due.len();
        refresh_all(parts, due).await;
        if after.is_none() {
            return Ok(refreshed);
        }
    }
}

/// The links of which only the settings say how long their token lives.
async fn unstated(parts: &Arc<Parts>) -> Result<usize> {
    let kinds: BTreeSet<(Duration, Duration)> = parts
        .settings
        .providers
        .values()
        .filter_map(|provider| match provider.lifetime? {
            Lifetime::Lasts(life) => Some((life, widest(parts, provider))),
            Lifetime::Endless => None,
        })
        .filter(|(_, widest)| !widest.is_zero())
        .collect();
    let mut refreshed = 0;
    for (life, widest) in kinds {
        refreshed += unstated_of(parts, life, widest).await?;
    }
    Ok(refreshed)
}

async fn unstated_of(parts: &Arc<Parts>, life: Duration, widest: Duration) -> Result<usize> {
    let now = parts.clock.now();
    let delta = |span| TimeDelta::from_std(span).unwrap_or(TimeDelta::zero());
    let window = at(now - delta(life))..at(now - delta(life) + delta(widest));
    let (mut after, mut refreshed) = (None, 0);
    loop {
        let by_leases = store::now(parts.clock.now());
        let sets = store::read!(parts.store, |conn| list_unstated(conn, by_leases, window.clone(), after, BATCH))?;
        after = sets.last().and_then(|set| Some((set.since()?, set.link)));
        let due: Vec<StaleSet> = sets.into_iter().filter(|set| is_due(parts, set, now)).collect();
        refreshed += due.len();
        refresh_all(parts, due).await;
        if after.is_none() {
            return Ok(refreshed);
        }
    }
}

fn is_due(parts: &Parts, set: &StaleSet, now: DateTime<Utc>) -> bool {
    let provider = set.provider.as_ref().and_then(|id| parts.settings.providers.get(id));
    // What is not to be remembered is not kept alive either.
    let Some(provider) = provider.filter(|provider| provider.remember_tokens) else { return false };
    let is_in_use = set.last_used.is_some_and(|used| now - used <= IN_USE);
    let ahead = match (provider.refresh_dies_with_access, is_in_use) {
        (true, _) => parts.settings.tokens.refresh_ahead.max(LAST_CHANCE),
        (false, true) => parts.settings.tokens.refresh_ahead,
        (false, false) => return false,
    };
    let at_least = if provider.refresh_dies_with_access { 3 * EVERY } else { Duration::ZERO };
    let ahead = Ahead { ahead, spread: parts.flights.spread(set.link), at_least };
    let expires = Expiry::read(set.expires, set.since(), provider.lifetime);
    // What counts from an import says how long the token lives here, not how long it lived; but of a stated end it says nothing.
    let since = if set.expires.is_some() { set.obtained } else { set.since() };
    is_due_ahead(expires, since, ahead, now)
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
async fn refresh_all(parts: &Arc<Parts>, due: Vec<StaleSet>) {
    join_all(due.into_iter().map(async |set| {
        let Some(provider) = &set.provider else { return };
        // How it ended is in the row and in the log.
        let _landed = in_turn(parts, provider, set.link, set.version, Errand::Renew).await;
    }))
    .await;
}
