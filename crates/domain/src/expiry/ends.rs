//! What is kept of when a set's tokens end, and when that is to be told.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Origin, after};

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

/// In a code of ours, how soon a refresh token ends that is told of; `None` if it does not end soon, or has.
pub fn ends_within(end: DateTime<Utc>, now: DateTime<Utc>) -> Option<&'static str> {
    let [week, day] = WARNINGS.map(|ahead| end - now < ahead + SAME_END);
    match (end > now, week, day) {
        (true, _, true) => Some("within_1_day"),
        (true, true, false) => Some("within_7_days"),
        _ => None,
    }
}

impl Ends {
    /// When it is next to be told of this end. What has been told of an end, or is to be, holds while the end stays where it is: one
    /// that moves ahead with each refresh is told of once that stops.
    fn warning(&self, refresh: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let end = refresh?;
        let is_same = |one: DateTime<Utc>, other: DateTime<Utc>| (one - other).abs() < SAME_END;
        let stays = self.warning.filter(|planned| WARNINGS.iter().any(|ahead| is_same(end - *ahead, *planned)));
        let is_known = self.refresh.is_some_and(|known| is_same(end, known));
        stays.or_else(|| next_warning(end, if is_known { now + SAME_END } else { now }))
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
    use super::super::{Lives, Stated};
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
        // Each refresh moves it ahead by half an hour: it is told of a week after the last.
        let moved =
            (1..100).fold(of(10 * DAY), |ends, times| ends.renewed(granted(times * 1800, 10 * DAY), Comes::TheSame));
        let last = moved.refresh.unwrap() - moved.warning.unwrap();
        assert!((last - TimeDelta::days(7)).abs() < SAME_END, "{last}");
        // Told twice, and used again: it starts over.
        let told_twice = Ends { warning: None, ..of(10 * DAY) };
        assert_eq!(told_twice.renewed(granted(9 * DAY + 5, DAY - 3), Comes::TheSame).warning, None, "counted down");
        let again = told_twice.renewed(granted(9 * DAY + 5, 10 * DAY), Comes::TheSame);
        assert_eq!(again.warning, Some(moment(12 * DAY + 5)));
        let unstated =
            Origin::granted(Lives { asked: moment(0), access: Stated::Absent, refresh: Stated::Absent }, moment(0));
        assert_eq!(told.renewed(unstated, Comes::None).warning, told.warning, "kept, with its end");
        assert_eq!(told.renewed(unstated, Comes::Another).warning, None, "another, of which nothing is known");
    }

    #[test]
    fn how_soon_a_refresh_token_ends_is_told_in_codes() {
        const DAY: i64 = 24 * 3600;
        for (left, code) in [
            (8 * DAY, None),
            (7 * DAY, Some("within_7_days")),
            (2 * DAY, Some("within_7_days")),
            (DAY, Some("within_1_day")),
            (1, Some("within_1_day")),
            (0, None),
            (-DAY, None),
        ] {
            assert_eq!(ends_within(moment(left), moment(0)), code, "{left}");
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
}
