//! What one process has lately heard of one provider, and what follows: whether it is asked at all (a breaker), and whether
//! its refusals are believed (DESIGN 10.5, 10.6). Times are monotonic.

use std::collections::VecDeque;
use std::time::Duration;

/// How far back refusals and failures count.
const WINDOW: Duration = Duration::from_mins(1);
/// Of fewer refreshes than this nobody can say that they fail together.
const ENOUGH: usize = 20;
/// More than one refusal in so many refreshes is no coincidence.
const ONE_IN: usize = 5;
/// So many failures in a row, and the provider is left alone.
const FAILURES: u32 = 10;
/// How long it is left alone at first; doubled each time it fails again, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// While it is tried out whether it works again, one refresh goes out in this time.
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// What to do about a final refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Belief {
    /// It is believed. `is_sure`: by enough others that were not refused; otherwise the provider is asked once more
    /// before anybody is told.
    Believed {
        /// Whether enough refreshes were heard of lately to tell a refusal from an outage.
        is_sure: bool,
    },
    /// This one is too much: the provider refuses more than users take back. Nothing is believed from here on, nor what
    /// was believed in the last minute.
    LosesBelief,
    /// It isn't, for the time being: treat it as a failure in passing.
    Doubted,
}

/// The last minute at one provider.
#[derive(Debug, Default)]
pub struct Guard {
    heard: VecDeque<(Duration, Heard)>,
    breaker: Breaker,
    /// How often its refusals lost belief.
    lost_belief: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    Granted,
    Refused,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    Fails,
    Lies,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Breaker {
    /// Everything goes out. Failures in a row, and since when.
    Closed { failures: u32, since: Duration },
    /// Nothing goes out before `until`, then one probe at a time; `pause` is how long it was this time.
    Open { why: Why, until: Duration, pause: Duration },
}

impl Default for Breaker {
    fn default() -> Self {
        Self::Closed { failures: 0, since: Duration::ZERO }
    }
}

impl Guard {
    /// How long to wait before a refresh may go out, if it may not now.
    pub fn pause(&self, now: Duration) -> Option<Duration> {
        match self.breaker {
            Breaker::Open { until, .. } => until.checked_sub(now).filter(|wait| !wait.is_zero()),
            Breaker::Closed { .. } => None,
        }
    }

    /// Whether a refresh may go out now; otherwise how long to wait. What goes out has to be reported.
    pub fn may_ask(&mut self, now: Duration) -> Result<(), Duration> {
        if let Some(wait) = self.pause(now) {
            return Err(wait);
        }
        if let Breaker::Open { until, .. } = &mut self.breaker {
            *until = now + PROBE_EVERY;
        }
        Ok(())
    }

    /// The provider granted.
    pub fn granted(&mut self, now: Duration) {
        if let Breaker::Open { .. } = self.breaker {
            self.heard.clear();
        }
        self.breaker = Breaker::default();
        self.hear(now, Heard::Granted);
    }

    /// The provider refused a refresh token for good.
    pub fn refused(&mut self, now: Duration) -> Belief {
        if self.doubted(now) {
            return Belief::Doubted;
        }
        // A provider that refuses is one that answers.
        self.breaker = Breaker::default();
        self.hear(now, Heard::Refused);
        let refused = self.heard.iter().filter(|(_, heard)| *heard == Heard::Refused).count();
        let is_sure = self.heard.len() >= ENOUGH;
        if is_sure && refused * ONE_IN > self.heard.len() {
            self.breaker = Breaker::Open { why: Why::Lies, until: now + LONGEST_PAUSE, pause: LONGEST_PAUSE };
            self.lost_belief += 1;
            return Belief::LosesBelief;
        }
        Belief::Believed { is_sure }
    }

    /// The provider refused once more what it had refused before: that says nothing new of how it does, but while its
    /// refusals are doubted this one is, too.
    pub fn refused_again(&mut self, now: Duration) -> Belief {
        if self.doubted(now) { Belief::Doubted } else { Belief::Believed { is_sure: true } }
    }

    /// How often refusals lost belief so far. Whoever records one that was believed compares: if this moved meanwhile, the
    /// record came after the marks were undone, and has to be undone as well.
    pub fn lost_belief(&self) -> u64 {
        self.lost_belief
    }

    /// Whether refusals are doubted now; then this one keeps the provider left alone.
    fn doubted(&mut self, now: Duration) -> bool {
        let Breaker::Open { why: Why::Lies, pause, .. } = self.breaker else { return false };
        self.breaker = Breaker::Open { why: Why::Lies, until: now + pause, pause };
        true
    }

    /// A refresh failed in passing.
    pub fn failed(&mut self, now: Duration) {
        self.breaker = match self.breaker {
            Breaker::Closed { failures, since } if now.saturating_sub(since) > WINDOW || failures == 0 => {
                Breaker::Closed { failures: 1, since: now }
            }
            Breaker::Closed { failures, since } if failures + 1 < FAILURES => {
                Breaker::Closed { failures: failures + 1, since }
            }
            Breaker::Closed { .. } => Breaker::Open { why: Why::Fails, until: now + FIRST_PAUSE, pause: FIRST_PAUSE },
            // One that went out before the breaker opened says nothing new.
            Breaker::Open { until, why, pause } if until > now + PROBE_EVERY => Breaker::Open { why, until, pause },
            Breaker::Open { why, pause, .. } => {
                let pause = (pause * 2).min(LONGEST_PAUSE);
                Breaker::Open { why, until: now + pause, pause }
            }
        };
    }

    fn hear(&mut self, now: Duration, heard: Heard) {
        while self.heard.front().is_some_and(|(at, _)| now.saturating_sub(*at) > WINDOW) {
            self.heard.pop_front();
        }
        self.heard.push_back((now, heard));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_few_refusals_are_believed_and_looked_at_twice() {
        let mut guard = Guard::default();
        for second in 0..19 {
            assert_eq!(guard.refused(at(second)), Belief::Believed { is_sure: false });
        }
        // An hour later they count no more.
        assert_eq!(guard.refused(at(3600)), Belief::Believed { is_sure: false });
    }

    #[test]
    fn more_than_one_refusal_in_five_is_an_outage() {
        let mut guard = Guard::default();
        for _ in 0..80 {
            guard.granted(at(0));
        }
        for _ in 0..20 {
            assert_eq!(guard.refused(at(1)), Belief::Believed { is_sure: true });
        }
        assert_eq!(guard.refused(at(1)), Belief::LosesBelief);
        assert_eq!(guard.refused(at(1)), Belief::Doubted);
        assert_eq!(guard.may_ask(at(1)), Err(at(60)));
        // Tried out one by one, and still doubted, until one is granted.
        assert_eq!(guard.may_ask(at(61)), Ok(()));
        assert_eq!(guard.may_ask(at(61)), Err(at(1)));
        assert_eq!(guard.refused(at(61)), Belief::Doubted);
        assert_eq!(guard.may_ask(at(120)), Err(at(1)));
        assert_eq!(guard.may_ask(at(121)), Ok(()));
        guard.granted(at(121));
        assert_eq!((guard.may_ask(at(121)), guard.may_ask(at(121))), (Ok(()), Ok(())));
        assert_eq!(guard.refused(at(121)), Belief::Believed { is_sure: false });
    }

    #[test]
    fn a_second_refusal_is_doubted_as_long_as_all_others_are() {
        let mut guard = Guard::default();
        assert_eq!(guard.refused_again(at(0)), Belief::Believed { is_sure: true });
        for _ in 0..19 {
            guard.refused(at(0));
        }
        assert_eq!((guard.refused(at(0)), guard.lost_belief()), (Belief::LosesBelief, 1));
        assert_eq!(guard.may_ask(at(60)), Ok(()));
        assert_eq!(guard.refused_again(at(60)), Belief::Doubted);
        assert_eq!(guard.may_ask(at(119)), Err(at(1)));
        guard.granted(at(120));
        assert_eq!((guard.refused_again(at(120)), guard.lost_belief()), (Belief::Believed { is_sure: true }, 1));
    }

    #[test]
    fn ten_failures_in_a_row_open_the_breaker_and_one_success_closes_it() {
        let mut guard = Guard::default();
        for _ in 0..9 {
            guard.failed(at(0));
        }
        guard.granted(at(0));
        for _ in 0..9 {
            guard.failed(at(0));
        }
        assert_eq!(guard.may_ask(at(0)), Ok(()));
        guard.failed(at(0));
        assert_eq!(guard.may_ask(at(0)), Err(at(5)));
        // Those that were under way when it opened don't prolong it.
        guard.failed(at(0));
        assert_eq!(guard.may_ask(at(5)), Ok(()));
        guard.failed(at(5));
        assert_eq!(guard.may_ask(at(5)), Err(at(10)));
        assert_eq!(guard.may_ask(at(15)), Ok(()));
        guard.granted(at(15));
        assert_eq!(guard.may_ask(at(15)), Ok(()));
    }

    #[test]
    fn failures_that_are_far_apart_open_nothing() {
        let mut guard = Guard::default();
        for minute in 0..100 {
            guard.failed(at(minute * 61));
            assert_eq!(guard.may_ask(at(minute * 61)), Ok(()));
        }
    }

    #[test]
    fn a_refusal_is_an_answer() {
        let mut guard = Guard::default();
        for _ in 0..10 {
            guard.failed(at(0));
        }
        assert!(guard.may_ask(at(1)).is_err());
        assert_eq!(guard.may_ask(at(5)), Ok(()));
        assert_eq!(guard.refused(at(5)), Belief::Believed { is_sure: false });
        assert_eq!(guard.may_ask(at(5)), Ok(()));
    }
}
