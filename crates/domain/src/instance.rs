//! What an instance that serves tells the others of itself.

use chrono::TimeDelta;
use uuid::Uuid;

/// How long an instance counts as serving after its last report: four reports missed.
pub const LIVE: TimeDelta = TimeDelta::minutes(2);

/// A report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceReport {
    /// Which instance.
    pub id: Uuid,
    /// What people call it.
    pub name: String,
    /// The keys that it holds, as instances of any version write them: one that can't be read holds nothing.
    pub keys: String,
    /// The ids of the keys that it may seal with, separated by blanks.
    pub sealing: String,
}
