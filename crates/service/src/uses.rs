//! When links' tokens were last handed out: noted in memory, written in batches, and only to the hour, since a read that
//! writes is no longer a cheap read.

use std::array;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};

use domain::ids::LinkId;
use domain::lately::Lately;

/// A use is noted at most once in this time.
const GRAIN: Duration = Duration::from_hours(1);
/// Links whose last note is remembered at most; beyond half of that a use may be written more often.
const REMEMBERED: usize = 1_000_000;
/// Parts with a lock of their own each: the one that grows holds up few.
const PARTS: usize = 16;

/// Uses that wait to be written.
pub struct Uses {
    noted: [Mutex<Noted>; PARTS],
    waiting: Mutex<Vec<(LinkId, DateTime<Utc>)>>,
}

impl Default for Uses {
    fn default() -> Self {
        Self { noted: array::from_fn(|_| Mutex::default()), waiting: Mutex::default() }
    }
}

/// When links' uses were noted, since 1970.
struct Noted(Lately<LinkId, Duration>);

impl Default for Noted {
    fn default() -> Self {
        Self(Lately::new(GRAIN, REMEMBERED / PARTS))
    }
}

impl Noted {
    /// Notes a use, unless one was noted lately; says whether it did.
    fn note(&mut self, link: LinkId, now: DateTime<Utc>) -> bool {
        let now = u64::try_from(now.timestamp_micros()).map(Duration::from_micros).unwrap_or_default();
        if self.0.get(&link).is_some_and(|noted| now.saturating_sub(*noted) < GRAIN) {
            return false;
        }
        self.0.insert(link, now, now);
        true
    }
}

impl Uses {
    /// Notes that a link's token is handed out.
    #[inline]
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
    use chrono::TimeDelta;
    use uuid::Uuid;

    use super::*;

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
        let mut noted = Noted::default();
        for number in 0..REMEMBERED {
            assert!(noted.note(link(number), at(0)));
            assert!(noted.0.len() <= REMEMBERED / PARTS);
        }
        for lately in 1..=REMEMBERED / PARTS {
            assert!(!noted.note(link(REMEMBERED - lately), at(59)), "who came last is remembered: {lately}");
        }
        // An hour later nobody has to be remembered, and two hours later nobody is.
        assert!(noted.note(link(0), at(60)));
        assert!(noted.note(link(1), at(120)));
        assert_eq!(noted.0.len(), 2);
    }
}
