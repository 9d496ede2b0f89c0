//! Our own access tokens: hashes, never the tokens.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::conn::{Conn, on};
use super::error::lift;
use super::schema::oauth_tokens;
use super::types::{At, Uuid};
use crate::domain::Result;

/// A token of ours.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = oauth_tokens, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
pub(crate) struct OauthTokenRow {
    pub(crate) token_hash: Vec<u8>,
    /// Its own; of one in a family the id of the claim that it came of.
    pub(crate) id: Uuid,
    pub(crate) client: String,
    pub(crate) subject: Option<String>,
    pub(crate) scope: String,
    pub(crate) issued: At,
    pub(crate) expires: At,
    pub(crate) family: Option<Uuid>,
}

/// Stores a token.
pub(crate) async fn insert(conn: &mut Conn, row: &OauthTokenRow) -> Result<()> {
    on!(conn, |c| diesel::insert_into(oauth_tokens::table).values(row).execute(c)).map_err(lift)?;
    Ok(())
}

/// The token with this hash, expired or not.
pub(crate) async fn find(conn: &mut Conn, hash: &[u8]) -> Result<Option<OauthTokenRow>> {
    on!(conn, |c| oauth_tokens::table.find(hash).select(OauthTokenRow::as_select()).first(c)).optional().map_err(lift)
}

/// Deletes a client's own token.
pub(crate) async fn delete(conn: &mut Conn, hash: &[u8], client: &str) -> Result<()> {
    on!(conn, |c| diesel::delete(oauth_tokens::table.find(hash).filter(oauth_tokens::client.eq(client))).execute(c))
        .map_err(lift)?;
    Ok(())
}

/// Deletes all of a family; gives their hashes.
pub(crate) async fn delete_family(conn: &mut Conn, family: Uuid) -> Result<Vec<Vec<u8>>> {
    on!(conn, |c| diesel::delete(oauth_tokens::table.filter(oauth_tokens::family.eq(family)))
        .returning(oauth_tokens::token_hash)
        .get_results(c))
    .map_err(lift)
}

/// Deletes what a claim brought and nobody ever got.
pub(crate) async fn delete_of_claim(conn: &mut Conn, family: Uuid, claim: uuid::Uuid) -> Result<()> {
    let brought = oauth_tokens::table.filter(oauth_tokens::family.eq(family)).filter(oauth_tokens::id.eq(Uuid(claim)));
    on!(conn, |c| diesel::delete(brought).execute(c)).map_err(lift)?;
    Ok(())
}

/// Deletes every token that expired before `now`; says how many.
pub(crate) async fn sweep(conn: &mut Conn, now: At) -> Result<usize> {
    on!(conn, |c| diesel::delete(oauth_tokens::table.filter(oauth_tokens::expires.lt(now))).execute(c)).map_err(lift)
}
