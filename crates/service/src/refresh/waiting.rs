//! The flights that wait for refreshes of other instances.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};

use domain::ids::LinkId;
use domain::refresh::{Errand, LEASE, Next, Seen, Takeover, next};
use store::leases::Lease;

/// The `Retry-After` of flights that are sent away, to another instance.
const SENT_AWAY: Duration = Duration::from_secs(1);

/// The links whose lease another instance has, while somebody here waits for them.
#[derive(Default)]
pub(crate) struct Waiting {
    waiters: Mutex<Waiters>,
    pub(super) came: Notify,
}

#[derive(Default)]
pub(super) struct Waiters {
    pub(super) by_link: HashMap<LinkId, Waiter>,
    pub(super) is_polled: bool,
    /// The process ends: nobody waits any more.
    is_over: bool,
}

/// One flight that waits: at most one for each link, since flights of a link join.
pub(super) struct Waiter {
    pub(super) version: i64,
    pub(super) errand: Errand,
    pub(super) news: oneshot::Sender<std::result::Result<Turn, String>>,
    /// The lease it waits for, and since when that has stood as it is, by this process's own time.
    pub(super) watched: Option<(Lease, Duration)>,
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
    pub(super) fn tell(self, news: std::result::Result<Turn, String>) {
        let _unheard = self.news.send(news);
    }

    /// What to do by what is seen now, if there is anything but to wait.
    pub(super) fn turn(&mut self, found: Option<&Found>, takeover: Takeover, now: Duration) -> Option<Turn> {
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
pub(super) type Found = (Seen, Option<Lease>);

impl Waiting {
    /// Adds a waiter; says whether the caller has to start looking, since nobody does.
    pub(super) fn add(&self, link: LinkId, waiter: Waiter) -> bool {
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
    pub(crate) fn send_away(&self) {
        let mut waiters = self.lock();
        waiters.is_over = true;
        for (_, waiter) in waiters.by_link.drain() {
            waiter.tell(Ok(Next::Rest(SENT_AWAY).into()));
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Waiters> {
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
