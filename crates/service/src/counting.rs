//! What is counted is written, a second later at most.

use std::time::Duration;

use uuid::Uuid;

use super::audit::log;
use super::counts::Batch;
use super::{Current, Parts};
use crate::boxed;
use domain::Result;
use domain::served::{Head, Page};
use store::audit::add;
use store::{at, served};

/// How long a count waits to be written.
const WRITE_EVERY: Duration = Duration::from_secs(1);
/// Lines of one transaction.
const AT_ONCE: usize = 500;

/// Works until it is dropped.
#[boxed]
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

/// Writes what is counted: tokens on pages, from which they get into the record later ([`super::folding`]), all else into the record.
/// What comes meanwhile is left to the next time: each commit costs every reader its cache.
#[boxed]
pub async fn write(parts: &Parts) -> Result<()> {
    let mut batch = parts.counts.batch.lock().await;
    // What an earlier write left unknown.
    write_batch(parts, &mut batch).await?;
    *batch = parts.counts.take(parts.presence.id, parts.entropy.uuid());
    write_batch(parts, &mut batch).await
}

/// Writes a batch, if there is one, and then there is none.
async fn write_batch(parts: &Parts, batch: &mut Option<Batch>) -> Result<()> {
    let Some(Batch { id, pages, lines }) = &*batch else { return Ok(()) };
    write_pages(parts, *id, pages).await?;
    // Others write in between. Where it breaks off, those that are added already are passed over the next time.
    for lines in lines.chunks(AT_ONCE) {
        let mut tx = parts.store.begin().await?;
        // Those that were added before have been told.
        if add(tx.conn(), lines, *id).await? > 0 {
            log(parts.settings.audit, &mut tx, lines);
        }
        tx.commit().await?;
    }
    *batch = None;
    Ok(())
}

/// Writes the pages of a batch, unless they are written.
async fn write_pages(parts: &Parts, batch: Uuid, pages: &[Page]) -> Result<()> {
    if pages.is_empty() {
        return Ok(());
    }
    let (writer, now) = (parts.presence.id, parts.clock.now());
    let mut tx = parts.store.begin().await?;
    if served::begin(tx.conn(), writer, batch, at(now)).await? {
        for page in pages {
            let (id, entries) = (parts.entropy.uuid(), page.entries().len());
            let head = Head { id, writer, hour: page.hour(), level: 0, entries, folded: 0, written: now };
            served::insert(tx.conn(), &head, page.pack()).await?;
        }
        tx.commit().await?;
    }
    Ok(())
}
