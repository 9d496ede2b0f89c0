//! How the dialect writes a moment.

use chrono::{DateTime, SecondsFormat, Utc};

/// A moment as the source writes it: in UTC, to the millisecond.
pub(super) fn moment(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}
