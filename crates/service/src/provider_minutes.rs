//! What providers answered to refreshes, by the minute, written into the database: for charts that reach back a week without anybody
//! having scraped anything.

use chrono::TimeDelta;

use super::Parts;
use super::meters::minutes::{Sum, minute_of};
use crate::boxed;
use domain::Result;
use store::provider_minutes::{self, Minute};

/// How long minutes are kept in the database.
const KEPT_FOR: TimeDelta = TimeDelta::days(8);

/// Which minutes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Those that are over.
    Over,
    /// The one that is counted now as well: nothing comes any more.
    All,
}

/// Writes what was counted, and deletes what is too old; what can't be written waits.
#[boxed]
pub async fn write(parts: &Parts, which: Which) -> Result<()> {
    let this = minute_of(parts.clock.now());
    let before = if which == Which::All { i64::MAX } else { this };
    for (minute, answers) in parts.meters.minutes.before(before) {
        let mut tx = parts.store.begin().await?;
        for ((provider, outcome), Sum { count, millis }) in &answers {
            let counted = Minute { minute, provider, outcome, count: *count, millis: *millis };
            provider_minutes::write(tx.conn(), parts.presence.id, counted).await?;
        }
        tx.commit().await?;
        parts.meters.minutes.forget(minute);
    }
    let oldest = this - KEPT_FOR.num_minutes();
    provider_minutes::sweep(&mut parts.store.write().await?, oldest).await
}
