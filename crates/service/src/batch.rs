//! Tokens of many links in one request: what is fresh is read and opened a slice at a time, and what has to be refreshed waits for
//! the turn of batches.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::counts::Taker;
use super::meters::Limit;
use super::tokens::{Answer, Asking, DEADLINE, Served, Turn, refuse_forgotten, sets_of};
use super::{Parts, caller_sized, handed_on};
use domain::batch::Room;
use domain::caller::{Action, Caller};
use domain::ids::{LinkId, ProviderId, Sid, Subject};
use domain::served::Door;
use domain::token::Wanted;
use domain::token_set::{HandedOn, ServingSet};
use domain::{Error, Result};
use futures_util::future::{Either, join_all, ready};
use secrecy::ExposeSecret as _;
use settings::{Provider, Subjects};
use store::token_sets::{self, Found, Holdings};
use store::{Lists, Until};
use vault::Owner;

/// Entries that one statement reads.
const SLICE: usize = 100;

/// How long what was handed on with tokens is read for at most, once they are there.
const FIELDS_WITHIN: Duration = Duration::from_secs(1);

/// One token that is asked for.
#[derive(Debug)]
pub struct Entry {
    /// The owner of the link.
    pub subject: Subject,
    /// At which provider; `None` where no provider can be named so.
    pub provider: Option<ProviderId>,
    /// Of this account; without it, of the only one there is.
    pub sid: Option<Sid>,
}

/// Why an entry gets no token.
#[derive(Debug)]
pub enum Refused {
    /// For the same reason as it would alone.
    Error(Error),
    /// There are several accounts with tokens, and it says of none that it is meant.
    Ambiguous,
    /// The answer would be larger than any is ([`domain::batch::ANSWER`]).
    TooMuch,
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

type Outcome = std::result::Result<Served, Refused>;

/// The valid access token of each entry, in their order. An error of its own has only what no entry could be answered for.
pub async fn fetch_many(parts: &Arc<Parts>, caller: &Caller, entries: &[Entry]) -> Result<Vec<Outcome>> {
    caller.may_somewhere(Action::FetchTokens)?;
    let client = parts.settings.clients.get(&caller.client).ok_or(Error::Denied)?;
    if let Some(most) = client.tokens_per_minute.filter(|most| *most < entries.len()) {
        let problem = format!("has {} entries, and the application may fetch {most} tokens a minute", entries.len());
        return Err(Error::input("tokens", problem));
    }
    let deadline = parts.clock.monotonic() + DEADLINE;
    let _place = parts.meters.within(Limit::Lists, parts.caller_sized.batch_of(&caller.client).await)?;
    parts.meters.within(Limit::Tokens, parts.quotas.charge_tokens(client, entries.len(), &*parts.clock))?;
    let batch = Batch { parts, caller, deadline, room: Mutex::new(Room::of(entries.len())) };
    let mut found = Vec::with_capacity(entries.len());
    for slice in entries.chunks(SLICE) {
        found.extend(batch.read(slice).await.map_err(caller_sized::told)?);
    }
    // Nearly all is settled. What is not is boxed: it is large, and so would be all the others.
    let settling = found.into_iter().map(|found| match found {
        Seen::Settled(outcome) => Either::Left(ready(outcome)),
        Seen::Stale(stale) => Either::Right(Box::pin(batch.settle(stale))),
    });
    let mut outcomes = join_all(settling).await;
    batch.hand_on(entries, &mut outcomes).await;
    Ok(outcomes)
}

/// An entry, as far as reading tells.
enum Seen<'a> {
    Settled(Outcome),
    /// The provider has to be asked, unless it is to rest.
    Stale(Stale<'a>),
}

struct Stale<'a> {
    subject: &'a Subject,
    provider: &'a ProviderId,
    settings: &'a Provider,
    set: ServingSet,
    rest: Option<Duration>,
}

/// One request at work.
struct Batch<'a> {
    parts: &'a Arc<Parts>,
    caller: &'a Caller,
    deadline: Duration,
    room: Mutex<Room>,
}

impl<'a> Batch<'a> {
    /// What there is of each entry of a slice.
    async fn read(&self, slice: &'a [Entry]) -> Result<Vec<Seen<'a>>> {
        let known: Vec<_> = slice.iter().map(|entry| self.known(entry)).collect();
        let allowed = slice.iter().zip(&known).filter_map(|(entry, known)| {
            let (provider, _) = known.as_ref().ok()?;
            Some(token_sets::Wanted { subject: &entry.subject, provider, sid: entry.sid.as_ref() })
        });
        let wanted: Vec<_> = allowed.collect();
        let mut lists = self.parts.store.lists(Until::within(self.parts.settings.limits.list_timeout)).await?;
        let mut found = lists.list_serving(&wanted).await?.into_iter();
        let seen = slice.iter().zip(known).map(|(entry, known)| match known {
            Err(error) => Seen::Settled(Err(error.into())),
            Ok((provider, settings)) => {
                let found = found.next().unwrap_or_default();
                self.seen(entry, provider, settings, found).unwrap_or_else(|refused| Seen::Settled(Err(refused)))
            }
        });
        let mut seen: Vec<_> = seen.collect();
        self.find_rests(&mut lists, &mut seen).await?;
        Ok(seen)
    }

    /// The provider of an entry that its caller may ask for, by the rules of fedToken.
    fn known(&self, entry: &'a Entry) -> Result<(&'a ProviderId, &'a Provider)> {
        let provider = entry.provider.as_ref().ok_or(Error::Denied)?;
        let settings = self.parts.settings.providers.get(provider).ok_or(Error::Denied)?;
        self.caller.may(Action::FetchToken(provider), &entry.subject)?;
        self.parts.check_subject(&entry.subject)?;
        Ok((provider, settings))
    }

    fn seen(
        &self,
        entry: &'a Entry,
        provider: &'a ProviderId,
        settings: &'a Provider,
        found: Found,
    ) -> std::result::Result<Seen<'a>, Refused> {
        let mut sets = sets_of(self.caller, &entry.subject, self.holdings(found))?;
        refuse_forgotten(settings)?;
        if sets.len() > 1 {
            return Err(Refused::Ambiguous);
        }
        let asking = self.asking(&entry.subject, provider, settings);
        if let Some(answers) = asking.at_once(&sets)? {
            return Ok(Seen::Settled(self.outcome(&asking, answers)));
        }
        let set = sets.pop().ok_or_else(|| Error::internal("nothing is stale where there is nothing"))?;
        Ok(Seen::Stale(Stale { subject: &entry.subject, provider, settings, set, rest: None }))
    }

    fn holdings(&self, found: Found) -> Holdings {
        match (found.is_disabled, self.parts.settings.subjects) {
            (Some(true), _) => Holdings::Disabled,
            (None, Subjects::Registered) => Holdings::NoAccount,
            (Some(false), _) | (None, Subjects::Any) => Holdings::Sets(found.sets),
        }
    }

    fn asking<'b>(&'b self, subject: &'b Subject, provider: &'b ProviderId, settings: &Provider) -> Asking<'b> {
        let wanted = Wanted { floor: self.parts.settings.tokens.min_lifetime, min_ttl: None, force: false };
        let (lifetime, taker) = (settings.lifetime, Taker::of(self.caller, Door::Batch));
        Asking { parts: self.parts, subject, provider, lifetime, wanted, turn: Turn::OfBatches, taker }
    }

    /// Looks which links are to be left alone for a while, in one statement.
    async fn find_rests(&self, lists: &mut Lists, seen: &mut [Seen<'a>]) -> Result<()> {
        let stale = |seen: &Seen<'_>| match seen {
            Seen::Stale(stale) if stale.set.retry_at.is_some() => Some(stale.set.link),
            Seen::Stale(_) | Seen::Settled(_) => None,
        };
        let resting: Vec<LinkId> = seen.iter().filter_map(stale).collect();
        if resting.is_empty() {
            return Ok(());
        }
        let now = store::now(self.parts.clock.now());
        let found = lists.seen(&resting, now).await?;
        let rests: HashMap<LinkId, Option<Duration>> =
            found.into_iter().map(|(link, seen, _)| (link, seen.rest)).collect();
        for seen in seen {
            if let Seen::Stale(stale) = seen {
                stale.rest = rests.get(&stale.set.link).copied().flatten();
            }
        }
        Ok(())
    }

    /// Asks the provider for what is stale, when it is its turn.
    async fn settle(&self, Stale { subject, provider, settings, set, rest }: Stale<'a>) -> Outcome {
        let asking = self.asking(subject, provider, settings);
        let answer = asking.settled(set, rest, self.deadline).await?;
        self.outcome(&asking, vec![answer])
    }

    /// Puts beside the tokens what their providers have handed on with them, as far as that can be read in time and the answer has room
    /// for it.
    async fn hand_on(&self, entries: &[Entry], outcomes: &mut [Outcome]) {
        let provider = |entry: &Entry| self.parts.settings.providers.get(entry.provider.as_ref()?);
        let mut some: Vec<_> = entries
            .iter()
            .zip(outcomes)
            .filter_map(|(entry, outcome)| Some((entry, provider(entry).filter(|of| of.hands_on_any())?, outcome)))
            .filter(|(_, _, outcome)| outcome.is_ok())
            .collect();
        let left = self.deadline.saturating_sub(self.parts.clock.monotonic()) + FIELDS_WITHIN;
        let until = Until::within(left.min(self.parts.settings.limits.list_timeout));
        for slice in some.chunks_mut(SLICE) {
            let links =
                slice.iter().filter_map(|(_, _, outcome)| Some(outcome.as_ref().ok()?.link)).collect::<Vec<_>>();
            let found = async { self.parts.store.lists(until).await?.handed_on(&links).await }.await;
            let found: HashMap<LinkId, HandedOn> = match found {
                Ok(found) => found.into_iter().map(|found| (found.link, found)).collect(),
                Err(error) => {
                    tracing::warn!(%error, "what providers handed on cannot be read: a batch goes without");
                    return;
                }
            };
            for (entry, provider, outcome) in slice {
                let Ok(served) = &mut **outcome else { continue };
                let Some(found) = found.get(&served.link) else { continue };
                let owner = Owner::new(served.link, &entry.subject, &provider.id, &served.sid);
                served.fields = handed_on::beside(self.parts, provider, owner, served.version, found);
                let fields = served.fields.iter().map(|(name, value)| (name, value.expose_secret()));
                if !self.room().takes_fields(fields) {
                    **outcome = Err(Refused::TooMuch);
                }
            }
        }
    }

    fn room(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The token, if the answer has room for it.
    fn outcome(&self, asking: &Asking<'_>, answers: Vec<Answer>) -> Outcome {
        let token = asking.conclude(answers)?.pop().ok_or_else(|| Error::internal("served, and nothing is there"))?;
        if self.room().takes(&[&token.sid, token.token.expose_secret()]) { Ok(token) } else { Err(Refused::TooMuch) }
    }
}
