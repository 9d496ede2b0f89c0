//! Our own access tokens: hashes, never the tokens.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::conn::{Conn, on};
use super::error::{lift, unreadable};
use super::schema::oauth_tokens;
use super::types::{At, Uuid};
use domain::ids::{ClientId, Subject};
use domain::issued::AccessToken;
use domain::{Error, Result};

/// An access token's row.
#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = oauth_tokens, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
struct OauthTokenRow {
    token_hash: Vec<u8>,
    id: Uuid,
    client: String,
    subject: Option<String>,
    scope: String,
    issued: At,
    expires: At,
    family: Option<Uuid>,
}

impl TryFrom<OauthTokenRow> for AccessToken {
    type Error = Error;

    fn try_from(row: OauthTokenRow) -> Result<Self> {
        let unreadable = |column| unreadable("oauth_tokens", column);
        Ok(Self {
            token_hash: row.token_hash,
            id: row.id.0,
            client: ClientId::parse(row.client).map_err(|_malformed| unreadable("client"))?,
            subject: row.subject.map(Subject::parse).transpose().map_err(|_malformed| unreadable("subject"))?,
            scope: row.scope,
            issued: row.issued.0,
            expires: row.expires.0,
            family: row.family.map(|id| id.0),
        })
    }
}

/// Stores a token.
pub async fn insert(conn: &mut Conn, token: &AccessToken) -> Result<()> {
    let row = &OauthTokenRow {
        token_hash: token.token_hash.clone(),
        id: Uuid(token.id),
        client: token.client.as_str().to_owned(),
        subject: token.subject.as_ref().map(|subject| subject.as_str().to_owned()),
        scope: token.scope.clone(),
        issued: At(token.issued),
        expires: At(token.expires),
        family: token.family.map(Uuid),
    };
    on!(conn, |c| diesel::insert_into(oauth_tokens::table).values(row).execute(c)).map_err(lift)?;
    Ok(())
}

/// The token with this hash, expired or not.
pub async fn find(conn: &mut Conn, hash: &[u8]) -> Result<Option<AccessToken>> {
    let row: Option<OauthTokenRow> =
        on!(conn, |c| oauth_tokens::table.find(hash).select(OauthTokenRow::as_select()).first(c))
            .optional()
            .map_err(lift)?;
    row.map(TryInto::try_into).transpose()
}

/// The tokens that applications have for a subject, oldest first.
pub async fn list_of_subject(conn: &mut Conn, subject: &Subject) -> Result<Vec<AccessToken>> {
    let theirs = oauth_tokens::table.filter(oauth_tokens::subject.eq(subject.as_str())).order(oauth_tokens::issued);
    let rows: Vec<OauthTokenRow> = on!(conn, |c| theirs.select(OauthTokenRow::as_select()).load(c)).map_err(lift)?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Deletes a client's own token.
pub async fn delete(conn: &mut Conn, hash: &[u8], client: &str) -> Result<()> {
    on!(conn, |c| diesel::delete(oauth_tokens::table.find(hash).filter(oauth_tokens::client.eq(client))).execute(c))
        .map_err(lift)?;
    Ok(())
}

/// Deletes all of a family; gives their hashes.
pub async fn delete_family(conn: &mut Conn, family: uuid::Uuid) -> Result<Vec<Vec<u8>>> {
    on!(conn, |c| diesel::delete(oauth_tokens::table.filter(oauth_tokens::family.eq(Uuid(family))))
        .returning(oauth_tokens::token_hash)
        .get_results(c))
    .map_err(lift)
}

/// Deletes what a claim brought and nobody ever got.
pub async fn delete_of_claim(conn: &mut Conn, family: uuid::Uuid, claim: uuid::Uuid) -> Result<()> {
    let brought =
        oauth_tokens::table.filter(oauth_tokens::family.eq(Uuid(family))).filter(oauth_tokens::id.eq(Uuid(claim)));
    on!(conn, |c| diesel::delete(brought).execute(c)).map_err(lift)?;
    Ok(())
}

/// Deletes every token that expired before `now`; says how many.
pub async fn sweep(conn: &mut Conn, now: At) -> Result<usize> {
    on!(conn, |c| diesel::delete(oauth_tokens::table.filter(oauth_tokens::expires.lt(now))).execute(c)).map_err(lift)
}
