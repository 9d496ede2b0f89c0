//! Refresh tokens of ours: hashes, never the tokens. A used one stays until it expires, so that its second use is noticed.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::conn::{Conn, on};
use super::error::lift;
use super::oauth_claims::claims;
use super::schema::oauth_refresh_tokens;
use super::types::{At, Uuid};
use crate::domain::Result;

/// A refresh token.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = oauth_refresh_tokens, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
pub(crate) struct RefreshTokenRow {
    pub(crate) token_hash: Vec<u8>,
    pub(crate) client: String,
    pub(crate) subject: String,
    pub(crate) scope: String,
    pub(crate) family: Uuid,
    /// Whether its tokens went out.
    pub(crate) used: bool,
    pub(crate) expires: At,
    /// The claim that it came of.
    pub(crate) born_of: Option<Uuid>,
}

/// Stores a token.
pub(crate) async fn insert(conn: &mut Conn, row: &RefreshTokenRow) -> Result<()> {
    on!(conn, |c| diesel::insert_into(oauth_refresh_tokens::table).values(row).execute(c)).map_err(lift)?;
    Ok(())
}

/// The token with this hash, used or not, expired or not.
pub(crate) async fn find(conn: &mut Conn, hash: &[u8]) -> Result<Option<RefreshTokenRow>> {
    on!(conn, |c| oauth_refresh_tokens::table.find(hash).select(RefreshTokenRow::as_select()).first(c))
        .optional()
        .map_err(lift)
}

claims!(oauth_refresh_tokens, RefreshTokenRow);

/// Deletes what a claim brought and nobody ever got.
pub(crate) async fn delete_of_claim(conn: &mut Conn, family: Uuid, claim: uuid::Uuid) -> Result<()> {
    let brought = oauth_refresh_tokens::table
        .filter(oauth_refresh_tokens::family.eq(family))
        .filter(oauth_refresh_tokens::born_of.eq(Uuid(claim)));
    on!(conn, |c| diesel::delete(brought).execute(c)).map_err(lift)?;
    Ok(())
}

/// Deletes all of a family, used or not.
pub(crate) async fn delete_family(conn: &mut Conn, family: Uuid) -> Result<()> {
    let of_family = oauth_refresh_tokens::family.eq(family);
    on!(conn, |c| diesel::delete(oauth_refresh_tokens::table.filter(of_family)).execute(c)).map_err(lift)?;
    Ok(())
}

/// Deletes every token that expired before `now`.
pub(crate) async fn sweep(conn: &mut Conn, now: At) -> Result<()> {
    let past = oauth_refresh_tokens::expires.lt(now);
    on!(conn, |c| diesel::delete(oauth_refresh_tokens::table.filter(past)).execute(c)).map_err(lift)?;
    Ok(())
}
