//! Waits for refreshes that other instances are at: one query for all links that this instance waits for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};

use crate::service::Parts;
use domain::ids::LinkId;
use domain::refresh::{Errand, LEASE, Next, Seen, Takeover, next};
use domain::{Error, Result};
use store::leases::{Lease, seen};

/// The shortest time between two looks, and the first one anybody waits.
const SOONEST: Duration = Duration::from_millis(25);
/// The longest.
const LATEST: Duration = Duration::from_millis(250);
/// When whoever is sent away may try again, at another instance.
const SENT_AWAY: Duration = Duration::from_secs(1);
/// Links in one query.
const BATCH: usize = 500;

/// The links whose lease another instance has, while somebody here waits for them.
#[derive(Default)]
pub(in crate::service) struct Waiting {
    waiters: Mutex<Waiters>,
    came: Notify,
}

#[derive(Default)]
struct Waiters {
    by_link: HashMap<LinkId, Waiter>,
    is_polled: bool,
    /// The process ends: nobody waits any more.
    is_over: bool,
}

/// One flight that waits: at most one for each link, since flights of a link join.
struct Waiter {
    version: i64,
    errand: Errand,
    news: oneshot::Sender<std::result::Result<Turn, String>>,
    /// The lease it waits for, and since when that has stood as it is, by this process's own time.
    watched: Option<(Lease, Duration)>,
}

/// What is to be done instead of waiting.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    pub(super) next: Next,
    /// The attempt that has not renewed its lease for longer than one lasts: it is dead, whatever a wrong clock wrote.
    pub(super) outlived: Option<uuid::Uuid>,
}

impl From<Next> for Turn {
    fn from(next: Next) -> Self {
        Self { next, outlived: None }
    }
}

impl Waiter {
    /// The flight may have died; then nobody listens.
    fn tell(self, news: std::result::Result<Turn, String>) {
        let _unheard = self.news.send(news);
    }

    /// What to do by what is seen now, if there is anything but to wait.
    fn turn(&mut self, found: Option<&Found>, takeover: Takeover, now: Duration) -> Option<Turn> {
        let next = next(found.map(|found| found.0), self.version, self.errand, takeover);
        if next != Next::Wait {
            return Some(next.into());
        }
        let lease = found.and_then(|found| found.1)?;
        match self.watched {
            Some((watched, since)) if watched == lease => {
                let is_dead = now.saturating_sub(since) > LEASE && takeover == Takeover::Allowed;
                is_dead.then_some(Turn { next: Next::Again, outlived: Some(lease.0) })
            }
            _ => {
                self.watched = Some((lease, now));
                None
            }
        }
    }
}

/// How a link stands, and the lease on it.
type Found = (Seen, Option<Lease>);

impl Waiting {
    /// Adds a waiter; says whether the caller has to start looking, since nobody does.
    fn add(&self, link: LinkId, waiter: Waiter) -> bool {
        let mut waiters = self.lock();
        if waiters.is_over {
            waiter.tell(Ok(Next::Rest(SENT_AWAY).into()));
            return false;
        }
        waiters.by_link.insert(link, waiter);
        self.came.notify_one();
        !std::mem::replace(&mut waiters.is_polled, true)
    }

    /// Sends away all who wait for other instances, and all who come: what they wait for is not this process's to store.
    pub(in crate::service) fn send_away(&self) {
        let mut waiters = self.lock();
        waiters.is_over = true;
        for (_, waiter) in waiters.by_link.drain() {
            waiter.tell(Ok(Next::Rest(SENT_AWAY).into()));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiters> {
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits until there is something else to do about a link than to wait.
pub(super) async fn turn(parts: &Arc<Parts>, link: LinkId, version: i64, errand: Errand) -> Result<Turn> {
    let (news, hearing) = oneshot::channel();
    if parts.flights.waiting().add(link, Waiter { version, errand, news, watched: None }) {
        let parts = Arc::clone(parts);
        parts.runtime.clone().spawn(async move { poll(&parts).await });
    }
    match hearing.await {
        Ok(Ok(turn)) => Ok(turn),
        Ok(Err(away)) => Err(Error::StorageUnavailable(away.into())),
        Err(_the_poller_died) => Err(Error::internal("nobody looks after refreshes of other instances")),
    }
}

/// Looks until nobody waits any more.
async fn poll(parts: &Parts) {
    let waiting = parts.flights.waiting();
    // Also when it panics: the next to wait starts another.
    let _stopped = Stopped(waiting);
    let mut pause = SOONEST;
    loop {
        look(parts, waiting).await;
        {
            let mut waiters = waiting.lock();
            if waiters.by_link.is_empty() {
                waiters.is_polled = false;
                return;
            }
        }
        tokio::time::sleep(SOONEST).await;
        // Whoever has just come is not to wait as long as those who have been waiting.
        pause = match tokio::time::timeout(pause.saturating_sub(SOONEST), waiting.came.notified()).await {
            Ok(()) => SOONEST,
            Err(_nobody_came) => (pause * 3 / 2).min(LATEST),
        };
    }
}

/// Looks once at all links that are waited for, and tells those who have something else to do.
async fn look(parts: &Parts, waiting: &Waiting) {
    let links: Vec<LinkId> = waiting.lock().by_link.keys().copied().collect();
    for batch in links.chunks(BATCH) {
        let now = store::now(parts.clock.now());
        let found: std::result::Result<HashMap<LinkId, Found>, String> = match store_seen(parts, batch, now).await {
            Ok(found) => Ok(found.into_iter().map(|(link, seen, lease)| (link, (seen, lease))).collect()),
            Err(error) => Err(error.to_string()),
        };
        let (takeover, monotonic) = (parts.store.takeover(), parts.clock.monotonic());
        let mut waiters = waiting.lock();
        for link in batch {
            let Some(waiter) = waiters.by_link.get_mut(link) else { continue };
            let news = match &found {
                Ok(found) => match waiter.turn(found.get(link), takeover, monotonic) {
                    None => continue,
                    Some(turn) => Ok(turn),
                },
                Err(error) => Err(error.clone()),
            };
            if let Some(waiter) = waiters.by_link.remove(link) {
                waiter.tell(news);
            }
        }
    }
}

async fn store_seen(parts: &Parts, links: &[LinkId], now: store::Now) -> Result<Vec<(LinkId, Seen, Option<Lease>)>> {
    store::read!(parts.store, |conn| seen(conn, links, now))
}

struct Stopped<'a>(&'a Waiting);

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        let mut waiters = self.0.lock();
        if std::thread::panicking() {
            waiters.is_polled = false;
            // Their senders go, which tells them.
            waiters.by_link.clear();
        }
    }
}
