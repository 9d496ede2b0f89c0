//! When tokens end: what a provider or a file says of it, what is kept of that, and what follows where nobody says.

mod ends;

pub use ends::{Comes, Ends, ends_within, next_warning};

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// No token lives longer; whoever says so says nothing. Some write the largest number they have for "no end".
pub const LONGEST_LIFE: Duration = Duration::from_hours(10 * 366 * 24);
/// A token of which nobody knows how long it lives is taken for good so long: most live an hour.
pub const TRUSTED: TimeDelta = TimeDelta::hours(1);
/// Clocks of one fleet differ by so much. What was obtained later than this from now was obtained by a wrong clock.
const SKEW: TimeDelta = TimeDelta::seconds(30);

/// What an answer says of how long a token lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stated {
    /// Nothing.
    Absent,
    /// What can be no life: no number, none above 0, or one beyond reason. It tells no more than nothing.
    Nonsense,
    /// So long, in whole seconds.
    Life(Duration),
}

impl Stated {
    /// Reads a number of seconds; fractions are cut off.
    pub fn of_seconds(seconds: f64) -> Self {
        match Duration::try_from_secs_f64(seconds).map(|life| Duration::from_secs(life.as_secs())) {
            Ok(life) if !life.is_zero() && life <= LONGEST_LIFE => Self::Life(life),
            Ok(_) | Err(_) => Self::Nonsense,
        }
    }

    /// The life, if one is stated.
    pub fn life(self) -> Option<Duration> {
        match self {
            Self::Life(life) => Some(life),
            Self::Absent | Self::Nonsense => None,
        }
    }
}

/// What is known of how long a provider's access tokens live where it doesn't say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// So long.
    Lasts(Duration),
    /// They don't end by themselves.
    Endless,
}

/// When an access token ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// At this moment.
    At(DateTime<Utc>),
    /// Never by itself: somebody knows that.
    Never,
    /// Nobody knows. It is served; but unknown is not eternal.
    Unknown,
}

impl Expiry {
    /// When a token ends that has been there since `since`: as `stated`, or else after what is known of its kind.
    pub fn read(stated: Option<DateTime<Utc>>, since: Option<DateTime<Utc>>, lifetime: Option<Lifetime>) -> Self {
        match (stated, lifetime, since) {
            (Some(moment), _, _) => Self::At(moment),
            (None, Some(Lifetime::Endless), _) => Self::Never,
            (None, Some(Lifetime::Lasts(life)), Some(since)) => Self::At(after(since, life)),
            (None, Some(Lifetime::Lasts(_)), None) | (None, None, _) => Self::Unknown,
        }
    }

    /// The moment, where it is known.
    pub fn known(self) -> Option<DateTime<Utc>> {
        match self {
            Self::At(moment) => Some(moment),
            Self::Never | Self::Unknown => None,
        }
    }
}

/// `life` after a moment; a life is never so long that the calendar ends before.
fn after(moment: DateTime<Utc>, life: Duration) -> DateTime<Utc> {
    TimeDelta::from_std(life).ok().and_then(|life| moment.checked_add_signed(life)).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// Whether a token that ends at `expires` may be handed out at `now`: only if *more* than `floor` is left.
pub fn is_above(expires: Expiry, now: DateTime<Utc>, floor: Duration) -> bool {
    match expires {
        Expiry::Never | Expiry::Unknown => true,
        Expiry::At(moment) => match TimeDelta::from_std(floor) {
            Ok(floor) => moment - now > floor,
            Err(_beyond_any_calendar) => false,
        },
    }
}

/// Whether a token of unknown life has been there for too long to be taken for good; also where nobody knows since when.
pub fn is_overdue(since: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
    since.is_none_or(|since| now - since >= TRUSTED)
}

/// Whether a moment that is past was written by a clock that was wrong.
pub fn is_of_the_future(moment: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    moment - now > SKEW
}

/// The moment that a file states as Unix seconds; `None`: no token can end then, and it was meant as something else, such as
/// milliseconds, or 0 for "unknown".
pub fn of_file(unix_seconds: i64, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let moment = DateTime::from_timestamp(unix_seconds, 0).filter(|_| unix_seconds > 0)?;
    (moment <= after(now, LONGEST_LIFE)).then_some(moment)
}

/// How long the tokens of one answer live. Counted from when it was asked for: so an expiry is never too late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lives {
    /// When the request was sent.
    pub asked: DateTime<Utc>,
    /// What is said of the access token.
    pub access: Stated,
    /// What is said of the refresh token.
    pub refresh: Stated,
}

impl Lives {
    /// When the access token ends, as far as the answer says.
    pub fn access_ends(&self) -> Option<DateTime<Utc>> {
        self.access.life().map(|life| after(self.asked, life))
    }

    /// When the refresh token ends, as far as the answer says.
    pub fn refresh_ends(&self) -> Option<DateTime<Utc>> {
        self.refresh.life().map(|life| after(self.asked, life))
    }
}

/// Where tokens come from.
#[derive(Clone, Copy, Debug)]
pub enum Origin {
    /// The provider gave them.
    Granted {
        /// What it said.
        lives: Lives,
        /// When the answer was there.
        obtained: DateTime<Utc>,
        /// Where another access token stays, since it ends later: when that is.
        outlived: Option<DateTime<Utc>>,
    },
    /// An import brought them: nobody knows when the provider gave them.
    Imported {
        /// When the access token ends, if the file says.
        ends: Option<DateTime<Utc>>,
        /// When they were imported.
        at: DateTime<Utc>,
    },
}

impl Origin {
    /// What the provider gave.
    pub fn granted(lives: Lives, obtained: DateTime<Utc>) -> Self {
        Self::Granted { lives, obtained, outlived: None }
    }

    /// Where we got no access token, another stays: this is when it ends, as far as is known.
    pub fn keeps(&mut self, theirs: Option<DateTime<Utc>>) {
        if let Self::Granted { outlived, .. } = self {
            *outlived = theirs;
        }
    }

    /// Whether an access token that ends at `theirs` ends later than ours, and so stays. Where ours states no end it is the
    /// newer as far as anybody knows.
    pub fn gives_way_to(&mut self, theirs: DateTime<Utc>) -> bool {
        let Self::Granted { lives, outlived, .. } = self else { return false };
        let is_later = outlived.or(lives.access_ends()).is_some_and(|ours| theirs > ours);
        if is_later {
            *outlived = Some(theirs);
        }
        is_later
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn moment(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000 + seconds, 0).unwrap()
    }

    #[test]
    fn nonsense_is_no_life() {
        let longest = LONGEST_LIFE.as_secs_f64();
        for (seconds, life) in [
            (1.0, Some(1)),
            (3600.9, Some(3600)),
            (longest, Some(LONGEST_LIFE.as_secs())),
            (longest + 1.0, None),
            (0.0, None),
            (-0.0, None),
            (0.9, None),
            (-1.0, None),
            (1e30, None),
            (f64::MAX, None),
            (f64::NAN, None),
            (f64::INFINITY, None),
            (f64::NEG_INFINITY, None),
        ] {
            let stated = life.map_or(Stated::Nonsense, |life| Stated::Life(Duration::from_secs(life)));
            assert_eq!(Stated::of_seconds(seconds), stated, "{seconds}");
        }
    }

    #[test]
    fn what_is_stated_goes_before_what_is_known_and_that_counts_from_since_when() {
        let hour = Some(Lifetime::Lasts(HOUR));
        for (stated, since, lifetime, expected) in [
            (Some(5), Some(0), hour, Expiry::At(moment(5))),
            (Some(5), None, Some(Lifetime::Endless), Expiry::At(moment(5))),
            (None, Some(7), hour, Expiry::At(moment(3607))),
            (None, None, hour, Expiry::Unknown),
            (None, Some(0), Some(Lifetime::Endless), Expiry::Never),
            (None, None, Some(Lifetime::Endless), Expiry::Never),
            (None, Some(0), None, Expiry::Unknown),
        ] {
            let read = Expiry::read(stated.map(moment), since.map(moment), lifetime);
            assert_eq!(read, expected, "{stated:?} {since:?} {lifetime:?}");
        }
    }

    #[test]
    fn a_file_means_seconds_within_reason() {
        let now = moment(0);
        let most = i64::try_from(LONGEST_LIFE.as_secs()).unwrap();
        for (seconds, is_one) in [
            (1, true),
            (now.timestamp() - 1, true),
            (now.timestamp() + most, true),
            (now.timestamp() + most + 1, false),
            (now.timestamp_millis(), false),
            (0, false),
            (-1, false),
            (i64::MAX, false),
            (i64::MIN, false),
        ] {
            assert_eq!(of_file(seconds, now).map(|moment| moment.timestamp()), is_one.then_some(seconds), "{seconds}");
        }
    }

    #[test]
    fn of_two_access_tokens_the_one_that_ends_later_stays() {
        let lives = |access| Lives { asked: moment(0), access, refresh: Stated::Absent };
        let mut ours = Origin::granted(lives(Stated::Life(HOUR)), moment(1));
        assert!(
            !ours.gives_way_to(moment(3600)) && ours.gives_way_to(moment(3700)) && !ours.gives_way_to(moment(3650))
        );
        let ends = Ends::default().renewed(ours, Comes::Another);
        assert_eq!((ends.access, ends.life), (Some(moment(3700)), Some(HOUR)));
        assert!(!Origin::granted(lives(Stated::Absent), moment(1)).gives_way_to(moment(3600)));
        assert!(!Origin::Imported { ends: Some(moment(1)), at: moment(0) }.gives_way_to(moment(3600)));
    }

    #[test]
    fn unknown_is_not_eternal_and_the_future_is_not_the_past() {
        let overdue = |age: i64| is_overdue(Some(moment(-age)), moment(0));
        assert!(!overdue(3599) && overdue(3600) && !overdue(-5) && is_overdue(None, moment(0)));
        assert!(!is_of_the_future(moment(30), moment(0)) && is_of_the_future(moment(31), moment(0)));
        assert!(!is_of_the_future(moment(-1), moment(0)));
    }

    proptest! {
        /// Whatever is stated, no expiry is further away than reason has it.
        #[test]
        fn nothing_is_believed_beyond_reason(seconds in any::<f64>(), unix in any::<i64>()) {
            let lives =
                Lives { asked: moment(0), access: Stated::of_seconds(seconds), refresh: Stated::Absent };
            let most = after(moment(0), LONGEST_LIFE);
            prop_assert!(lives.access_ends().is_none_or(|ends| ends > moment(0) && ends <= most));
            prop_assert!(of_file(unix, moment(0)).is_none_or(|ends| ends.timestamp() > 0 && ends <= most));
        }
    }
}
