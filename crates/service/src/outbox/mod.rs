//! Telling others what happened: queued with the change itself, delivered in order, at least once; listed and told again on request.

mod endpoint;
mod listing;
mod posting;
mod replaying;
mod rounds;
mod unserved;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use uuid::Uuid;

pub use listing::{Listed, Listing, list};
pub(super) use posting::{letters, post};
pub use replaying::{Again, Next, Replayed, replay};
pub use rounds::{leave, run, run_due};
pub use store::outbox::{Waiting, Which};
pub use unserved::sweep;

use domain::entropy::SharedEntropy;

/// What this process knows of what it delivers.
pub struct Outbox {
    /// Rung whenever there is something to tell.
    bell: Arc<Notify>,
    /// Who this process is among those that deliver.
    holder: Uuid,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// Until when, by the monotonic clock, the endpoints are surely this process's.
    held: BTreeMap<String, Duration>,
    /// The endpoints that took nothing of late.
    failing: BTreeSet<String>,
}

impl Outbox {
    /// Of a process that has delivered nothing.
    pub fn new(entropy: &SharedEntropy) -> Self {
        Self { bell: Arc::default(), holder: entropy.uuid(), known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
