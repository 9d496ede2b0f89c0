//! Which threads drive a Postgres connection of their own, and when they try to open it.

use std::cell::{Cell, RefCell};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// A home is tried to be opened no more often than this.
const AGAIN: Duration = Duration::from_secs(5);

thread_local! {
    static HOME: RefCell<Option<Home>> = const { RefCell::new(None) };
}

/// The homes that threads may have.
pub(super) struct Homes {
    free: Arc<Mutex<Vec<usize>>>,
    most: usize,
}

/// A thread's home, free again when the thread ends.
struct Home {
    number: usize,
    free: Arc<Mutex<Vec<usize>>>,
    tried: Cell<Option<Instant>>,
}

impl Homes {
    /// So many homes, from 0.
    pub(super) fn new(most: usize) -> Self {
        Self { free: Arc::new(Mutex::new((0..most).rev().collect())), most }
    }

    /// Gives the calling thread a free home, if there is one and it has none.
    pub(super) fn settle(&self) {
        if self.of_this_thread().is_some() {
            return;
        }
        let number = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let free = || Arc::clone(&self.free);
        HOME.replace(number.map(|number| Home { number, free: free(), tried: Cell::new(None) }));
    }

    /// How many threads have one.
    pub(super) fn settled(&self) -> usize {
        self.most.saturating_sub(self.free.lock().unwrap_or_else(PoisonError::into_inner).len())
    }

    /// The calling thread's home.
    pub(super) fn of_this_thread(&self) -> Option<usize> {
        self.with(|home| home.number)
    }

    /// Whether the calling thread is to try to open its home now; if so, it is not for a while.
    pub(super) fn is_to_open(&self) -> bool {
        let is_due = |home: &Home| {
            let is_due = home.tried.get().is_none_or(|tried| tried.elapsed() >= AGAIN);
            if is_due {
                home.tried.set(Some(Instant::now()));
            }
            is_due
        };
        self.with(is_due).unwrap_or_default()
    }

    fn with<R>(&self, ask: impl FnOnce(&Home) -> R) -> Option<R> {
        HOME.with_borrow(|home| home.as_ref().filter(|home| Arc::ptr_eq(&home.free, &self.free)).map(ask))
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push(self.number);
    }
}
