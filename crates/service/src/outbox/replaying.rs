//! Telling again: what was given up, and what the audit record still has.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::letters;
use crate::audit::{About, record_counted};
use crate::caller_sized::told;
use crate::meters::Limit;
use crate::{Parts, boxed};
use domain::caller::{Action, Caller};
use domain::event::{Actor, Event};
use domain::{Error, Result};
use store::outbox::{DeadKey, Letter, Recorded, find_recorded, list_dead, list_dead_of_id, revive};
use store::{Tx, Until};

/// Events of one call: what one transaction may hold lanes for.
const BATCH: u16 = 500;

/// What is to be told again, one batch of it.
#[derive(Clone, Debug)]
pub enum Again {
    /// One event, to all whom it was for, or to one of them.
    Event {
        /// Which.
        id: Uuid,
        /// To whom alone.
        endpoint: Option<String>,
    },
    /// An endpoint's dead letters.
    Dead {
        /// Whose.
        endpoint: String,
        /// From after this number on.
        after: i64,
    },
    /// What the record says of a time, to whoever wants such events now, or to one of them.
    Record {
        /// From this moment on, or from after this line on.
        after: (DateTime<Utc>, Uuid),
        /// Up to before this one.
        until: DateTime<Utc>,
        /// To whom alone.
        endpoint: Option<String>,
    },
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// How many deliveries wait now that did not before.
    pub count: usize,
    /// Where to go on, if there may be more.
    pub next: Option<Next>,
}

/// Where a replay goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// After the dead letter of this number.
    Dead(i64),
    /// After this line of the record.
    Record(DateTime<Utc>, Uuid),
}

/// Has events told again, for an application.
#[boxed]
pub async fn replay(parts: &Arc<Parts>, caller: &Caller, actor: Actor, again: Again) -> Result<Replayed> {
    caller.may_somewhere(Action::SeeToEvents)?;
    let place = parts.meters.within(Limit::Lists, parts.caller_sized.place_of(&caller.client).await)?;
    let done = parts.detached(async move |parts| {
        let replayed = again.carry_out(&parts, &actor).await;
        drop(place);
        replayed
    });
    done.await.map_err(told)
}

/// What a batch consists of.
struct Batch {
    dead: Vec<DeadKey>,
    letters: Vec<Letter>,
    next: Option<Next>,
}

impl Again {
    /// Does it, in one transaction with its line in the record.
    #[boxed]
    pub async fn carry_out(&self, parts: &Parts, actor: &Actor) -> Result<Replayed> {
        if let Some(endpoint) = self.endpoint()
            && !parts.settings.webhooks.contains_key(endpoint)
        {
            return Err(Error::input("endpoint", "is none that the settings name"));
        }
        let batch = self.batch(parts).await?;
        let mut tx = parts.store.begin().await?;
        let now = store::now(parts.clock.now());
        let revived = revive(tx.conn(), &batch.dead, now).await?;
        let queued = tx.post_now(batch.letters).await?;
        let count = revived + queued;
        self.note(parts, &mut tx, actor, count).await?;
        tx.ring(&parts.outbox.bell);
        tx.commit().await?;
        Ok(Replayed { count, next: batch.next })
    }

    async fn note(&self, parts: &Parts, tx: &mut Tx, actor: &Actor, count: usize) -> Result<()> {
        let detail = match self {
            Self::Event { .. } => "event",
            Self::Dead { .. } => "dead",
            Self::Record { .. } => "record",
        };
        let about = About { detail: Some(detail), ..About::default() };
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        record_counted(parts, tx, Event::EventsReplayed, actor, about, count).await
    }

    fn endpoint(&self) -> Option<&str> {
        match self {
            Self::Event { endpoint, .. } | Self::Record { endpoint, .. } => endpoint.as_deref(),
            Self::Dead { endpoint, .. } => Some(endpoint),
        }
    }

    async fn batch(&self, parts: &Parts) -> Result<Batch> {
        match self {
            Self::Event { id, .. } => self.one(parts, *id).await,
            Self::Dead { endpoint, after } => dead_of(parts, endpoint, *after).await,
            Self::Record { after: (at, id), until, .. } => {
                let after = Recorded { at: *at, id: *id, line: None };
                let mut lists = parts.store.lists(Until::within(parts.settings.limits.list_timeout)).await?;
                let lines = lists.list_recorded(&after, *until, BATCH).await?;
                let is_full = lines.len() >= usize::from(BATCH);
                let next = lines.last().filter(|_| is_full).map(|last| Next::Record(last.at, last.id));
                let letters = lines.iter().flat_map(|line| self.letters(parts, line)).collect();
                Ok(Batch { dead: Vec::new(), letters, next })
            }
        }
    }

    /// Of one event what was given up, and what the record has for those who took it.
    async fn one(&self, parts: &Parts, id: Uuid) -> Result<Batch> {
        let recorded = store::read!(parts.store, |conn| find_recorded(conn, id))?;
        let mut letters: Vec<Letter> = recorded.iter().flat_map(|line| self.letters(parts, line)).collect();
        let now = store::now(parts.clock.now());
        // Those who want such events no more are told what they were to be.
        for (endpoint, told) in store::read!(parts.store, |conn| list_dead_of_id(conn, id))? {
            let is_there = letters.iter().any(|letter| letter.endpoint == endpoint);
            if !is_there && self.is_for(&endpoint) && parts.settings.webhooks.contains_key(&endpoint) {
                letters.push(Letter { endpoint, told, now });
            }
        }
        if letters.is_empty() {
            return Err(Error::input("id", "is no event that anybody is told of"));
        }
        Ok(Batch { dead: Vec::new(), letters, next: None })
    }

    fn letters(&self, parts: &Parts, recorded: &Recorded) -> Vec<Letter> {
        let Some(line) = &recorded.line else { return Vec::new() };
        let mut letters = letters(&parts.settings.webhooks, line, store::now(parts.clock.now()));
        letters.retain(|letter| self.is_for(&letter.endpoint));
        for letter in &mut letters {
            letter.told.replayed = true;
        }
        letters
    }

    fn is_for(&self, endpoint: &str) -> bool {
        self.endpoint().is_none_or(|wanted| wanted == endpoint)
    }
}

async fn dead_of(parts: &Parts, endpoint: &str, after: i64) -> Result<Batch> {
    let dead = store::read!(parts.store, |conn| list_dead(conn, endpoint, after, i64::from(BATCH)))?;
    let next = dead.last().filter(|_| dead.len() >= usize::from(BATCH)).map(|last| Next::Dead(last.seq));
    Ok(Batch { dead, letters: Vec::new(), next })
}
