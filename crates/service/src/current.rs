//! The parts as they are now, behind a pointer that can be swapped while others go on with what they took.

use std::sync::Arc;

use super::Parts;
use domain::apart::Copies;

/// The current [`Parts`]. A request takes them once and keeps them to its end. Threads that take them all the time count who has them
/// apart, too.
#[derive(Clone)]
pub struct Current(Arc<Copies<Arc<Parts>>>);

impl Current {
    /// `parts`, until they are replaced.
    pub fn new(parts: &Parts) -> Self {
        Self(Arc::new(Copies::new(|| Arc::new(parts.clone()))))
    }

    /// The parts as they are now.
    pub fn take(&self) -> Arc<Parts> {
        Arc::clone(&self.0.read())
    }

    /// Swaps the parts. Requests that have begun keep the old ones.
    pub fn replace(&self, parts: &Parts) {
        self.0.change(|place| *place = Arc::new(parts.clone()));
    }
}
