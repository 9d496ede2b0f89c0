//! Which threads drive a connection of their own.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError};

thread_local! {
    static HOME: RefCell<Option<Home>> = const { RefCell::new(None) };
}

/// The places for connections that threads drive themselves.
pub(super) struct Homes(Arc<Mutex<Vec<usize>>>);

/// A thread's place, free again when the thread ends.
struct Home {
    place: usize,
    free: Arc<Mutex<Vec<usize>>>,
}

impl Homes {
    /// So many places, from 0.
    pub(super) fn new(places: usize) -> Self {
        Self(Arc::new(Mutex::new((0..places).rev().collect())))
    }

    /// Gives the calling thread the first free place, if there is one.
    pub(super) fn settle(&self) {
        let place = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        HOME.replace(place.map(|place| Home { place, free: Arc::clone(&self.0) }));
    }

    /// The calling thread's place.
    pub(super) fn of_this_thread(&self) -> Option<usize> {
        let of_these = |home: &Home| Arc::ptr_eq(&home.free, &self.0).then_some(home.place);
        HOME.with_borrow(|home| home.as_ref().and_then(of_these))
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push(self.place);
    }
}
