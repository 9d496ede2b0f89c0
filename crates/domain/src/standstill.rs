//! When a link is over of which no provider ever says so: it refuses its token with the same word for days, while it grants to
//! others. Its user is told then, instead of callers being sent away for ever.

use chrono::{DateTime, TimeDelta, Utc};

/// For so long the word has to be the same.
const LONG_ENOUGH: TimeDelta = TimeDelta::hours(72);
/// And so often.
const OFTEN_ENOUGH: i32 = 10;

/// How a provider has refused one token, up to now: by the clock that wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// How often with the same word, the last time included.
    pub times: i32,
    /// Since when.
    pub since: DateTime<Utc>,
    /// Now.
    pub now: DateTime<Utc>,
}

impl Refused {
    /// Whether that is long and often enough to end the link, provided that the provider has granted to others meanwhile: one
    /// that has granted to nobody since has a problem of its own.
    pub fn is_enough(&self) -> bool {
        self.now - self.since >= LONG_ENOUGH && self.times >= OFTEN_ENOUGH
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_that_is_refused_for_days_is_over() {
        let at = |hours| DateTime::from_timestamp(1_800_000_000, 0).unwrap() + TimeDelta::hours(hours);
        for (times, hours, is_enough) in
            [(10, 72, true), (9, 72, false), (10, 71, false), (1000, 1, false), (10, 1000, true), (10, -1000, false)]
        {
            let refused = Refused { times, since: at(0), now: at(hours) };
            assert_eq!(refused.is_enough(), is_enough, "{times} times in {hours} h");
        }
    }
}
