//! Reads `[audit]`: what becomes of the record.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::reader::Reader;
use super::scalar::{boolean, duration};
use super::types::Audit;

const DAY: Duration = Duration::from_hours(24);
/// A year, and a month in which it can be looked at.
const KEEP: Duration = Duration::from_hours(400 * 24);
/// What is counted by the hour is added to the record while that lasts, and events are told again from it. Nobody means a century.
const KEPT: RangeInclusive<Duration> = DAY..=Duration::from_hours(100 * 365 * 24);

/// Reads it.
pub(super) fn read(top: &mut Reader<'_>) -> Audit {
    let mut section = top.section("audit");
    let audit = Audit {
        keep: section.with_default("keep", KEEP, duration(KEPT)),
        log: section.with_default("log", false, boolean),
    };
    section.finish();
    audit
}
