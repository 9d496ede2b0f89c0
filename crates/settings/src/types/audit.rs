//! What becomes of the record.

use std::time::Duration;

/// What becomes of the record.
#[derive(Clone, Debug)]
pub struct Audit {
    /// How long a line is kept.
    pub keep: Duration,
}
