//! What is counted is added to the record.

use std::time::Duration;

use super::counts::Batch;
use super::{Current, Parts};
use domain::Result;
use store::audit::add;

/// How long a count waits to be written.
const WRITE_EVERY: Duration = Duration::from_secs(10);
/// Lines of one transaction.
const AT_ONCE: usize = 500;

/// Works until it is dropped.
pub async fn run(current: Current) {
    let mut rounds = tokio::time::interval(WRITE_EVERY);
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let counts = &current.take().counts;
        tokio::select! {
            _ = rounds.tick() => {}
            () = counts.full.notified() => {}
        }
        if let Err(error) = write(&current.take()).await {
            tracing::warn!(%error, "what was counted could not be added to the record");
            // Full or not, the database has its time.
            rounds.tick().await;
        }
    }
}

/// Adds what is counted to the record.
pub async fn write(parts: &Parts) -> Result<()> {
    let mut batch = parts.counts.batch.lock().await;
    // What an earlier write left unknown, and then what came since.
    for _ in 0..2 {
        if batch.is_none() {
            let lines = parts.counts.take(parts.presence.id);
            if lines.is_empty() {
                return Ok(());
            }
            *batch = Some(Batch { id: parts.entropy.uuid(), lines });
        }
        if let Some(Batch { id, lines }) = &*batch {
            // Others write in between. Where it breaks off, those that are added already are passed over the next time.
            for lines in lines.chunks(AT_ONCE) {
                let mut tx = parts.store.begin().await?;
                add(tx.conn(), lines, *id).await?;
                tx.commit().await?;
            }
            *batch = None;
        }
    }
    Ok(())
}
