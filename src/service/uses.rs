//! When links' tokens were last handed out: noted in memory, written in batches, and only to the hour, since a read that
//! writes is no longer a cheap read.

use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use moka::sync::Cache;

use super::Parts;
use crate::domain::Result;
use crate::domain::ids::LinkId;
use crate::store::{at, uses::record};

/// A use is noted at most once in this time.
const GRAIN: TimeDelta = TimeDelta::hours(1);
/// Links whose last note is remembered; beyond that a use may be written more often.
const REMEMBERED: u64 = 1_000_000;

/// Uses that wait to be written.
pub struct Uses {
    /// By the clock that tests move, so not left to the cache's own idea of time.
    noted: Cache<LinkId, DateTime<Utc>>,
    waiting: Mutex<Vec<(LinkId, DateTime<Utc>)>>,
}

impl Default for Uses {
    fn default() -> Self {
        Self { noted: Cache::builder().max_capacity(REMEMBERED).build(), waiting: Mutex::new(Vec::new()) }
    }
}

impl Uses {
    /// Notes that a link's token is handed out.
    pub(super) fn note(&self, link: LinkId, now: DateTime<Utc>) {
        if self.noted.get(&link).is_none_or(|noted| now - noted >= GRAIN) {
            self.noted.insert(link, now);
            self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push((link, now));
        }
    }
}

/// Writes what waits, in one transaction; what cannot be written waits on.
pub(super) async fn flush(parts: &Parts) -> Result<()> {
    let waiting = std::mem::take(&mut *parts.uses.waiting.lock().unwrap_or_else(PoisonError::into_inner));
    if waiting.is_empty() {
        return Ok(());
    }
    let written = write(parts, &waiting).await;
    if written.is_err() {
        parts.uses.waiting.lock().unwrap_or_else(PoisonError::into_inner).extend(waiting);
    }
    written
}

async fn write(parts: &Parts, waiting: &[(LinkId, DateTime<Utc>)]) -> Result<()> {
    let mut tx = parts.store.begin().await?;
    for (link, moment) in waiting {
        record(tx.conn(), *link, at(*moment)).await?;
    }
    tx.commit().await
}
