//! What subscribers are told of the audit record, in which order, and how often it is tried.

mod retry;
mod sink;
mod told;

pub use retry::{AfterFailure, Tries, after_failure};
pub use sink::{Answered, Delivery, Sink};
pub use told::Told;

use std::time::Duration;

use chrono::TimeDelta;

/// How long one delivery may take, from the first packet to the head of the answer.
pub const DELIVERY: Duration = Duration::from_secs(10);
/// How long one instance delivers an endpoint's events before it has to say that it still does.
pub const LEASE: Duration = Duration::from_secs(30);
/// What is left of a lease when the last delivery is begun: the delivery itself, and as long as it takes to hang up.
pub const LAST_OF_LEASE: Duration = Duration::from_secs(15);
/// An event is given up no sooner, and no sooner are those of an endpoint that nobody serves any more.
pub const PATIENCE: TimeDelta = TimeDelta::days(1);
/// How long dead letters are kept.
pub const DEAD_LETTERS: TimeDelta = TimeDelta::days(30);
