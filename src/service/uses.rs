//! When links' tokens were last handed out: noted in memory, written in batches, and only to the hour, since a read that
//! writes is no longer a cheap read.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use ahash::RandomState;
use chrono::{DateTime, TimeDelta, Utc};

use domain::ids::LinkId;

/// A use is noted at most once in this time.
const GRAIN: TimeDelta = TimeDelta::hours(1);
/// Links whose last note is remembered at most; beyond half of that a use may be written more often.
const REMEMBERED: usize = 1_000_000;
/// Parts with a lock of their own each: the one that grows holds up few.
const PARTS: usize = 16;

/// Uses that wait to be written.
#[derive(Default)]
pub struct Uses {
    noted: [Mutex<Noted>; PARTS],
    waiting: Mutex<Vec<(LinkId, DateTime<Utc>)>>,
}

/// When links' uses were noted. What is too old to count goes with all that is as old, and costs nothing before.
#[derive(Default)]
struct Noted {
    /// Since when.
    since: DateTime<Utc>,
    lately: HashMap<LinkId, DateTime<Utc>, RandomState>,
    /// Those before.
    earlier: HashMap<LinkId, DateTime<Utc>, RandomState>,
}

impl Noted {
    /// Notes a use, unless one was noted lately; says whether it did.
    fn note(&mut self, link: LinkId, now: DateTime<Utc>) -> bool {
        let noted = self.lately.get(&link).or_else(|| self.earlier.get(&link));
        if noted.is_some_and(|noted| now - *noted < GRAIN) {
            return false;
        }
        if now - self.since >= GRAIN || self.lately.len() >= REMEMBERED / PARTS / 2 {
            self.earlier = std::mem::take(&mut self.lately);
            self.since = now;
        }
        self.lately.insert(link, now);
        true
    }
}

impl Uses {
    /// Notes that a link's token is handed out.
    pub(super) fn note(&self, link: LinkId, now: DateTime<Utc>) {
        // The last byte of an id is random: the parts fill alike.
        let Some(part) = self.noted.get(usize::from(link.0.as_bytes()[15]) % PARTS) else { return };
        let is_new = part.lock().unwrap_or_else(PoisonError::into_inner).note(link, now);
        if is_new {
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

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    /// A link; all are in the same part.
    fn link(number: usize) -> LinkId {
        LinkId(Uuid::from_u128(u128::try_from(number * 256).unwrap()))
    }

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::minutes(minutes)
    }

    #[test]
    fn a_use_is_noted_once_an_hour() {
        let uses = Uses::default();
        // Each hour counts from the use that was noted, whatever else was noted and forgotten meanwhile.
        for (minutes, used, noted) in [
            (0, 1, true),
            (30, 1, false),
            (50, 2, true),
            (59, 1, false),
            (60, 1, true),
            (109, 2, false),
            (110, 2, true),
            (119, 1, false),
            (130, 3, true),
            (169, 2, false),
            (170, 2, true),
            (180, 1, true),
            (189, 3, false),
            (190, 3, true),
            (10_000, 1, true),
        ] {
            uses.note(link(used), at(minutes));
            let expected: Vec<_> = noted.then_some((link(used), at(minutes))).into_iter().collect();
            assert_eq!(uses.take(), expected, "{used} after {minutes} minutes");
        }
        uses.put_back(&[(link(4), at(0))]);
        assert_eq!(uses.take(), [(link(4), at(0))]);
    }

    #[test]
    fn no_more_is_remembered_than_counts() {
        let remembered = |noted: &Noted| noted.lately.len() + noted.earlier.len();
        let mut noted = Noted::default();
        for number in 0..REMEMBERED {
            assert!(noted.note(link(number), at(0)));
            assert!(remembered(&noted) <= REMEMBERED / PARTS);
        }
        for lately in 1..=REMEMBERED / PARTS {
            assert!(!noted.note(link(REMEMBERED - lately), at(59)), "who came last is remembered: {lately}");
        }
        // An hour later nobody has to be remembered, and two hours later nobody is.
        assert!(noted.note(link(0), at(60)));
        assert!(noted.note(link(1), at(120)));
        assert_eq!(remembered(&noted), 2);
    }
}
