//! Which keys may seal here, how to tell a key of the same id that is another, and which keys are no more.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::conn::{Conn, on};
use super::error::{is_foreign_key, lift};
use super::schema::{dropped_keys, vault_keys};
use super::types::At;
use domain::Result;

/// "keys" in ASCII: who changes the record of keys, or reports for it, holds this advisory lock.
const RECORD_LOCK: i64 = 0x6b65_7973;

/// Keeps all others from changing the record, or from reporting for it, until the transaction ends. A SQLite transaction
/// does so by itself.
pub async fn lock(conn: &mut Conn) -> Result<()> {
    if conn.is_sqlite() {
        return Ok(());
    }
    let lock = diesel::sql_query(format!("SELECT pg_advisory_xact_lock({RECORD_LOCK})"));
    on!(conn, |c| lock.execute(c)).map_err(lift)?;
    Ok(())
}

/// Every key on record: id and check value.
pub async fn list(conn: &mut Conn) -> Result<Vec<(String, Vec<u8>)>> {
    on!(conn, |c| vault_keys::table.select((vault_keys::id, vault_keys::check_value)).order(vault_keys::id).load(c))
        .map_err(lift)
}

/// Puts a key on record unless it is.
pub async fn insert_if_absent(conn: &mut Conn, id: &str, check_value: &[u8], now: At) -> Result<()> {
    on!(conn, |c| diesel::insert_into(vault_keys::table)
        .values((vault_keys::id.eq(id), vault_keys::check_value.eq(check_value), vault_keys::created.eq(now)))
        .on_conflict_do_nothing()
        .execute(c))
    .map_err(lift)?;
    Ok(())
}

/// Takes a key off the record; says whether it is off now, or some row still names it.
pub async fn delete(conn: &mut Conn, id: &str) -> Result<bool> {
    match on!(conn, |c| diesel::delete(vault_keys::table.find(id)).execute(c)) {
        Ok(_) => Ok(true),
        Err(error) if is_foreign_key(&error) => Ok(false),
        Err(error) => Err(lift(error)),
    }
}

/// The ids of the keys that are no more.
pub async fn list_dropped(conn: &mut Conn) -> Result<Vec<String>> {
    on!(conn, |c| dropped_keys::table.select(dropped_keys::id).order(dropped_keys::id).load(c)).map_err(lift)
}

/// Notes that a key is no more.
pub async fn insert_dropped(conn: &mut Conn, id: &str, now: At) -> Result<()> {
    on!(conn, |c| diesel::insert_into(dropped_keys::table)
        .values((dropped_keys::id.eq(id), dropped_keys::dropped.eq(now)))
        .on_conflict_do_nothing()
        .execute(c))
    .map_err(lift)?;
    Ok(())
}
