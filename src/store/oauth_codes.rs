//! Authorization codes of ours: hashes, never the codes. A used one stays for a while, so that its second use is noticed.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::conn::{Conn, on};
use super::error::lift;
use super::oauth_claims::claims;
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
    /// Whether its tokens went out.
    pub(crate) used: bool,
    pub(crate) expires: At,
}

/// Stores a code.
pub(crate) async fn insert(conn: &mut Conn, row: &CodeRow) -> Result<()> {
    on!(conn, |c| diesel::insert_into(oauth_codes::table).values(row).execute(c)).map_err(lift)?;
    Ok(())
}

claims!(oauth_codes, CodeRow);

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
