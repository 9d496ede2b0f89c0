//! When an event that an endpoint did not take is tried again, and when it is given up.

use std::time::Duration;

use chrono::TimeDelta;

use super::PATIENCE;

/// The first pause; each one after it is twice as long.
const SHORTEST: Duration = Duration::from_secs(5);
/// The longest pause, whatever the receiver asks for.
const LONGEST: Duration = Duration::from_hours(1);
/// However old an event is, it is given up after no fewer failures: those behind one that failed for a day are as old.
const AT_LEAST: i32 = 5;

/// What is known of an event that failed.
#[derive(Clone, Copy, Debug)]
pub struct Tries {
    /// How often in a row it failed, this time included.
    pub failures: i32,
    /// Since when nothing of its order was taken.
    pub failing: TimeDelta,
    /// Since when it waits.
    pub waiting: TimeDelta,
}

/// What to do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterFailure {
    /// Try it again after this time; those behind it wait.
    Again(Duration),
    /// It becomes a dead letter; those behind it go on.
    GivenUp,
}

/// What to do after a failure. Pauses are spread over half of their length by `jitter`, and never shorter than what the receiver
/// asks for (`retry_after`).
pub fn after_failure(tries: Tries, jitter: u8, retry_after: Option<Duration>) -> AfterFailure {
    if tries.failures >= AT_LEAST && tries.failing >= PATIENCE && tries.waiting >= PATIENCE {
        return AfterFailure::GivenUp;
    }
    let doublings = u32::try_from(tries.failures.saturating_sub(1)).unwrap_or(0).min(16);
    let whole = SHORTEST.saturating_mul(1 << doublings).min(LONGEST);
    let pause = whole / 2 + whole / 2 * u32::from(jitter) / 255;
    AfterFailure::Again(pause.max(retry_after.unwrap_or_default()).min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(failures: i32, hours: [i64; 2]) -> AfterFailure {
        let [failing, waiting] = hours.map(TimeDelta::hours);
        after_failure(Tries { failures, failing, waiting }, 255, None)
    }

    #[test]
    fn pauses_double_from_five_seconds_to_an_hour() {
        let seconds = |seconds| AfterFailure::Again(Duration::from_secs(seconds));
        for (failures, pause) in [(1, 5), (2, 10), (3, 20), (4, 40), (10, 2560), (11, 3600), (i32::MAX, 3600)] {
            assert_eq!(after(failures, [0, 0]), seconds(pause), "{failures}");
        }
        let tries = Tries { failures: 2, failing: TimeDelta::zero(), waiting: TimeDelta::zero() };
        assert_eq!(after_failure(tries, 0, None), seconds(5), "half of it is spread");
    }

    #[test]
    fn a_receiver_is_not_asked_before_it_wants_to_be_within_an_hour() {
        let tries = Tries { failures: 1, failing: TimeDelta::zero(), waiting: TimeDelta::zero() };
        for (asked, pause) in [(0, 5), (4, 5), (120, 120), (3600, 3600), (u64::MAX, 3600)] {
            let after = after_failure(tries, 255, Some(Duration::from_secs(asked)));
            assert_eq!(after, AfterFailure::Again(Duration::from_secs(pause)), "{asked}");
        }
    }

    #[test]
    fn an_event_is_given_up_after_a_day_of_failing_and_of_waiting() {
        for (failures, hours, given_up) in [
            (30, [24, 24], true),
            (30, [23, 24], false),
            // It came while those before it failed.
            (30, [24, 23], false),
            // Nobody was there to deliver it for days; now it failed once.
            (1, [0, 100], false),
            // It waited a day behind one that was given up.
            (1, [24, 24], false),
            (4, [24, 24], false),
            (5, [24, 24], true),
        ] {
            assert_eq!(after(failures, hours) == AfterFailure::GivenUp, given_up, "{failures} {hours:?}");
        }
    }
}
