//! The parts as they are now, behind a pointer that can be swapped while others go on with what they took.

use std::sync::{Arc, PoisonError, RwLock};

use super::Parts;

/// The current [`Parts`]. A request takes them once and keeps them to its end.
#[derive(Clone)]
pub struct Current(Arc<RwLock<Arc<Parts>>>);

impl Current {
    /// `parts`, until they are replaced.
    pub fn new(parts: Arc<Parts>) -> Self {
        Self(Arc::new(RwLock::new(parts)))
    }

    /// The parts as they are now.
    pub fn take(&self) -> Arc<Parts> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Swaps the parts. Requests that have begun keep the old ones.
    pub fn replace(&self, parts: Arc<Parts>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = parts;
    }
}
