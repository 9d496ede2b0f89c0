//! The refreshes in flight, and what each provider bears: at most one refresh per link in this process. The lease sees to other
//! processes.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::Shared;
use tokio::sync::{Semaphore, oneshot};

use super::waiting::Waiting;
use crate::boxed;
use domain::batch::share_of;
use domain::entropy::SharedEntropy;
use domain::guard::Guard;
use domain::ids::{LinkId, ProviderId};

/// How a refresh ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Landing {
    /// There is news in the row: new tokens, ours or another's, or a refusal for good.
    Read,
    /// It failed in passing; not before this moment of the process's own clock, which nobody sets, again.
    Rest(Duration),
    /// The link is gone.
    Gone,
    /// It cannot be done, and the provider has no part in it: what is stored does not open, say.
    Broken,
    /// The database is away; the answer, if there was one, is kept until it is back.
    StorageAway,
}

/// A refresh in the air; every clone hears how it ended. An error: the refresh panicked.
pub(crate) type Flight = Shared<oneshot::Receiver<Landing>>;

/// The refreshes in flight, and what each provider bears.
pub struct Flights {
    pub(super) flying: Mutex<HashMap<LinkId, Flight>>,
    lanes: Mutex<HashMap<ProviderId, Arc<Lane>>>,
    /// The links whose access token is looked at right now.
    pub(super) looked_at: Mutex<HashSet<LinkId>>,
    waiting: Waiting,
    /// The links whose flight or look waits for the database, and how many of them do.
    at_database: Mutex<HashMap<LinkId, usize>>,
    /// The process is about to end: what has not been asked for yet is asked for by others, or after the start.
    ending: AtomicBool,
    /// This process's own: instances of a fleet must not all find the same links due at the same time.
    seed: [u8; 8],
}

/// One provider, as this process asks it.
pub(crate) struct Lane {
    /// Who asks has one.
    pub(super) permits: Semaphore,
    /// Who has asked, and still waits for a slow answer, has one of these instead: as many again.
    pub(super) reserve: Semaphore,
    /// Who asks before anybody wants to know has one of these, too: half as many.
    pub(super) background: Semaphore,
    /// Who asks for many at a time has one of these, too: a quarter as many for all of them.
    pub(super) batches: Arc<Semaphore>,
    /// How many may ask at once.
    width: usize,
    guard: Arc<Mutex<Guard>>,
    /// What its userinfo has said of access tokens lately: nothing that refreshes go by.
    looks: Arc<Mutex<Guard>>,
}

impl Lane {
    fn new(width: usize, guard: Arc<Mutex<Guard>>, looks: Arc<Mutex<Guard>>) -> Self {
        Self {
            permits: Semaphore::new(width),
            reserve: Semaphore::new(width),
            background: Semaphore::new((width / 2).max(1)),
            batches: Arc::new(Semaphore::new(share_of(width))),
            width,
            guard,
            looks,
        }
    }

    /// How many ask, or still wait for a slow answer.
    pub(crate) fn asking(&self) -> usize {
        let free = self.permits.available_permits() + self.reserve.available_permits();
        (2 * self.width).saturating_sub(free)
    }

    /// What looks at access tokens have heard of it lately.
    pub(super) fn looks(&self) -> MutexGuard<'_, Guard> {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has been heard of the provider lately.
    pub(crate) fn guard(&self) -> MutexGuard<'_, Guard> {
        self.guard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flights {
    /// No flights yet.
    pub fn new(entropy: &SharedEntropy) -> Self {
        Self {
            flying: Mutex::default(),
            lanes: Mutex::default(),
            looked_at: Mutex::default(),
            waiting: Waiting::default(),
            at_database: Mutex::default(),
            ending: AtomicBool::new(false),
            seed: entropy.bytes(),
        }
    }

    /// What a provider bears, `width` at once (`tokens.max_concurrency`), and what has been heard of it. Where the width was
    /// decided anew, those who ask still have their permits of the one before.
    pub(crate) fn lane(&self, provider: &ProviderId, width: usize) -> Arc<Lane> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let lane =
            lanes.entry(provider.clone()).or_insert_with(|| Arc::new(Lane::new(width, Arc::default(), Arc::default())));
        if lane.width != width {
            *lane = Arc::new(Lane::new(width, Arc::clone(&lane.guard), Arc::clone(&lane.looks)));
        }
        Arc::clone(lane)
    }

    /// The links that other instances are refreshing while somebody here waits.
    pub(super) fn waiting(&self) -> &Waiting {
        &self.waiting
    }

    /// A link's flight or look waits for the database until what is given is dropped: to read, for a lease, or to write down what the
    /// provider has answered. A provider's silence or failure is none of these.
    pub(super) fn at_database(&self, link: LinkId) -> AtDatabase<'_> {
        *self.awaiting_database().entry(link).or_default() += 1;
        AtDatabase { flights: self, link }
    }

    /// Whether it is the database that a link's flight or look waits for, and not the provider.
    pub fn is_at_database(&self, link: LinkId) -> bool {
        self.awaiting_database().contains_key(&link)
    }

    fn awaiting_database(&self) -> MutexGuard<'_, HashMap<LinkId, usize>> {
        self.at_database.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where among 256 this process has a link: the same each time, another in each process.
    pub(crate) fn spread(&self, link: LinkId) -> u8 {
        let mixed = link.0.as_bytes().iter().zip(self.seed.iter().cycle()).map(|(byte, seed)| byte ^ seed);
        mixed.fold(0x9d, |hash, byte| (hash ^ byte).wrapping_mul(0xa7).rotate_left(3))
    }

    /// From here on nobody is asked any more, and nobody waits for other instances: an answer might come too late to be stored,
    /// and a refresh token that was never sent is not lost.
    pub fn begin_no_more(&self) {
        self.ending.store(true, Ordering::Release);
        self.waiting.send_away();
    }

    /// Waits until every flight that is in the air now has landed; none is begun any more.
    #[boxed]
    pub async fn land_all(&self) {
        self.begin_no_more();
        let flying: Vec<Flight> =
            self.flying.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        futures_util::future::join_all(flying).await;
    }

    /// Whether no refresh is to be begun any more.
    pub(crate) fn are_ending(&self) -> bool {
        AtomicBool::load(&self.ending, Ordering::Acquire)
    }

    /// The links whose refresh is in the air: what is lost if the process ends now.
    pub fn in_the_air(&self) -> Vec<LinkId> {
        self.flying.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }

    pub(super) fn land(&self, link: LinkId) {
        self.flying.lock().unwrap_or_else(PoisonError::into_inner).remove(&link);
    }
}

/// See [`Flights::at_database`].
pub(super) struct AtDatabase<'a> {
    flights: &'a Flights,
    link: LinkId,
}

impl Drop for AtDatabase<'_> {
    fn drop(&mut self) {
        if let Entry::Occupied(mut waiting) = self.flights.awaiting_database().entry(self.link) {
            *waiting.get_mut() -= 1;
            if *waiting.get() == 0 {
                waiting.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::entropy::SeededEntropy;

    use super::*;

    #[test]
    fn a_provider_bears_what_was_decided_last_and_is_known_as_before() {
        let flights = Flights::new(&SeededEntropy::shared(1));
        let provider = ProviderId::parse("box", "box_1").unwrap();
        let narrow = flights.lane(&provider, 1);
        let _asks = narrow.permits.try_acquire().unwrap();
        assert!(flights.lane(&provider, 1).permits.try_acquire().is_err());
        let wide = flights.lane(&provider, 2);
        assert_eq!(wide.permits.available_permits(), 2);
        assert!(Arc::ptr_eq(&narrow.guard, &wide.guard));
    }
}
