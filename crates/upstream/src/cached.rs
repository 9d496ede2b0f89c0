//! A document of a provider, kept for a while and fetched by one caller at a time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Mutex;

use super::passing::Passing;
use domain::clock::SharedClock;

/// How long a document is taken as it is.
const FRESH: Duration = Duration::from_hours(1);
/// How soon it may be asked for again: after a failure that left an old one, or because of an unknown key.
const PAUSE: Duration = Duration::from_mins(1);

/// A document that is fetched when needed. All times are the clock's monotonic ones.
#[derive(Debug)]
pub(crate) struct Cached<T> {
    clock: SharedClock,
    held: RwLock<Option<Held<T>>>,
    /// Held while a fetch runs; what the last one failed with.
    fetching: Mutex<Option<Passing>>,
    fetches: AtomicU64,
    /// How soon a document that was never had may be asked for again after a failure.
    patience: Duration,
    /// Until when that is so, in milliseconds.
    failed_until: AtomicU64,
}

#[derive(Debug)]
struct Held<T> {
    document: Arc<T>,
    /// When the next fetch is due.
    due: Duration,
    /// When the last fetch ended, well or not.
    asked: Duration,
}

impl<T> Cached<T> {
    pub(crate) fn new(clock: SharedClock) -> Self {
        Self::with_patience(clock, Duration::ZERO)
    }

    /// One that remembers for `patience` that it could not be had: for what anybody can have us ask for.
    pub(crate) fn with_patience(clock: SharedClock, patience: Duration) -> Self {
        Self {
            clock,
            held: RwLock::new(None),
            fetching: Mutex::new(None),
            fetches: AtomicU64::new(0),
            patience,
            failed_until: AtomicU64::new(0),
        }
    }

    /// The document, however old, if there is one.
    pub(crate) fn held(&self) -> Option<Arc<T>> {
        self.read(|held| Arc::clone(&held.document))
    }

    /// The document, fetched if there is none or it is old. An old one is better than none: it outlives a failing fetch.
    pub(crate) async fn get(&self, fetch: impl AsyncFnOnce() -> Result<T, Passing>) -> Result<Arc<T>, Passing> {
        let now = self.clock.monotonic();
        match self.read(|held| (Arc::clone(&held.document), now < held.due)) {
            Some((document, true)) => Ok(document),
            Some((document, false)) => match self.fetching.try_lock() {
                Ok(failed) => self.fetch(failed, fetch).await.or(Ok(document)),
                Err(_another_fetches) => Ok(document),
            },
            None => self.wait(fetch).await,
        }
    }

    /// A document fetched after this one was found wanting, unless that was less than a minute ago.
    pub(crate) async fn again(&self, fetch: impl AsyncFnOnce() -> Result<T, Passing>) -> Option<Arc<T>> {
        let now = self.clock.monotonic();
        if self.read(|held| now < held.asked + PAUSE)? {
            return None;
        }
        self.wait(fetch).await.ok()
    }

    /// What the last fetch failed with, if it did.
    pub(crate) fn failure(&self) -> Option<Passing> {
        // Held by a fetch that runs: what comes of it is not known yet.
        self.fetching.try_lock().ok()?.clone()
    }

    /// Marks the document as due: something we did by it failed. It is asked for once a minute at most.
    pub(crate) fn doubt(&self) {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = held.as_mut() {
            held.due = held.due.min(held.asked + PAUSE);
        }
    }

    /// Fetches, or shares what a fetch that ran meanwhile came to: a queue of callers must not ask one after the other.
    async fn wait(&self, fetch: impl AsyncFnOnce() -> Result<T, Passing>) -> Result<Arc<T>, Passing> {
        let before = self.fetches.load(Ordering::SeqCst);
        let failed = self.fetching.lock().await;
        if self.fetches.load(Ordering::SeqCst) != before {
            if let Some(passing) = failed.as_ref() {
                return Err(passing.clone());
            }
            if let Some(document) = self.held() {
                return Ok(document);
            }
        }
        if let Some(passing) = failed.as_ref().filter(|_| self.held().is_none() && self.has_failed_lately()) {
            return Err(passing.clone());
        }
        self.fetch(failed, fetch).await
    }

    fn has_failed_lately(&self) -> bool {
        millis(self.clock.monotonic()) < self.failed_until.load(Ordering::SeqCst)
    }

    async fn fetch(
        &self,
        mut failed: tokio::sync::MutexGuard<'_, Option<Passing>>,
        fetch: impl AsyncFnOnce() -> Result<T, Passing>,
    ) -> Result<Arc<T>, Passing> {
        // Boxed: a fetch is large and rare, the look into the cache that stands before it small and frequent.
        let result = Box::pin(fetch()).await;
        let now = self.clock.monotonic();
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let result = match result {
            Ok(document) => {
                let document = Arc::new(document);
                *held = Some(Held { document: Arc::clone(&document), due: now + FRESH, asked: now });
                *failed = None;
                Ok(document)
            }
            Err(passing) => {
                if let Some(held) = held.as_mut() {
                    held.due = now + PAUSE;
                    held.asked = now;
                }
                *failed = Some(passing.clone());
                self.failed_until.store(millis(now.saturating_add(self.patience)), Ordering::SeqCst);
                Err(passing)
            }
        };
        self.fetches.fetch_add(1, Ordering::SeqCst);
        result
    }

    fn read<R>(&self, look: impl FnOnce(&Held<T>) -> R) -> Option<R> {
        self.held.read().unwrap_or_else(PoisonError::into_inner).as_ref().map(look)
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
