//! What providers answered to refreshes, by the minute, until it is written.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};

use domain::ids::ProviderId;

/// Minutes that wait at most, while nothing can be written: the oldest go.
const MOST: usize = 60;

/// Minutes that are not written yet.
#[derive(Default)]
pub(crate) struct Minutes(Mutex<BTreeMap<i64, Answers>>);

/// By provider and what came of it.
pub(crate) type Answers = BTreeMap<(ProviderId, &'static str), Sum>;

/// How many, and how long they took together.
#[derive(Clone, Copy, Default)]
pub(crate) struct Sum {
    pub(crate) count: i64,
    pub(crate) millis: i64,
}

/// The minute of a moment, since 1970.
pub(crate) fn minute_of(moment: DateTime<Utc>) -> i64 {
    moment.timestamp().div_euclid(60)
}

impl Minutes {
    pub(super) fn add(&self, now: DateTime<Utc>, provider: &ProviderId, outcome: &'static str, took: Duration) {
        let mut minutes = self.minutes();
        let sum = minutes.entry(minute_of(now)).or_default().entry((provider.clone(), outcome)).or_default();
        sum.count = sum.count.saturating_add(1);
        sum.millis = sum.millis.saturating_add(i64::try_from(took.as_millis()).unwrap_or(i64::MAX));
        if minutes.len() > MOST {
            minutes.pop_first();
        }
    }

    /// Those before this one, oldest first.
    pub(crate) fn before(&self, minute: i64) -> Vec<(i64, Answers)> {
        self.minutes().range(..minute).map(|(minute, answers)| (*minute, answers.clone())).collect()
    }

    /// Forgets one that is written.
    pub(crate) fn forget(&self, minute: i64) {
        self.minutes().remove(&minute);
    }

    fn minutes(&self) -> MutexGuard<'_, BTreeMap<i64, Answers>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
