//! Authorization codes of ours: hashes, never the codes. A used one stays for a while, so that its second use is noticed.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::conn::{Conn, on};
use super::error::lift;
use super::schema::oauth_codes;
use super::types::{At, Uuid};
use crate::domain::Result;

/// A code.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = oauth_codes, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
pub(crate) struct CodeRow {
    pub(crate) code_hash: Vec<u8>,
    pub(crate) client: String,
    pub(crate) subject: String,
    pub(crate) redirect_uri: String,
    pub(crate) scope: String,
    pub(crate) code_challenge: String,
    pub(crate) family: Uuid,
    pub(crate) used: bool,
    pub(crate) expires: At,
}

/// Stores a code.
pub(crate) async fn insert(conn: &mut Conn, row: &CodeRow) -> Result<()> {
    on!(conn, |c| diesel::insert_into(oauth_codes::table).values(row).execute(c)).map_err(lift)?;
    Ok(())
}

/// The code with this hash, used or not, expired or not.
pub(crate) async fn find(conn: &mut Conn, hash: &[u8]) -> Result<Option<CodeRow>> {
    on!(conn, |c| oauth_codes::table.find(hash).select(CodeRow::as_select()).first(c)).optional().map_err(lift)
}

/// Uses a client's code up; nothing if it is another's, used or expired. Of calls that race one gets it.
pub(crate) async fn claim(conn: &mut Conn, hash: &[u8], client: &str, now: At) -> Result<Option<CodeRow>> {
    on!(conn, |c| diesel::update(oauth_codes::table.find(hash))
        .filter(oauth_codes::client.eq(client))
        .filter(oauth_codes::used.eq(false))
        .filter(oauth_codes::expires.gt(now))
        .set(oauth_codes::used.eq(true))
        .returning(CodeRow::as_returning())
        .get_result(c))
    .optional()
    .map_err(lift)
}

/// Forgets a code.
pub(crate) async fn delete(conn: &mut Conn, hash: &[u8]) -> Result<()> {
    on!(conn, |c| diesel::delete(oauth_codes::table.find(hash)).execute(c)).map_err(lift)?;
    Ok(())
}

/// Deletes every code that expired before `moment`.
pub(crate) async fn sweep(conn: &mut Conn, moment: At) -> Result<()> {
    on!(conn, |c| diesel::delete(oauth_codes::table.filter(oauth_codes::expires.lt(moment))).execute(c))
        .map_err(lift)?;
    Ok(())
}
