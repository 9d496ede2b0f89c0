//! Access tokens that are handed out, counted by taker, link and hour: one by one in memory, then in pages on their way into the
//! record. A line for each at once would make the hottest of reads half as dear again.

mod page;
mod plan;

use std::collections::HashMap;

use ahash::RandomState;
use chrono::{DateTime, Utc};
use indexmap::{Equivalent, IndexSet};
use serde::{Deserialize, Serialize};

use crate::ids::LinkId;
pub use page::{Entry, Page, Spoilt};
pub use plan::{Due, Head, Step, next};

/// An hour, in seconds.
pub const HOUR: i64 = 3600;

/// The hour that a moment is in, since 1970.
pub fn hour_of(moment: DateTime<Utc>) -> i64 {
    moment.timestamp().div_euclid(HOUR)
}

/// When an hour since 1970 begins; `None` of one that no calendar has.
pub fn start_of(hour: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(hour.checked_mul(HOUR)?, 0)
}

/// Through which door a token is handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Door {
    /// One user's tokens of one provider.
    FedToken,
    /// For another token.
    Exchange,
    /// As one of many.
    Batch,
}

impl Door {
    /// Its name in the record.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FedToken => "fed_token",
            Self::Exchange => "exchange",
            Self::Batch => "batch",
        }
    }
}

/// For whom an application takes a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Whom<S> {
    /// For itself.
    Itself,
    /// For the link's owner.
    Owner,
    /// For somebody who acts for the owner (RFC 8693 §4.1).
    Another(S),
}

/// To whom a token is handed out, and through which door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Taker<S = String> {
    /// The application.
    pub client: S,
    /// For whom.
    pub whom: Whom<S>,
    /// Through which door.
    pub door: Door,
}

impl Taker<&str> {
    fn to_owned(self) -> Taker {
        let whom = match self.whom {
            Whom::Itself => Whom::Itself,
            Whom::Owner => Whom::Owner,
            Whom::Another(actor) => Whom::Another(actor.to_owned()),
        };
        Taker { client: self.client.to_owned(), whom, door: self.door }
    }
}

// A `&str` hashes as its `String` does.
impl Equivalent<Taker> for Taker<&str> {
    fn equivalent(&self, key: &Taker) -> bool {
        let whom = match (&self.whom, &key.whom) {
            (Whom::Itself, Whom::Itself) | (Whom::Owner, Whom::Owner) => true,
            (Whom::Another(one), Whom::Another(other)) => *one == other,
            _ => false,
        };
        whom && self.door == key.door && self.client == key.client
    }
}

/// Takers, each at its place.
type Takers = IndexSet<Taker, RandomState>;

/// What is counted in memory.
#[derive(Debug, Default)]
pub struct Counter {
    takers: Takers,
    counted: HashMap<(LinkId, i64, u32), Times, RandomState>,
}

/// When it first happened, in seconds of its hour, and how often.
#[derive(Clone, Copy, Debug)]
struct Times {
    since: u16,
    count: u32,
}

impl Counter {
    /// A token is handed out: one more of an entry that is there, or a new one as long as there are fewer than `most`. Says whether it
    /// is counted.
    pub fn add(&mut self, taker: Taker<&str>, link: LinkId, now: DateTime<Utc>, most: usize) -> bool {
        let hour = hour_of(now);
        let is_full = self.counted.len() >= most;
        let known = match self.takers.get_index_of(&taker) {
            None if is_full => return false,
            None => self.takers.insert_full(taker.to_owned()).0,
            Some(known) => known,
        };
        let Ok(known) = u32::try_from(known) else { return false };
        let key = (link, hour, known);
        match self.counted.get_mut(&key) {
            Some(times) => times.count = times.count.saturating_add(1),
            None if is_full => return false,
            None => {
                self.counted.insert(key, Times { since: second_of(now), count: 1 });
            }
        }
        true
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.counted.len()
    }

    /// Whether nothing is counted.
    pub fn is_empty(&self) -> bool {
        self.counted.is_empty()
    }

    /// All that is counted, a page for each hour.
    pub fn into_pages(self) -> Vec<Page> {
        let mut hours: HashMap<i64, Vec<Entry>> = HashMap::new();
        for ((link, hour, taker), Times { since, count }) in self.counted {
            hours.entry(hour).or_default().push(Entry { link, taker, since, count });
        }
        hours.into_iter().map(|(hour, entries)| Page::new(hour, self.takers.clone(), entries)).collect()
    }
}

/// The second of its hour.
fn second_of(moment: DateTime<Utc>) -> u16 {
    u16::try_from(moment.timestamp().rem_euclid(HOUR)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn moment(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000 - 1_790_000_000 % HOUR + second, 0).unwrap()
    }

    fn taker<'a>(client: &'a str, whom: Whom<&'a str>) -> Taker<&'a str> {
        Taker { client, whom, door: Door::FedToken }
    }

    /// Hour since the first, second, client, for whom, link and how often.
    fn told(pages: &[Page]) -> Vec<(i64, u16, String, Whom<String>, u128, u32)> {
        let mut all: Vec<_> =
            pages.iter().flat_map(|page| page.entries().iter().map(move |entry| (page, entry))).collect();
        all.sort_by_key(|(page, entry)| (page.hour(), entry.link.0, entry.since));
        let told = |(page, entry): (&Page, &Entry)| {
            let taker = page.taker(entry).unwrap().clone();
            let hour = page.hour() - hour_of(moment(0));
            (hour, entry.since, taker.client, taker.whom, entry.link.0.as_u128(), entry.count)
        };
        all.into_iter().map(told).collect()
    }

    fn link(number: u128) -> LinkId {
        LinkId(Uuid::from_u128(number))
    }

    #[test]
    fn tokens_are_counted_by_taker_link_and_hour() {
        let mut counter = Counter::default();
        for second in [5, 6, 7] {
            assert!(counter.add(taker("console", Whom::Itself), link(1), moment(second), 100));
        }
        assert!(counter.add(taker("console", Whom::Owner), link(1), moment(8), 100));
        assert!(counter.add(taker("console", Whom::Another("gateway")), link(1), moment(9), 100));
        assert!(counter.add(taker("robot", Whom::Itself), link(1), moment(10), 100));
        assert!(counter.add(taker("robot", Whom::Itself), link(2), moment(11), 100));
        assert!(counter.add(taker("robot", Whom::Itself), link(2), moment(3600), 100));
        let (console, robot) = ("console".to_owned(), "robot".to_owned());
        assert_eq!(
            told(&counter.into_pages()),
            [
                (0, 5, console.clone(), Whom::Itself, 1, 3),
                (0, 8, console.clone(), Whom::Owner, 1, 1),
                (0, 9, console, Whom::Another("gateway".to_owned()), 1, 1),
                (0, 10, robot.clone(), Whom::Itself, 1, 1),
                (0, 11, robot.clone(), Whom::Itself, 2, 1),
                (1, 0, robot, Whom::Itself, 2, 1),
            ]
        );
    }

    #[test]
    fn a_full_counter_goes_on_with_what_it_has() {
        let mut counter = Counter::default();
        for number in 0..3 {
            assert!(counter.add(taker("console", Whom::Itself), link(number), moment(0), 3));
        }
        assert!(!counter.add(taker("console", Whom::Itself), link(3), moment(0), 3), "another link");
        assert!(!counter.add(taker("robot", Whom::Itself), link(0), moment(0), 3), "another taker");
        assert!(!counter.add(taker("console", Whom::Itself), link(0), moment(3600), 3), "another hour");
        assert!(counter.add(taker("console", Whom::Itself), link(0), moment(0), 3));
        assert_eq!(counter.len(), 3);
    }
}
