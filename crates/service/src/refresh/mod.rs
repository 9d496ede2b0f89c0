//! Refreshing: one at a time for a link, whoever asks (docs/refresh.md).

mod after_a_crash;
mod ahead;
mod answer;
mod at_work;
mod chain;
mod exchange;
mod flights;
mod fly;
mod holding;
mod in_turn;
mod join;
mod lease;
mod look;
mod news;
mod notices;
mod retry;
mod turn;
mod verdict;
mod waiting;

pub use after_a_crash::clear_after_a_crash;
pub use ahead::{round as ahead, run};
pub use flights::Flights;
pub(super) use flights::Landing;
pub(super) use in_turn::in_batch;
pub(super) use join::join;
pub(super) use look::{Look, Looked, give_up, look};
pub use news::round as tell_news;
pub use notices::{forget as forget_dead, round as see_to_marked};
pub use retry::{Retrying, Which, retry, retry_link};
