//! What follows a mark: a second look at links that were marked on thin evidence, the word that users have to consent again,
//! and, long after, the end of the dead refresh token.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::flights::Landing;
use super::in_turn::in_turn;
use crate::audit::{About, record};
use crate::{Parts, boxed};
use domain::Result;
use domain::event::{Actor, Event};
use domain::link::Health;
use domain::refresh::{Errand, SECOND_LOOK};
use domain::token_set::DeadSet;
use store::marks::{forget_dead, list_due, put_off, tell};

/// Marks looked at in one round.
const BATCH: i64 = 100;
/// A dead refresh token is kept so long: a late answer, or an operator, may show that it wasn't.
const KEPT_DEAD: Duration = Duration::from_hours(30 * 24);

/// Looks again where that is due, and tells what still stands; gives how many links were told of. Any number of instances
/// may do so at once: each mark is told once.
#[boxed]
pub async fn round(parts: &Arc<Parts>) -> Result<usize> {
    // Where nobody may look again, nothing is told on thin evidence either.
    if !parts.settings.tokens.refresh {
        return Ok(0);
    }
    let now = store::now(parts.clock.now());
    let due = store::read!(parts.store, |conn| list_due(conn, now, BATCH))?;
    let (to_look_at, to_tell): (Vec<DeadSet>, Vec<DeadSet>) =
        due.into_iter().partition(|marked| can_look(parts, marked));
    join_all(to_look_at.iter().map(async |marked| look_again(parts, marked).await)).await;
    let mut told = 0;
    for marked in to_tell {
        told += usize::from(tell_of(parts, &marked).await?);
    }
    Ok(told)
}

/// Drops the refresh tokens of links that have been dead for long; gives how many.
#[boxed]
pub async fn forget(parts: &Parts) -> Result<usize> {
    let now = store::now(parts.clock.now());
    forget_dead(&mut parts.store.write().await?, now, KEPT_DEAD).await
}

fn can_look(parts: &Parts, marked: &DeadSet) -> bool {
    marked.second_look
        && marked.has_refresh
        && marked.provider.as_ref().is_some_and(|id| parts.upstream.provider(id).is_some())
}

/// Asks once more. What comes of it is in the row: new tokens, or a mark that is to be told at once; or, after a failure in
/// passing, nothing new, and a later round tries again.
async fn look_again(parts: &Arc<Parts>, marked: &DeadSet) {
    let Some(provider) = &marked.provider else { return };
    let wait = match in_turn(parts, provider, marked.link, marked.version, Errand::SecondLook).await {
        // The mark is told at once, or is no more; or nothing can be written anyway.
        Some(Landing::Read | Landing::Gone | Landing::StorageAway) => return,
        Some(Landing::Rest(until)) => until.saturating_sub(parts.clock.monotonic()),
        Some(Landing::Broken) | None => SECOND_LOOK,
    };
    // Those that nothing came of must not keep the others waiting: a round has only so many.
    let now = store::now(parts.clock.now());
    let put_off = async { put_off(&mut parts.store.write().await?, marked, now, wait).await };
    if let Err(error) = put_off.await {
        tracing::warn!(link = %marked.link, %error, "a second look could not be put off");
    }
}

async fn tell_of(parts: &Parts, marked: &DeadSet) -> Result<bool> {
    let event = match marked.health {
        Health::LostInFlight => Event::RefreshLost,
        _ => Event::ConsentNeeded,
    };
    let mut tx = parts.store.begin().await?;
    // What a process of ours lost is told at once; should the provider take the token all the same, a second look finds out.
    let is_ours = marked.abandoned && marked.health == Health::LostInFlight;
    let look_in = (is_ours && marked.has_refresh && !marked.told).then_some(SECOND_LOOK);
    // Between the reading and this statement a late answer may have healed it, or another instance told it.
    if !tell(tx.conn(), marked, store::now(parts.clock.now()), look_in).await? {
        return Ok(false);
    }
    if marked.told {
        // It was to be looked at once more, and can't be.
        tx.commit().await?;
        return Ok(false);
    }
    let detail = match &marked.refused_word {
        Some(word) => format!("{}: {word}", marked.health.as_str()),
        None => marked.health.as_str().to_owned(),
    };
    let about = About {
        subject: Some(&marked.subject),
        provider: marked.provider.as_ref(),
        sid: Some(&marked.sid),
        detail: Some(&detail),
    };
    record(parts, &mut tx, event, &Actor::default(), about).await?;
    tx.commit().await?;
    Ok(true)
}
