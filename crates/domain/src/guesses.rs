//! Guesses at a secret that applications and proxies prove themselves by: how many a network has, and what the log is told of
//! them. Only wrong ones are counted, so a right one is never slowed by what others guess.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// Wrong ones that the network of one subscriber has in a minute: more than a mistyped setting makes before somebody looks at
/// the log, and nothing to who has 2^128 to try. A wider network has as many times more as it is said to hold subscribers.
pub const ALLOWANCE: usize = 30;

/// From the first on, not sliding: who is refused knows when that ends, and trying on doesn't put it off.
const MINUTE: TimeDelta = TimeDelta::minutes(1);

/// What there is to remember of a network's guesses.
#[derive(Clone, Copy, Debug)]
pub struct Guesses {
    began: DateTime<Utc>,
    count: usize,
}

/// Whether a guess is answered as what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is wrong.
    Wrong,
    /// There were too many.
    TooMany {
        /// For how long there will have been.
        retry_after: Duration,
    },
}

impl Guesses {
    /// None so far.
    pub fn new(now: DateTime<Utc>) -> Self {
        Self { began: now, count: 0 }
    }

    /// Whether there is nothing left to remember. Nor is there if the clock was put back.
    pub fn is_over(&self, now: DateTime<Utc>) -> bool {
        !(self.began..self.began + MINUTE).contains(&now)
    }

    /// Counts one more, in a network that has the allowance so many `times`.
    pub fn one_more(&mut self, now: DateTime<Utc>, times: usize) -> Answer {
        if self.is_over(now) {
            *self = Self::new(now);
        }
        self.count = self.count.saturating_add(1);
        if self.count <= ALLOWANCE.saturating_mul(times) {
            return Answer::Wrong;
        }
        Answer::TooMany { retry_after: (self.began + MINUTE - now).to_std().unwrap_or_default() }
    }
}

/// What the log was told of a network: at once when it begins, then at most once a minute, as long as there is more to tell.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    at: DateTime<Utc>,
    count: u64,
    of: u64,
}

impl Told {
    /// Nothing so far.
    pub fn new(now: DateTime<Utc>) -> Self {
        Self { at: now, count: 0, of: 0 }
    }

    /// Counts one more; how many there were by now, if it is time for a line.
    pub fn one_more(&mut self, now: DateTime<Utc>) -> Option<u64> {
        self.count = self.count.saturating_add(1);
        self.rest(now)
    }

    /// How many there were by now, if there were more since the last line and that is a minute ago.
    pub fn rest(&mut self, now: DateTime<Utc>) -> Option<u64> {
        let is_time = self.of == 0 || self.is_quiet(now);
        if !is_time || self.count == self.of {
            return None;
        }
        (self.at, self.of) = (now, self.count);
        Some(self.count)
    }

    /// Whether the last line is a minute old. Of who hasn't guessed since there is nothing more to tell.
    pub fn is_quiet(&self, now: DateTime<Utc>) -> bool {
        !(self.at..self.at + MINUTE).contains(&now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000 + seconds, 0).unwrap()
    }

    #[test]
    fn a_network_has_thirty_guesses_a_minute() {
        for times in [1, 4, 16] {
            let mut guesses = Guesses::new(moment(0));
            for _ in 0..ALLOWANCE * times {
                assert_eq!(guesses.one_more(moment(1), times), Answer::Wrong);
            }
            for (now, left) in [(1, 59), (20, 40), (59, 1)] {
                let too_many = Answer::TooMany { retry_after: Duration::from_secs(left) };
                assert_eq!(guesses.one_more(moment(now), times), too_many, "{now}");
            }
            assert_eq!(guesses.one_more(moment(60), times), Answer::Wrong, "another minute");
            assert_eq!(
                guesses.one_more(moment(-3600), times),
                Answer::Wrong,
                "a clock put back refuses nobody for an hour"
            );
        }
    }

    #[test]
    fn a_minute_has_one_line() {
        let mut told = Told::new(moment(0));
        assert_eq!(told.one_more(moment(0)), Some(1), "at once");
        for _ in 0..999 {
            assert_eq!(told.one_more(moment(1)), None);
        }
        assert_eq!(told.rest(moment(59)), None);
        assert_eq!(told.rest(moment(60)), Some(1000), "how many it came to");
        assert_eq!(told.rest(moment(200)), None, "and no more");
        assert_eq!(told.one_more(moment(201)), Some(1001));
        assert_eq!((told.one_more(moment(210)), told.one_more(moment(261))), (None, Some(1003)));
    }
}
