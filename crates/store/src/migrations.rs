//! The migrations of both engines, in the program.

use diesel_migrations::{EmbeddedMigrations, embed_migrations};

/// SQLite's.
pub(super) const SQLITE_MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");
/// Postgres's.
pub(super) const POSTGRES_MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");
