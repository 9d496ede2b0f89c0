//! What an instance does again and again while it serves.

use tokio::task::JoinHandle;

use super::{Current, counting, folding, keeping, keys, outbox, refresh, revoke, sweep};

/// The work of an instance, each kind on a task of its own, which whoever ends the instance aborts in its turn.
#[derive(Debug)]
pub struct Rounds {
    /// Reports the keys, and that the instance lives.
    pub reporting: JoinHandle<()>,
    /// Deletes what is past its time.
    pub sweeping: JoinHandle<()>,
    /// Writes what is counted.
    pub counting: JoinHandle<()>,
    /// Adds what is counted to the record.
    pub folding: JoinHandle<()>,
    /// Deletes what the record need not keep.
    pub keeping: JoinHandle<()>,
    /// Refreshes ahead.
    pub refreshing: JoinHandle<()>,
    /// Revokes at providers.
    pub revoking: JoinHandle<()>,
    /// Tells webhooks of events.
    pub telling: JoinHandle<()>,
}

impl Rounds {
    /// Begins all of it, on the runtime that this is called on.
    pub fn begin(current: &Current) -> Self {
        let current = || current.clone();
        Self {
            reporting: tokio::spawn(keys::report(current())),
            sweeping: tokio::spawn(sweep::run(current())),
            counting: tokio::spawn(counting::run(current())),
            folding: tokio::spawn(folding::run(current())),
            keeping: tokio::spawn(keeping::run(current())),
            refreshing: tokio::spawn(refresh::run(current())),
            revoking: tokio::spawn(revoke::run(current())),
            telling: tokio::spawn(outbox::run(current())),
        }
    }
}
