//! When links' tokens were last handed out: noted in memory, written in batches, and only to the hour, since a read that
//! writes is no longer a cheap read.

use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use moka::sync::Cache;

use domain::ids::LinkId;

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

    /// Takes what waits.
    pub(super) fn take(&self) -> Vec<(LinkId, DateTime<Utc>)> {
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts back what could not be written.
    pub(super) fn put_back(&self, unwritten: &[(LinkId, DateTime<Utc>)]) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(unwritten);
    }
}
