//! What becomes of the record.

use std::time::Duration;

/// What becomes of the record.
#[derive(Clone, Copy, Debug)]
pub struct Audit {
    /// How long a line is kept.
    pub keep: Duration,
    /// Whether each is told to the log as well.
    pub log: bool,
}
