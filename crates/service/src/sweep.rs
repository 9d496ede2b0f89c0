//! What is done in the background: last uses written; flows, sessions, confirmations, codes and tokens past their time deleted.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::provider_minutes::{self as minutes, Which};
use super::{Current, Parts, bind, outbox};
use crate::boxed;
use domain::Result;
use domain::ids::LinkId;
use store::{
    at, attempts, client_assertions, condo_sessions, confirm_phone_actions, known_places, oauth_codes,
    oauth_refresh_tokens, oauth_tokens, served, sessions, uses,
};

/// How often last uses are written.
const FLUSH_EVERY: Duration = Duration::from_secs(5);
/// Of so many rounds one deletes.
const DELETE_EVERY: u32 = 12;
/// A flow's row outlives its time by this, so that its browser can be told that it is late.
const AFTERLIFE: TimeDelta = TimeDelta::minutes(10);
/// A used code stays this long, so that its second use is noticed as one (RFC 6749 §4.1.2).
const CODE_MEMORY: TimeDelta = TimeDelta::days(1);

/// What counts the tokens of a link has long been written when it is gone for so long.
const COUNTED: TimeDelta = TimeDelta::days(1);

/// What of counts can't be read is kept for so long, for whoever looks into it.
const SPOILT: TimeDelta = TimeDelta::days(30);

/// Links of one statement.
const BATCH: usize = 500;
/// Uses within this time are written as one moment's: they count to the hour.
const SAME: TimeDelta = TimeDelta::minutes(1);

/// Works until it is dropped.
#[boxed]
pub async fn run(current: Current) {
    let mut rounds = tokio::time::interval(FLUSH_EVERY);
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for round in 0_u32.. {
        rounds.tick().await;
        let parts = current.take();
        parts.wrong_secrets.tidy(parts.clock.now());
        parts.caller_sized.tidy(parts.clock.now());
        if let Err(error) = flush(&parts).await {
            tracing::warn!(%error, "last uses could not be written");
        }
        if round % DELETE_EVERY == 0 {
            if let Err(error) = delete(&parts).await {
                tracing::warn!(%error, "what is past its time could not be deleted");
            }
            if let Err(error) = minutes::write(&parts, Which::Over).await {
                tracing::warn!(%error, "what providers answered could not be written");
            }
        }
    }
}

/// Deletes flows, sessions, confirmations, codes, tokens, counts of tries and known places past their time; what a flow was granted
/// is queued for revocation. What is deleted is then in no log any more.
#[boxed]
pub async fn delete(parts: &Parts) -> Result<()> {
    let now = parts.clock.now();
    oauth_tokens::sweep(&mut parts.store.write().await?, at(now)).await?;
    oauth_refresh_tokens::sweep(&mut parts.store.write().await?, at(now)).await?;
    oauth_codes::sweep(&mut parts.store.write().await?, at(now - CODE_MEMORY)).await?;
    sessions::sweep(&mut parts.store.write().await?, at(now)).await?;
    condo_sessions::sweep(&mut parts.store.write().await?, at(now)).await?;
    confirm_phone_actions::sweep(&mut parts.store.write().await?, at(now)).await?;
    // A minute later than by this clock: it may be ahead of the one that wrote.
    client_assertions::sweep(&mut parts.store.write().await?, at(now - TimeDelta::minutes(1))).await?;
    attempts::sweep(&mut parts.store.write().await?, at(now)).await?;
    known_places::sweep(&mut parts.store.write().await?, at(now)).await?;
    outbox::sweep(parts).await?;
    served::sweep(&mut parts.store.write().await?, at(now - COUNTED), at(now - SPOILT)).await?;
    bind::sweep(parts, now - AFTERLIFE).await?;
    // Who reads in it is let be; there is another round.
    parts.store.empty_log().await.map(|_| ())
}

/// Writes what waits, last uses and what providers answered; for a clean end.
#[boxed]
pub async fn finish(parts: &Parts) -> Result<()> {
    flush(parts).await?;
    minutes::write(parts, Which::All).await
}

/// Writes what waits, many links at a time; what cannot be written waits on.
async fn flush(parts: &Parts) -> Result<()> {
    let waiting = parts.uses.take();
    let mut unwritten = waiting.as_slice();
    while let Some((_, first)) = unwritten.first() {
        let about_then = |(_, moment): &&(LinkId, DateTime<Utc>)| *moment - *first < SAME;
        let (batch, others) = unwritten.split_at(unwritten.iter().take(BATCH).take_while(about_then).count());
        let links: Vec<LinkId> = batch.iter().map(|(link, _)| *link).collect();
        let written = async { uses::record(&mut parts.store.write().await?, &links, at(*first)).await };
        if let Err(error) = written.await {
            parts.uses.put_back(unwritten);
            return Err(error);
        }
        unwritten = others;
    }
    Ok(())
}
