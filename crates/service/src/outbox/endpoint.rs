//! Delivers one endpoint's letters: each lane one after the other, several lanes at once, by one process at a time.

use std::collections::BTreeSet;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use uuid::Uuid;

use crate::Parts;
use domain::Result;
use domain::outbox::{AfterFailure, Answered, LAST_OF_LEASE, LEASE, Sink, Tries, after_failure};
use store::Now;
use store::outbox::{DueLane, Failure, Gone, Head, done, find_head, give_up, list_due, put_off, take, tidy};

/// Deliveries to one endpoint at once. As many failures in a row end a turn: what is down is not asked for all that waits.
const WIDTH: usize = 8;
/// Letters of a lane before others have a turn.
const IN_A_ROW: usize = 32;

/// An endpoint in the hands of this process, if it gets the lease.
pub(super) struct Endpoint<'a, S> {
    parts: &'a Parts,
    name: &'a str,
    sink: &'a S,
}

/// What came of a lane's turn.
enum Turn {
    /// The receiver took something, or nothing was there to take.
    Went,
    /// It took nothing.
    Failed,
}

impl<'a, S: Sink> Endpoint<'a, S> {
    pub(super) fn new(parts: &'a Parts, name: &'a str, sink: &'a S) -> Self {
        Self { parts, name, sink }
    }

    /// Delivers until nothing is due, the receiver fails again and again, or the lease is another's.
    pub(super) async fn work(&self) -> Result<()> {
        let (mut busy, mut at_work) = (BTreeSet::new(), FuturesUnordered::new());
        let (mut failures, mut ends) = (0, Ok(()));
        loop {
            let goes_on = ends.is_ok() && failures < WIDTH;
            if goes_on && at_work.len() < WIDTH {
                match self.due(&busy, WIDTH - at_work.len()).await {
                    Ok(lanes) => {
                        busy.extend(lanes.iter().map(|due| due.lane));
                        at_work.extend(lanes.into_iter().map(|due| Box::pin(self.turn(due))));
                    }
                    Err(error) => ends = Err(error),
                }
            }
            // What is on its way is waited for, whatever became of the others.
            let Some((lane, turn)) = at_work.next().await else { return ends };
            busy.remove(&lane);
            match turn {
                Ok(Turn::Went) => failures = 0,
                Ok(Turn::Failed) => failures += 1,
                Err(error) => ends = ends.and(Err(error)),
            }
        }
    }

    /// So many lanes that are due and in nobody's hands; none without the lease.
    async fn due(&self, busy: &BTreeSet<Uuid>, room: usize) -> Result<Vec<DueLane>> {
        let (now, limit) = (self.now(), i64::try_from(busy.len() + room).unwrap_or(i64::MAX));
        let due = store::read!(self.parts.store, |conn| list_due(conn, self.name, now, limit))?;
        let free: Vec<DueLane> = due.into_iter().filter(|due| !busy.contains(&due.lane)).take(room).collect();
        Ok(if free.is_empty() || self.is_ours().await? { free } else { Vec::new() })
    }

    async fn turn(&self, due: DueLane) -> (Uuid, Result<Turn>) {
        (due.lane, self.tell(due).await)
    }

    /// Tells a lane's letters, one after the other.
    async fn tell(&self, mut due: DueLane) -> Result<Turn> {
        for _ in 0..IN_A_ROW {
            let now = self.now();
            let head = store::read!(self.parts.store, |conn| find_head(conn, self.name, due.lane, now))?;
            let Some(head) = head else {
                self.tidy(due.lane).await?;
                break;
            };
            // Right before it is sent, whatever the reading took.
            if !self.is_ours().await? {
                break;
            }
            match self.sink.deliver(&head.told).await {
                Answered::Taken => self.goes_again(),
                Answered::Failed { code, retry_after } => {
                    self.fails(&head, &code);
                    let tries =
                        Tries { failures: due.attempts.saturating_add(1), failing: due.failing, waiting: head.waiting };
                    let [jitter] = self.parts.entropy.bytes::<1>();
                    self.failed(&due, &head, &code, after_failure(tries, jitter, retry_after)).await?;
                    return Ok(Turn::Failed);
                }
            }
            if self.taken(due.lane, &head).await? != Gone::AndMoreWait {
                break;
            }
            due = DueLane { attempts: 0, failing: chrono::TimeDelta::zero(), ..due };
        }
        Ok(Turn::Went)
    }

    /// Whether nobody else delivers to this endpoint before a delivery that is begun now is over; takes the lease, or makes it
    /// longer, where that is needed.
    async fn is_ours(&self) -> Result<bool> {
        // Before it is asked for: from then on it counts at the latest.
        let began = self.parts.clock.monotonic();
        let until = self.parts.outbox.known().held.get(self.name).copied().unwrap_or_default();
        if until.saturating_sub(began) >= LAST_OF_LEASE {
            return Ok(true);
        }
        let (holder, now) = (self.parts.outbox.holder, self.now());
        let taken = store::claim!(self.parts.store, |conn| take(conn, self.name, holder, now))?;
        let mut known = self.parts.outbox.known();
        if taken {
            known.held.insert(self.name.to_owned(), began + LEASE);
        } else {
            known.held.remove(self.name);
        }
        Ok(taken && (began + LEASE).saturating_sub(self.parts.clock.monotonic()) >= LAST_OF_LEASE)
    }

    /// Takes note that a letter was taken. Where that fails it is told again: receivers know it by its id.
    async fn taken(&self, lane: Uuid, head: &Head) -> Result<Gone> {
        let mut tx = self.parts.store.begin().await?;
        let gone = done(tx.conn(), self.name, lane, head, self.now()).await?;
        if gone != Gone::Before {
            tx.commit().await?;
        }
        Ok(gone)
    }

    async fn failed(&self, due: &DueLane, head: &Head, code: &str, after: AfterFailure) -> Result<()> {
        match after {
            AfterFailure::Again(wait) => {
                put_off(&mut self.parts.store.write().await?, self.name, due, wait, self.now()).await
            }
            AfterFailure::GivenUp => {
                let mut tx = self.parts.store.begin().await?;
                let failure = Failure { code, now: self.now() };
                if give_up(tx.conn(), self.name, due, head, failure).await? {
                    tx.commit().await?;
                    tracing::error!(endpoint = self.name, event = %head.told.id, code, "an event was given up: it is a dead letter");
                }
                Ok(())
            }
        }
    }

    /// Drops a lane that has nothing waiting.
    async fn tidy(&self, lane: Uuid) -> Result<()> {
        let mut tx = self.parts.store.begin().await?;
        tidy(tx.conn(), self.name, lane, self.now()).await?;
        tx.commit().await
    }

    fn fails(&self, head: &Head, code: &str) {
        if self.parts.outbox.known().failing.insert(self.name.to_owned()) {
            tracing::warn!(endpoint = self.name, event = %head.told.id, code, "an endpoint does not take events");
        } else {
            tracing::debug!(endpoint = self.name, event = %head.told.id, code, "an event was not taken");
        }
    }

    fn goes_again(&self) {
        if self.parts.outbox.known().failing.remove(self.name) {
            tracing::info!(endpoint = self.name, "an endpoint takes events again");
        }
    }

    fn now(&self) -> Now {
        store::now(self.parts.clock.now())
    }
}
