//! When tokens end: what a provider or a file says of it, what is kept of that, and what follows where nobody says.

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

/// Which refresh token comes with new tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comes {
    /// Another one.
    Another,
    /// The one that is stored.
    TheSame,
    /// None: the stored one stays (RFC 6749 §6).
    None,
}

/// What is kept of when a set's tokens end, and since when they have been there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    /// When the access token ends, as stated; or after the life that was stated last.
    pub access: Option<DateTime<Utc>>,
    /// The life that the provider stated last.
    pub life: Option<Duration>,
    /// When the refresh token ends, as stated.
    pub refresh: Option<DateTime<Utc>>,
    /// When the provider gave the set.
    pub obtained: Option<DateTime<Utc>>,
    /// When it was imported, if the provider gave it to somebody else.
    pub imported: Option<DateTime<Utc>>,
    /// When it is next to be told that the refresh token ends soon.
    pub warning: Option<DateTime<Utc>>,
}

/// So long before its end it is told that a refresh token ends, twice if there is time.
const WARNINGS: [TimeDelta; 2] = [TimeDelta::days(7), TimeDelta::days(1)];
/// An end that is stated anew and moves by less is the same: whole seconds that are counted down, by another clock.
const SAME_END: TimeDelta = TimeDelta::hours(1);

/// When it is next to be told, after `now`, that a refresh token ends then; never of one that lives no longer than a day.
pub fn next_warning(end: DateTime<Utc>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    WARNINGS.iter().map(|ahead| end - *ahead).find(|moment| *moment > now)
}

impl Ends {
    /// When it is to be told of this end: an end that is known already is told of once.
    fn warning(&self, refresh: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let end = refresh?;
        let is_known = self.refresh.is_some_and(|known| (end - known).abs() < SAME_END);
        if is_known { self.warning } else { next_warning(end, now) }
    }

    /// Since when the set has been there.
    pub fn since(&self) -> Option<DateTime<Utc>> {
        self.obtained.or(self.imported)
    }

    /// What is kept once tokens of this origin have replaced the set. What a provider said once and says no more still
    /// holds: it is the provider's habit.
    #[must_use]
    pub fn renewed(&self, origin: Origin, comes: Comes) -> Self {
        let habit = |since| self.life.map(|life| after(since, life));
        let kept = self.refresh.filter(|_| comes != Comes::Another);
        match origin {
            Origin::Granted { lives, obtained, outlived } => {
                let refresh = lives.refresh_ends().or(kept);
                Self {
                    access: outlived.or(lives.access_ends()).or_else(|| habit(lives.asked)),
                    life: lives.access.life().or(self.life),
                    refresh,
                    obtained: Some(obtained),
                    imported: None,
                    warning: self.warning(refresh, obtained),
                }
            }
            Origin::Imported { ends, at } => {
                // The same file once more makes nothing younger.
                let imported = self.since().filter(|_| comes == Comes::TheSame).map_or(at, |since| since.min(at));
                Self {
                    access: ends.or_else(|| habit(imported)),
                    refresh: kept,
                    imported: Some(imported),
                    obtained: None,
                    warning: self.warning.filter(|_| kept.is_some()),
                    ..*self
                }
            }
        }
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
    fn the_end_of_a_refresh_token_is_told_a_week_and_a_day_ahead() {
        const DAY: i64 = 24 * 3600;
        let granted = |at: i64, life: i64| {
            Origin::granted(
                Lives {
                    asked: moment(at),
                    access: Stated::Absent,
                    refresh: Stated::Life(Duration::from_secs(life.unsigned_abs())),
                },
                moment(at),
            )
        };
        let of = |life: i64| Ends::default().renewed(granted(0, life), Comes::Another);
        for (life, warning) in [
            (30 * DAY, Some(23 * DAY)),
            (7 * DAY + 1, Some(1)),
            (7 * DAY, Some(6 * DAY)),
            (DAY + 1, Some(1)),
            (DAY, None),
            (1800, None),
        ] {
            assert_eq!(of(life).warning, warning.map(moment), "{life}");
        }
        // Told of once, and counted down by another clock: the same end. A week has gone by, and it was told.
        let told = Ends { warning: next_warning(moment(30 * DAY), moment(23 * DAY)), ..of(30 * DAY) };
        assert_eq!(told.warning, Some(moment(29 * DAY)));
        for comes in [Comes::TheSame, Comes::Another] {
            assert_eq!(told.renewed(granted(24 * DAY, 6 * DAY + 3), comes).warning, told.warning);
        }
        let later = told.renewed(granted(24 * DAY, 30 * DAY), Comes::Another);
        assert_eq!(later.warning, Some(moment(47 * DAY)), "one that moves is told of anew");
        let unstated =
            Origin::granted(Lives { asked: moment(0), access: Stated::Absent, refresh: Stated::Absent }, moment(0));
        assert_eq!(told.renewed(unstated, Comes::None).warning, told.warning, "kept, with its end");
        assert_eq!(told.renewed(unstated, Comes::Another).warning, None, "another, of which nothing is known");
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
    fn a_life_once_stated_counts_on() {
        let granted =
            |at: i64, access, refresh| Origin::granted(Lives { asked: moment(at), access, refresh }, moment(at + 2));
        let (hour, day) = (Stated::Life(HOUR), Stated::Life(24 * HOUR));
        let first = Ends::default().renewed(granted(0, hour, day), Comes::Another);
        let expected = Ends {
            access: Some(moment(3600)),
            life: Some(HOUR),
            refresh: Some(moment(86_400)),
            obtained: Some(moment(2)),
            imported: None,
            warning: None,
        };
        assert_eq!(first, expected);
        for nothing in [Stated::Absent, Stated::Nonsense] {
            for (comes, refresh) in
                [(Comes::Another, None), (Comes::TheSame, expected.refresh), (Comes::None, expected.refresh)]
            {
                let next = first.renewed(granted(100, nothing, nothing), comes);
                let expected = Ends { access: Some(moment(3700)), refresh, obtained: Some(moment(102)), ..expected };
                assert_eq!(next, expected, "{nothing:?} {comes:?}");
            }
        }
        let minute = Stated::Life(Duration::from_mins(1));
        let shorter = first.renewed(granted(100, minute, minute), Comes::None);
        assert_eq!((shorter.access, shorter.life), (Some(moment(160)), Some(Duration::from_mins(1))));
        assert_eq!(shorter.refresh, Some(moment(160)));
        // Nothing was ever stated.
        let unknown = Ends::default().renewed(granted(0, Stated::Nonsense, Stated::Absent), Comes::Another);
        assert_eq!((unknown.access, unknown.life, unknown.since()), (None, None, Some(moment(2))));
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
    fn an_import_counts_from_the_first_time_that_its_refresh_token_came() {
        let import = |ends: Option<i64>, at| Origin::Imported { ends: ends.map(moment), at: moment(at) };
        let first = Ends::default().renewed(import(Some(50), 0), Comes::Another);
        assert_eq!(first, Ends { access: Some(moment(50)), imported: Some(moment(0)), ..Ends::default() });
        assert_eq!(first.renewed(import(Some(60), 10), Comes::TheSame).since(), Some(moment(0)));
        assert_eq!(first.renewed(import(None, 10), Comes::Another).since(), Some(moment(10)));
        assert_eq!(first.renewed(import(None, 10), Comes::None).since(), Some(moment(10)));
        // Over what the provider gave us: the life that it stated is its habit, whoever asked.
        let ours = Ends { life: Some(HOUR), refresh: Some(moment(9)), obtained: Some(moment(5)), ..Ends::default() };
        let same = ours.renewed(import(None, 10), Comes::TheSame);
        assert_eq!((same.access, same.since(), same.obtained), (Some(moment(3605)), Some(moment(5)), None));
        assert_eq!((same.refresh, ours.renewed(import(None, 10), Comes::Another).refresh), (Some(moment(9)), None));
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
