//! What happens too often for a line each: tokens handed out, calls refused, callers who fail to say who they are. It is counted in
//! memory and added to the record every ten seconds, or sooner where tokens of very many links are handed out; a crash loses no more
//! than that. Written each second, a line a link, it made a read half as dear again.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};
use tokio::sync::Notify;
use uuid::Uuid;

use domain::caller::Caller;
use domain::event::{About, Actor, AuditLine, Event};
use domain::ids::{ClientId, LinkId, ProviderId, Subject};
use domain::networks::site;

/// So many lines are written at once, without waiting.
const ENOUGH: usize = 5_000;
/// Lines that wait at most. What comes beyond, while the database takes none, is counted by the hour, tokens by their application
/// and refusals by their kind alone.
const MOST: usize = 10_000;
/// The hour of a token, and the minute of a refusal, in seconds.
const HOUR: i64 = 3600;
const MINUTE: i64 = 60;
/// Networks of one minute that have a line each: the others share one.
const NETWORKS: usize = 100;

/// Through which door a token is handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Door {
    /// One user's tokens of one provider.
    FedToken,
    /// For another token.
    Exchange,
    /// As one of many.
    Batch,
}

impl Door {
    fn as_str(self) -> &'static str {
        match self {
            Self::FedToken => "fed_token",
            Self::Exchange => "exchange",
            Self::Batch => "batch",
        }
    }
}

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

/// The token that is handed out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    pub(super) link: LinkId,
    pub(super) subject: &'a str,
    pub(super) provider: &'a ProviderId,
    pub(super) sid: &'a str,
}

/// What is counted and not written yet.
#[derive(Default)]
pub struct Counts {
    growing: Mutex<Tally>,
    /// What is being written: as long as nobody knows that it is, it is tried again as the same batch.
    pub(super) batch: tokio::sync::Mutex<Option<Batch>>,
    pub(super) full: Notify,
}

#[derive(Default)]
struct Tally {
    /// By link, hour and door: the takers of a link are few.
    served: HashMap<(LinkId, i64, Door), Vec<AuditLine>>,
    others: HashMap<(What, i64), AuditLine>,
    /// Lines there are.
    lines: usize,
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

/// Lines on their way into the record.
pub(super) struct Batch {
    pub(super) id: Uuid,
    pub(super) lines: Vec<AuditLine>,
}

impl Counts {
    /// A token is handed out.
    pub(super) fn served(&self, taker: Taker<'_>, token: Token<'_>, now: DateTime<Utc>) {
        let mut tally = self.tally();
        let key = (token.link, now.timestamp().div_euclid(HOUR), taker.door);
        let takers = tally.served.get_mut(&key);
        let client = Some(taker.client.as_str());
        let is_theirs = |line: &&mut AuditLine| {
            line.actor.client.as_deref() == client && line.actor.subject.as_deref() == taker.actor
        };
        if let Some(line) = takers.and_then(|takers| takers.iter_mut().find(is_theirs)) {
            return one_more(line);
        }
        let (client, detail) = (client.map(str::to_owned), taker.door.as_str());
        if tally.lines >= MOST {
            let what = What { event: Event::TokensServed, client, detail, network: None };
            return self.another(&mut tally, what, now, HOUR);
        }
        let actor = Actor { client, subject: taker.actor.map(str::to_owned), ..Actor::default() };
        let about = About {
            subject: Some(token.subject),
            provider: Some(token.provider),
            sid: Some(token.sid),
            detail: Some(detail),
        };
        let line = AuditLine::new(Uuid::nil(), now, Event::TokensServed, &actor, about);
        tally.served.entry(key).or_default().push(line);
        self.one_line_more(&mut tally);
    }

    /// A call is refused; of nobody's where nobody knows whose it was.
    pub(crate) fn refused(&self, client: Option<&ClientId>, code: &'static str, now: DateTime<Utc>) {
        let client = client.map(|client| client.as_str().to_owned());
        let what = What { event: Event::CallsRefused, client, detail: code, network: None };
        self.another_refused(&mut self.tally(), what, now);
    }

    /// Somebody fails to show who they are: as `kind`, such as a client secret; `client` is whom they name, if there is such.
    pub(super) fn unknown(&self, client: Option<&ClientId>, kind: &'static str, from: IpAddr, now: DateTime<Utc>) {
        let client = client.map(|client| client.as_str().to_owned());
        let mut tally = self.tally();
        let (minute, site) = (now.timestamp().div_euclid(MINUTE), site(from));
        if tally.networks.0 != minute {
            tally.networks = (minute, HashSet::new());
        }
        let known = &mut tally.networks.1;
        let has_line = known.contains(&site) || (known.len() < NETWORKS && known.insert(site.clone()));
        let network = has_line.then_some(site);
        let what = What { event: Event::AuthenticationFailed, client, detail: kind, network };
        self.another_refused(&mut tally, what, now);
    }

    /// One more of this in its minute, if there is room for a line.
    fn another_refused(&self, tally: &mut Tally, what: What, now: DateTime<Utc>) {
        if tally.lines < MOST || tally.others.contains_key(&(what.clone(), now.timestamp().div_euclid(MINUTE))) {
            return self.another(tally, what, now, MINUTE);
        }
        self.another(tally, What { client: None, network: None, ..what }, now, HOUR);
    }

    /// One more of this, in the window of so many seconds that `now` is in.
    fn another(&self, tally: &mut Tally, what: What, now: DateTime<Utc>, window: i64) {
        let line = what.line(now);
        match tally.others.entry((what, now.timestamp().div_euclid(window))) {
            Entry::Occupied(mut there) => one_more(there.get_mut()),
            Entry::Vacant(free) => {
                free.insert(line);
                self.one_line_more(tally);
            }
        }
    }

    fn one_line_more(&self, tally: &mut Tally) {
        tally.lines += 1;
        if tally.lines >= ENOUGH {
            self.full.notify_one();
        }
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.growing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is counted so far; counting begins anew.
    pub(super) fn take(&self, instance: Uuid) -> Vec<AuditLine> {
        let mut tally = self.tally();
        let networks = std::mem::take(&mut tally.networks);
        let taken = std::mem::replace(&mut *tally, Tally { networks, ..Tally::default() });
        drop(tally);
        let served = taken.served.into_iter().flat_map(|((link, window, _), takers)| {
            takers.into_iter().map(move |line| (line, link.to_string(), window))
        });
        let others = taken.others.into_iter().map(|((_, window), line)| (line, String::new(), window));
        let with_id = |(line, link, window): (AuditLine, String, i64)| AuditLine {
            id: id(instance, &line, &link, window),
            ..line
        };
        served.chain(others).map(with_id).collect()
    }
}

fn one_more(line: &mut AuditLine) {
    line.count = line.count.saturating_add(1);
}

/// The id of a line: the same for all that this instance counts of the same in the same hour, or minute.
fn id(instance: Uuid, line: &AuditLine, of: &str, window: i64) -> Uuid {
    let AuditLine { event, actor, detail, .. } = line;
    let parts = [
        Some(event.as_str()),
        Some(of),
        actor.client.as_deref(),
        actor.subject.as_deref(),
        actor.claimed_ip.as_deref(),
        detail.as_deref(),
    ];
    let mut hash = Sha256::new_with_prefix(instance.as_bytes());
    hash.update(window.to_be_bytes());
    for part in parts {
        hash.update([u8::from(part.is_some())]);
        hash.update(part.unwrap_or_default());
        hash.update([0]);
    }
    let mut id = [0; 16];
    id.iter_mut().zip(hash.finalize()).for_each(|(byte, hashed)| *byte = hashed);
    uuid::Builder::from_custom_bytes(id).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is counted: client, account, detail and how often.
    fn counted_by(counts: &Counts) -> Vec<String> {
        let told = |line: AuditLine| {
            let [client, sid, detail] = [line.actor.client, line.sid, line.detail].map(Option::unwrap_or_default);
            format!("{client} {sid} {detail} {}", line.count)
        };
        let mut lines: Vec<_> = counts.take(Uuid::nil()).into_iter().map(told).collect();
        lines.sort();
        lines
    }

    #[test]
    fn tokens_are_counted_by_client_link_hour_and_door() {
        let (counts, provider) = (Counts::default(), ProviderId::parse("tcs", "tcs_1").unwrap());
        let (console, robot) = (ClientId::parse("console").unwrap(), ClientId::parse("robot").unwrap());
        let now = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        let serve = |client, actor, door, link: u128, now| {
            let sid = format!("t-{link}");
            let link = LinkId(Uuid::from_u128(link));
            let token = Token { link, subject: "alice", provider: &provider, sid: &sid };
            counts.served(Taker { client, actor, door }, token, now);
        };
        for _ in 0..3 {
            serve(&console, None, Door::FedToken, 1, now);
        }
        serve(&console, Some("alice"), Door::FedToken, 1, now);
        serve(&robot, None, Door::FedToken, 1, now);
        serve(&console, None, Door::Exchange, 1, now);
        serve(&console, None, Door::FedToken, 2, now);
        serve(&console, None, Door::FedToken, 1, now + chrono::TimeDelta::hours(1));
        assert_eq!(
            counted_by(&counts),
            [
                "console t-1 exchange 1",
                "console t-1 fed_token 1",
                "console t-1 fed_token 1",
                "console t-1 fed_token 3",
                "console t-2 fed_token 1",
                "robot t-1 fed_token 1",
            ]
        );
        assert!(counted_by(&counts).is_empty());
    }

    #[test]
    fn what_waits_is_bounded_and_no_token_is_left_out() {
        let (counts, provider) = (Counts::default(), ProviderId::parse("tcs", "tcs_1").unwrap());
        let client = ClientId::parse("console").unwrap();
        let now = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        for link in 0..50_000 {
            let link = LinkId(Uuid::from_u128(link));
            let token = Token { link, subject: "alice", provider: &provider, sid: "t-1" };
            counts.served(Taker { client: &client, actor: None, door: Door::Batch }, token, now);
        }
        let lines = counts.take(Uuid::nil());
        assert_eq!(lines.len(), MOST + 1);
        assert_eq!(lines.iter().map(|line| line.count).sum::<u32>(), 50_000);
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
            lines.extend(counts.take(Uuid::nil()));
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
        let lines = counts.take(Uuid::nil());
        assert!(lines.len() <= MOST + 25, "{}", lines.len());
        assert_eq!(lines.iter().map(|line| line.count).sum::<u32>(), 24 * 60 * 20);
    }
}
