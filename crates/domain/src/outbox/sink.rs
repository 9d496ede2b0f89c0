//! Where events go: what a receiver is to the outbox, whatever it speaks.

use std::borrow::Cow;
use std::pin::Pin;
use std::time::Duration;

use super::Told;

/// What an attempt to deliver came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answered {
    /// The receiver has it.
    Taken,
    /// It has it not, or nobody can tell: it is told again.
    Failed {
        /// Why, in a code of ours: nothing that the receiver wrote.
        code: Cow<'static, str>,
        /// For how long it asks to be left alone.
        retry_after: Option<Duration>,
    },
}

/// A delivery on its way.
pub type Delivery<'a> = Pin<Box<dyn Future<Output = Answered> + Send + 'a>>;

/// A receiver of events. What it took it may be told again, with the same id.
pub trait Sink: Send + Sync {
    /// Tells it one event; ends within [`super::DELIVERY`].
    fn deliver<'a>(&'a self, told: &'a Told) -> Delivery<'a>;
}
