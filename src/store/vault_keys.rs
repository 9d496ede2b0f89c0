//! Which keys have ever sealed anything here, and how to tell a key of the same id that is another.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::conn::{Conn, on};
use super::error::lift;
use super::schema::vault_keys;
use super::types::At;
use crate::domain::Result;

/// Every key on record: id and check value.
pub(crate) async fn list(conn: &mut Conn) -> Result<Vec<(String, Vec<u8>)>> {
    on!(conn, |c| vault_keys::table.select((vault_keys::id, vault_keys::check_value)).order(vault_keys::id).load(c))
        .map_err(lift)
}

/// Puts a key on record unless it is.
pub(crate) async fn insert_if_absent(conn: &mut Conn, id: &str, check_value: &[u8], now: At) -> Result<()> {
    on!(conn, |c| diesel::insert_into(vault_keys::table)
        .values((vault_keys::id.eq(id), vault_keys::check_value.eq(check_value), vault_keys::created.eq(now)))
        .on_conflict_do_nothing()
        .execute(c))
    .map_err(lift)?;
    Ok(())
}
