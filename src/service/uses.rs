//! When links' tokens were last handed out: noted in memory, written in batches, and only to the hour, since a read that
//! writes is no longer a cheap read.

use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use moka::sync::Cache;

use super::Parts;
use domain::Result;
use domain::ids::LinkId;
use store::{at, uses::record};

/// A use is noted at most once in this time.
const GRAIN: TimeDelta = TimeDelta::hours(1);
/// Links whose last note is remembered; beyond that a use may be written more often.
const REMEMBERED: u64 = 1_000_000;

/// Links of one statement.
const BATCH: usize = 500;
/// Uses within this time are written as one moment's: they count to the hour.
const SAME: TimeDelta = TimeDelta::minutes(1);

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

/// Writes what waits, many links at a time; what cannot be written waits on.
pub(super) async fn flush(parts: &Parts) -> Result<()> {
    let waiting = std::mem::take(&mut *parts.uses.waiting.lock().unwrap_or_else(PoisonError::into_inner));
    let mut unwritten = waiting.as_slice();
    while let Some((_, first)) = unwritten.first() {
        let about_then = |(_, moment): &&(LinkId, DateTime<Utc>)| *moment - *first < SAME;
        let (batch, others) = unwritten.split_at(unwritten.iter().take(BATCH).take_while(about_then).count());
        let links: Vec<LinkId> = batch.iter().map(|(link, _)| *link).collect();
        let written = async { record(&mut parts.store.write().await?, &links, at(*first)).await };
        if let Err(error) = written.await {
            parts.uses.waiting.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(unwritten);
            return Err(error);
        }
        unwritten = others;
    }
    Ok(())
}
