//! The parts as they are now, behind a pointer that can be swapped while others go on with what they took.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::Parts;
use domain::apart::Apart;

/// The current [`Parts`]. A request takes them once and keeps them to its end.
#[derive(Clone)]
pub struct Current(Arc<Places>);

/// The same parts at each place: threads that take them all the time count who has them apart.
struct Places {
    places: Apart<RwLock<Arc<Parts>>>,
    /// One replaces them at a time, or the places could end with different ones.
    replacing: Mutex<()>,
}

impl Current {
    /// `parts`, until they are replaced.
    pub fn new(parts: &Parts) -> Self {
        let places = Apart::new(|| RwLock::new(Arc::new(parts.clone())));
        Self(Arc::new(Places { places, replacing: Mutex::default() }))
    }

    /// The parts as they are now.
    pub fn take(&self) -> Arc<Parts> {
        Arc::clone(&self.0.places.here().read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Swaps the parts. Requests that have begun keep the old ones.
    pub fn replace(&self, parts: &Parts) {
        let replacing = self.0.replacing.lock().unwrap_or_else(PoisonError::into_inner);
        for place in self.0.places.iter() {
            *place.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(parts.clone());
        }
        drop(replacing);
    }
}
