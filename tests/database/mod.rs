//! The database: its schema, how it is reached, and what follows when it is away.

mod away;
mod failover;
mod postgres_tls;
pub(crate) mod released;
mod restored;
mod schema;
mod unheard;
