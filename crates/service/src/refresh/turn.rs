//! Waits for refreshes that other instances are at: one query for all links that this instance waits for.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::waiting::{Found, Turn, Waiter, Waiting};
use crate::Parts;
use domain::ids::LinkId;
use domain::refresh::{Errand, Seen};
use domain::{Error, Result};
use store::leases::{Lease, seen};

/// The shortest time between two looks, and the first one anybody waits.
const SOONEST: Duration = Duration::from_millis(25);
/// The longest.
const LATEST: Duration = Duration::from_millis(250);
/// Links in one query.
const BATCH: usize = 500;

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
