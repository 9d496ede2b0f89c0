//! When links' tokens were last handed out: noted in memory, written in batches, and only to the hour, since a read that
//! writes is no longer a cheap read.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use moka::sync::Cache;

use super::Parts;
use crate::domain::Result;
use crate::domain::ids::LinkId;
use crate::store::{at, uses::record};

/// A use is noted at most once in this time.
const GRAIN: Duration = Duration::from_hours(1);
/// Links whose last note is remembered; beyond that a use may be written more often.
const REMEMBERED: u64 = 1_000_000;

/// Uses that wait to be written.
pub struct Uses {
    noted: Cache<LinkId, ()>,
    waiting: Mutex<Vec<(LinkId, DateTime<Utc>)>>,
}

impl Default for Uses {
    fn default() -> Self {
        Self {
            noted: Cache::builder().max_capacity(REMEMBERED).time_to_live(GRAIN).build(),
            waiting: Mutex::new(Vec::new()),
        }
    }
}

impl Uses {
    /// Notes that a link's token is handed out.
    pub(super) fn note(&self, link: LinkId, now: DateTime<Utc>) {
        if !self.noted.contains_key(&link) {
            self.noted.insert(link, ());
            self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push((link, now));
        }
    }
}

/// Writes what waits, in one transaction.
pub(super) async fn flush(parts: &Parts) -> Result<()> {
    let waiting = std::mem::take(&mut *parts.uses.waiting.lock().unwrap_or_else(PoisonError::into_inner));
    if waiting.is_empty() {
        return Ok(());
    }
    let mut tx = parts.store.begin().await?;
    for (link, moment) in waiting {
        record(tx.conn(), link, at(moment)).await?;
    }
    tx.commit().await
}
