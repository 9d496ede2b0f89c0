//! fedToken and refreshing: what is served, who asks, and what becomes of every answer.

mod background;
mod crash;
mod crash_storm;
mod expiry;
mod failures;
mod flights;
mod leases;
mod model;
mod news;
mod race;
mod refusals;
mod rejected;
mod relinked;
mod retried;
mod slow_answers;
mod snapshot;
mod tokens;
mod whose_failure;
mod wrong_clocks;
