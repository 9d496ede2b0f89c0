//! Browsers in which somebody is signed in: hashes of their cookies, never the cookies.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::accounts::AccountRow;
use super::conn::{Conn, on};
use super::error::lift;
use super::schema::{accounts, sessions};
use super::types::At;
use crate::domain::Result;
use crate::domain::account::Account;

/// A browser session.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = sessions, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
pub(crate) struct SessionRow {
    pub(crate) cookie_hash: Vec<u8>,
    pub(crate) subject: String,
    pub(crate) authenticated: At,
    pub(crate) expires: At,
}

/// Stores a session. It fails if the account is gone meanwhile.
pub(crate) async fn insert(conn: &mut Conn, row: &SessionRow) -> Result<()> {
    on!(conn, |c| diesel::insert_into(sessions::table).values(row).execute(c)).map_err(lift)?;
    Ok(())
}

/// The session with this cookie, expired or not, and whose it is.
pub(crate) async fn find(conn: &mut Conn, cookie_hash: &[u8]) -> Result<Option<(SessionRow, Account)>> {
    let found: Option<(SessionRow, AccountRow)> = on!(conn, |c| sessions::table
        .inner_join(accounts::table)
        .filter(sessions::cookie_hash.eq(cookie_hash))
        .select((SessionRow::as_select(), AccountRow::as_select()))
        .first(c))
    .optional()
    .map_err(lift)?;
    found.map(|(row, account)| Ok((row, account.try_into()?))).transpose()
}

/// Ends one session.
pub(crate) async fn delete(conn: &mut Conn, cookie_hash: &[u8]) -> Result<()> {
    on!(conn, |c| diesel::delete(sessions::table.find(cookie_hash)).execute(c)).map_err(lift)?;
    Ok(())
}

/// Deletes every session that expired before `now`.
pub(crate) async fn sweep(conn: &mut Conn, now: At) -> Result<()> {
    on!(conn, |c| diesel::delete(sessions::table.filter(sessions::expires.lt(now))).execute(c)).map_err(lift)?;
    Ok(())
}
