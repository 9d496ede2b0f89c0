//! What happens too often for a line each: tokens handed out, calls refused, callers who fail to say who they are. It is counted in
//! memory for a second, or until there is much of it; a crash loses no more than that.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};
use tokio::sync::Notify;
use uuid::Uuid;

use domain::apart::Apart;
use domain::caller::Caller;
use domain::event::{About, Actor, AuditLine, Event};
use domain::ids::{ClientId, LinkId, Subject};
use domain::networks::site;
use domain::served::{self, Counter, Door, HOUR, Page, Whom};
use domain::threads::Nice;

/// So many lines are written at once, without waiting.
const ENOUGH: usize = 1_000;
/// So many entries of a thread's tokens are: one is a few bytes, and each commit costs every reader its cache, so that who reads much
/// is written about once a second all the same.
const ENOUGH_SERVED: usize = MOST / 4 * 3;
/// Entries that wait at most, of tokens for each thread that hands them out. What comes beyond, while the database takes none, is
/// counted by the hour, tokens by their application and refusals by their kind alone.
const MOST: usize = 10_000;
/// Refusals are counted by the minute, in seconds.
const MINUTE: i64 = 60;
/// Networks of one minute that have a line each: the others share one.
const NETWORKS: usize = 100;

/// To whom a token is handed out, and through which door.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taker<'a> {
    pub(super) client: &'a ClientId,
    /// For whom it acts: the user whose token it showed, or who acts for that user (RFC 8693 §4.1).
    pub(super) actor: Option<&'a str>,
    pub(super) door: Door,
}

impl<'a> Taker<'a> {
    /// A caller at this door.
    pub(super) fn of(caller: &'a Caller, door: Door) -> Self {
        Self { client: &caller.client, actor: caller.subject().map(Subject::as_str), door }
    }
}

/// What is counted and not written yet.
pub struct Counts {
    /// Tokens, which are many: the threads that hand them out count apart.
    served: Apart<Mutex<Counter>>,
    others: Mutex<Others>,
    /// What is being written: as long as nobody knows that it is, it is tried again as the same batch.
    pub(super) batch: tokio::sync::Mutex<Option<Batch>>,
    pub(super) full: Notify,
    /// Where pages are merged, which may be large.
    pub(super) merging: Nice,
}

impl Default for Counts {
    fn default() -> Self {
        let merging = Nice::new("counts", 1);
        Self {
            served: Apart::default(),
            others: Mutex::default(),
            batch: tokio::sync::Mutex::default(),
            full: Notify::new(),
            merging,
        }
    }
}

/// All that is not the usual way of tokens.
#[derive(Default)]
struct Others {
    lines: HashMap<(What, i64), AuditLine>,
    /// The minute that is counted, and the networks that have a line of their own in it.
    networks: (i64, HashSet<String>),
}

/// What is counted without a link.
#[derive(Clone, PartialEq, Eq, Hash)]
struct What {
    event: Event,
    client: Option<String>,
    detail: &'static str,
    network: Option<String>,
}

impl What {
    /// The line that begins now; it gets its id when it is taken.
    fn line(&self, now: DateTime<Utc>) -> AuditLine {
        let actor = Actor { client: self.client.clone(), claimed_ip: self.network.clone(), ..Actor::default() };
        let about = About { detail: Some(self.detail), ..About::default() };
        AuditLine::new(Uuid::nil(), now, self.event, &actor, about)
    }
}

/// Counts on their way into the record: of tokens in pages, all else in lines.
pub(super) struct Batch {
    pub(super) id: Uuid,
    pub(super) pages: Vec<Page>,
    pub(super) lines: Vec<AuditLine>,
}

impl Counts {
    /// A token of a link is handed out.
    #[inline]
    pub(super) fn served(&self, taker: Taker<'_>, link: LinkId, owner: &Subject, now: DateTime<Utc>) {
        let whom = match taker.actor {
            None => Whom::Itself,
            Some(actor) if actor == owner.as_str() => Whom::Owner,
            Some(actor) => Whom::Another(actor),
        };
        let Taker { client, door, .. } = taker;
        let mut counter = locked(self.served.here());
        if counter.add(served::Taker { client: client.as_str(), whom, door }, link, now, MOST) {
            if counter.len() == ENOUGH_SERVED {
                self.full.notify_one();
            }
            return;
        }
        drop(counter);
        let (client, detail) = (Some(client.as_str().to_owned()), door.as_str());
        let what = What { event: Event::TokensServed, client, detail, network: None };
        self.another(&mut locked(&self.others), what, now, HOUR);
    }

    /// A call is refused; of nobody's where nobody knows whose it was.
    pub fn refused(&self, client: Option<&ClientId>, code: &'static str, now: DateTime<Utc>) {
        let client = client.map(|client| client.as_str().to_owned());
        let what = What { event: Event::CallsRefused, client, detail: code, network: None };
        self.another_refused(&mut locked(&self.others), what, now);
    }

    /// Somebody fails to show who they are: as `kind`, such as a client secret; `client` is whom they name, if there is such.
    pub(super) fn unknown(&self, client: Option<&ClientId>, kind: &'static str, from: IpAddr, now: DateTime<Utc>) {
        let client = client.map(|client| client.as_str().to_owned());
        let mut others = locked(&self.others);
        let (minute, site) = (now.timestamp().div_euclid(MINUTE), site(from));
        if others.networks.0 != minute {
            others.networks = (minute, HashSet::new());
        }
        let known = &mut others.networks.1;
        let has_line = known.contains(&site) || (known.len() < NETWORKS && known.insert(site.clone()));
        let network = has_line.then_some(site);
        let what = What { event: Event::AuthenticationFailed, client, detail: kind, network };
        self.another_refused(&mut others, what, now);
    }

    /// One more of this in its minute, if there is room for a line.
    fn another_refused(&self, others: &mut Others, what: What, now: DateTime<Utc>) {
        if others.lines.len() < MOST || others.lines.contains_key(&(what.clone(), now.timestamp().div_euclid(MINUTE))) {
            return self.another(others, what, now, MINUTE);
        }
        self.another(others, What { client: None, network: None, ..what }, now, HOUR);
    }

    /// One more of this, in the window of so many seconds that `now` is in.
    fn another(&self, others: &mut Others, what: What, now: DateTime<Utc>, window: i64) {
        let line = what.line(now);
        match others.lines.entry((what, now.timestamp().div_euclid(window))) {
            Entry::Occupied(mut there) => {
                let count = &mut there.get_mut().count;
                *count = count.saturating_add(1);
            }
            Entry::Vacant(free) => {
                free.insert(line);
                if others.lines.len() == ENOUGH {
                    self.full.notify_one();
                }
            }
        }
    }

    /// What is counted so far, if anything; counting begins anew.
    pub(super) fn take(&self, instance: Uuid, batch: Uuid) -> Option<Batch> {
        let others = std::mem::take(&mut locked(&self.others).lines).into_iter();
        let with_id = |((_, window), line): ((What, i64), AuditLine)| AuditLine {
            id: line_id(&[instance.as_bytes()], window, &line),
            ..line
        };
        let batch = Batch { id: batch, pages: self.take_pages(), lines: others.map(with_id).collect() };
        (!batch.pages.is_empty() || !batch.lines.is_empty()).then_some(batch)
    }

    /// The tokens that are counted so far: a page for each hour, unless there are more than a thread alone may count.
    fn take_pages(&self) -> Vec<Page> {
        let mut pages: Vec<Page> = Vec::new();
        for counter in self.served.iter() {
            let counter = std::mem::take(&mut *locked(counter));
            for page in counter.into_pages() {
                let has_room = |other: &&mut Page| {
                    other.hour() == page.hour() && other.entries().len() + page.entries().len() <= MOST
                };
                match pages.iter_mut().find(has_room) {
                    Some(other) => other.absorb(page),
                    None => pages.push(page),
                }
            }
        }
        pages
    }
}

fn locked<T>(counted: &Mutex<T>) -> MutexGuard<'_, T> {
    counted.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The id of a counted line: the same for all that is counted of the same, by the same, in the same window.
pub(super) fn line_id(of: &[&[u8]], window: i64, line: &AuditLine) -> Uuid {
    let AuditLine { event, actor, detail, .. } = line;
    let parts = [
        Some(event.as_str()),
        actor.client.as_deref(),
        actor.subject.as_deref(),
        actor.claimed_ip.as_deref(),
        detail.as_deref(),
    ];
    let parts = parts.iter().map(|part| part.map(str::as_bytes));
    let mut hash = Sha256::new_with_prefix(window.to_be_bytes());
    for part in of.iter().map(|part| Some(*part)).chain(parts) {
        hash.update([u8::from(part.is_some())]);
        hash.update(part.map_or(0, <[u8]>::len).to_be_bytes());
        hash.update(part.unwrap_or_default());
    }
    let mut id = [0; 16];
    id.iter_mut().zip(hash.finalize()).for_each(|(byte, hashed)| *byte = hashed);
    uuid::Builder::from_custom_bytes(id).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(counts: &Counts) -> Batch {
        counts.take(Uuid::nil(), Uuid::nil()).unwrap()
    }

    fn times(batch: &Batch) -> u32 {
        let tokens = batch.pages.iter().flat_map(Page::entries).map(|entry| entry.count).sum::<u32>();
        tokens + batch.lines.iter().map(|line| line.count).sum::<u32>()
    }

    #[test]
    fn whose_token_it_is_and_for_whom_it_is_taken_are_told_apart() {
        let counts = Counts::default();
        let (console, alice) = (ClientId::parse("console").unwrap(), Subject::parse("alice").unwrap());
        let now = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        for actor in [None, Some("alice"), Some("gateway"), Some("gateway")] {
            let taker = Taker { client: &console, actor, door: Door::FedToken };
            counts.served(taker, LinkId(Uuid::nil()), &alice, now);
        }
        let batch = take(&counts);
        let page = batch.pages.first().unwrap();
        let told = |entry| page.taker(entry).map(|taker| taker.whom.clone()).unwrap();
        let mut whom: Vec<_> = page.entries().iter().map(|entry| (format!("{:?}", told(entry)), entry.count)).collect();
        whom.sort();
        let expected = [(r#"Another("gateway")"#, 2), ("Itself", 1), ("Owner", 1)];
        assert_eq!(whom, expected.map(|(whom, count)| (whom.to_owned(), count)));
        assert!(counts.take(Uuid::nil(), Uuid::nil()).is_none());
    }

    #[test]
    fn what_waits_is_bounded_and_no_token_is_left_out() {
        let counts = Counts::default();
        let (client, alice) = (ClientId::parse("console").unwrap(), Subject::parse("alice").unwrap());
        let now = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        for link in 0..50_000 {
            let taker = Taker { client: &client, actor: None, door: Door::Batch };
            counts.served(taker, LinkId(Uuid::from_u128(link)), &alice, now);
        }
        let batch = take(&counts);
        assert_eq!(batch.pages.iter().map(|page| page.entries().len()).sum::<usize>(), MOST);
        assert_eq!((batch.lines.len(), times(&batch)), (1, 50_000));
    }

    #[test]
    fn what_threads_count_apart_is_written_together() {
        let counts = Counts::default();
        let (client, alice) = (ClientId::parse("console").unwrap(), Subject::parse("alice").unwrap());
        let now = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        let hand_out = |links: std::ops::Range<u128>| {
            for link in links {
                let taker = Taker { client: &client, actor: None, door: Door::FedToken };
                counts.served(taker, LinkId(Uuid::from_u128(link)), &alice, now);
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..50 {
                scope.spawn(|| hand_out(0..100));
            }
        });
        let batch = take(&counts);
        assert_eq!(batch.pages.iter().map(|page| page.entries().len()).collect::<Vec<_>>(), [100]);
        assert_eq!((batch.lines.len(), times(&batch)), (0, 5_000));
        // More than fit on a page.
        std::thread::scope(|scope| {
            for part in 0..16 {
                scope.spawn(move || hand_out(part * 2_000..(part + 1) * 2_000));
            }
        });
        let batch = take(&counts);
        assert!(batch.pages.iter().all(|page| page.entries().len() <= MOST));
        assert_eq!(times(&batch), 32_000);
    }

    #[test]
    fn strangers_have_so_many_lines_a_minute() {
        let counts = Counts::default();
        let now = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        let mut lines = Vec::new();
        for second in 0..60 {
            for network in 0..100_u32 {
                let from = IpAddr::from(((second * 100 + network) << 8).to_be_bytes());
                counts.unknown(None, "client secret", from, now + chrono::TimeDelta::milliseconds(i64::from(second)));
            }
            lines.extend(take(&counts).lines);
        }
        let networks: std::collections::BTreeSet<_> =
            lines.iter().filter_map(|line| line.actor.claimed_ip.clone()).collect();
        assert_eq!(networks.len(), NETWORKS);
        let ids: std::collections::BTreeSet<_> = lines.iter().map(|line| line.id).collect();
        assert_eq!(ids.len(), NETWORKS + 1, "each of a network, and one of the others");
        assert_eq!(lines.iter().map(|line| line.count).sum::<u32>(), 6_000);
    }

    // The database is away for a day, and somebody guesses all the while from everywhere.
    #[test]
    fn what_strangers_do_is_bounded_while_nothing_is_written() {
        let counts = Counts::default();
        let now = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        for minute in 0..24 * 60 {
            for network in 0..20_u32 {
                let from = IpAddr::from((network << 8).to_be_bytes());
                counts.unknown(None, "client secret", from, now + chrono::TimeDelta::minutes(minute));
            }
        }
        let batch = take(&counts);
        assert!(batch.lines.len() <= MOST + 25, "{}", batch.lines.len());
        assert_eq!(times(&batch), 24 * 60 * 20);
    }
}
