//! The database: its schema, how it is reached, and what follows when it is away.

mod away;
mod failover;
mod postgres_tls;
mod released;
mod schema;
mod unheard;
