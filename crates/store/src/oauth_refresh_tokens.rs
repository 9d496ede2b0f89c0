//! Refresh tokens of ours: hashes, never the tokens. A used one stays until it expires, so that its second use is noticed.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::conn::{Conn, on};
use super::error::{lift, unreadable};
use super::oauth_claims::claims;
use super::schema::oauth_refresh_tokens;
use super::types::{At, Uuid};
use domain::ids::{ClientId, Subject};
use domain::issued::RefreshToken;
use domain::{Error, Result};

/// A refresh token's row.
#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = oauth_refresh_tokens, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
struct RefreshTokenRow {
    token_hash: Vec<u8>,
    client: String,
    subject: String,
    scope: String,
    family: Uuid,
    used: bool,
    expires: At,
    born_of: Option<Uuid>,
}

claims!(oauth_refresh_tokens, RefreshTokenRow => RefreshToken);

impl TryFrom<RefreshTokenRow> for RefreshToken {
    type Error = Error;

    fn try_from(row: RefreshTokenRow) -> Result<Self> {
        let unreadable = |column| unreadable("oauth_refresh_tokens", column);
        Ok(Self {
            token_hash: row.token_hash,
            client: ClientId::parse(row.client).map_err(|_malformed| unreadable("client"))?,
            subject: Subject::parse(row.subject).map_err(|_malformed| unreadable("subject"))?,
            scope: row.scope,
            family: row.family.0,
            is_used: row.used,
            expires: row.expires.0,
            born_of: row.born_of.map(|id| id.0),
        })
    }
}

/// Stores a token.
pub async fn insert(conn: &mut Conn, token: &RefreshToken) -> Result<()> {
    let row = &RefreshTokenRow {
        token_hash: token.token_hash.clone(),
        client: token.client.as_str().to_owned(),
        subject: token.subject.as_str().to_owned(),
        scope: token.scope.clone(),
        family: Uuid(token.family),
        used: token.is_used,
        expires: At(token.expires),
        born_of: token.born_of.map(Uuid),
    };
    on!(conn, |c| diesel::insert_into(oauth_refresh_tokens::table).values(row).execute(c)).map_err(lift)?;
    Ok(())
}

/// The token with this hash, used or not, expired or not.
pub async fn find(conn: &mut Conn, hash: &[u8]) -> Result<Option<RefreshToken>> {
    let row: Option<RefreshTokenRow> =
        on!(conn, |c| oauth_refresh_tokens::table.find(hash).select(RefreshTokenRow::as_select()).first(c))
            .optional()
            .map_err(lift)?;
    row.map(TryInto::try_into).transpose()
}

/// The tokens of a subject, used or not.
pub async fn list_of_subject(conn: &mut Conn, subject: &Subject) -> Result<Vec<RefreshToken>> {
    let theirs = oauth_refresh_tokens::table
        .filter(oauth_refresh_tokens::subject.eq(subject.as_str()))
        .order(oauth_refresh_tokens::expires);
    let rows: Vec<RefreshTokenRow> =
        on!(conn, |c| theirs.select(RefreshTokenRow::as_select()).load(c)).map_err(lift)?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Deletes what a claim brought and nobody ever got.
pub async fn delete_of_claim(conn: &mut Conn, family: uuid::Uuid, claim: uuid::Uuid) -> Result<()> {
    let brought = oauth_refresh_tokens::table
        .filter(oauth_refresh_tokens::family.eq(Uuid(family)))
        .filter(oauth_refresh_tokens::born_of.eq(Uuid(claim)));
    on!(conn, |c| diesel::delete(brought).execute(c)).map_err(lift)?;
    Ok(())
}

/// Deletes all of a family, used or not.
pub async fn delete_family(conn: &mut Conn, family: uuid::Uuid) -> Result<()> {
    let of_family = oauth_refresh_tokens::family.eq(Uuid(family));
    on!(conn, |c| diesel::delete(oauth_refresh_tokens::table.filter(of_family)).execute(c)).map_err(lift)?;
    Ok(())
}

/// Deletes every token that expired before `now`.
pub async fn sweep(conn: &mut Conn, now: At) -> Result<()> {
    let past = oauth_refresh_tokens::expires.lt(now);
    on!(conn, |c| diesel::delete(oauth_refresh_tokens::table.filter(past)).execute(c)).map_err(lift)?;
    Ok(())
}
