//! How long the record is kept: older lines are deleted, a few at a time, so that nobody who serves waits for it.

use std::time::Duration;

use chrono::TimeDelta;

use super::{Current, Parts};
use crate::boxed;
use domain::{Error, Result};
use store::{at, audit};

/// How often older lines are looked for.
const LOOK_EVERY: Duration = Duration::from_mins(1);
/// Between one batch and the next, however many there are: the database is everybody else's most of the time.
const PAUSE: Duration = Duration::from_millis(100);

/// Works until it is dropped.
#[boxed]
pub async fn run(current: Current) {
    let mut rounds = tokio::time::interval(LOOK_EVERY);
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        if let Err(error) = sweep(&current.take()).await {
            tracing::warn!(%error, "older lines of the record could not be deleted");
        }
    }
}

/// Deletes the lines that are older than the settings keep them, until there are none. Any number of instances may do so at once.
#[boxed]
pub async fn sweep(parts: &Parts) -> Result<()> {
    let keep = TimeDelta::from_std(parts.settings.audit.keep).map_err(Error::internal)?;
    let before = at(parts.clock.now() - keep);
    let mut place = None;
    loop {
        place = audit::sweep(&mut parts.store.write().await?, place, before).await?;
        if place.is_none() {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
}
