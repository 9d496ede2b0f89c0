//! Authorization codes of ours: hashes, never the codes. A used one stays for a while, so that its second use is noticed.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::conn::{Conn, on};
use super::error::{lift, unreadable};
use super::oauth_claims::claims;
use super::schema::oauth_codes;
use super::types::{At, Uuid};
use domain::ids::{ClientId, Subject};
use domain::issued::AuthorizationCode;
use domain::{Error, Result};

/// A code's row.
#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = oauth_codes, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
struct CodeRow {
    code_hash: Vec<u8>,
    client: String,
    subject: String,
    redirect_uri: String,
    scope: String,
    code_challenge: String,
    family: Uuid,
    used: bool,
    expires: At,
}

impl TryFrom<CodeRow> for AuthorizationCode {
    type Error = Error;

    fn try_from(row: CodeRow) -> Result<Self> {
        let unreadable = |column| unreadable("oauth_codes", column);
        Ok(Self {
            code_hash: row.code_hash,
            client: ClientId::parse(row.client).map_err(|_malformed| unreadable("client"))?,
            subject: Subject::parse(row.subject).map_err(|_malformed| unreadable("subject"))?,
            redirect_uri: row.redirect_uri,
            scope: row.scope,
            code_challenge: row.code_challenge,
            family: row.family.0,
            is_used: row.used,
            expires: row.expires.0,
        })
    }
}

/// Stores a code.
pub async fn insert(conn: &mut Conn, code: &AuthorizationCode) -> Result<()> {
    let row = &CodeRow {
        code_hash: code.code_hash.clone(),
        client: code.client.as_str().to_owned(),
        subject: code.subject.as_str().to_owned(),
        redirect_uri: code.redirect_uri.clone(),
        scope: code.scope.clone(),
        code_challenge: code.code_challenge.clone(),
        family: Uuid(code.family),
        used: code.is_used,
        expires: At(code.expires),
    };
    on!(conn, |c| diesel::insert_into(oauth_codes::table).values(row).execute(c)).map_err(lift)?;
    Ok(())
}

/// The codes of a subject.
pub async fn list_of_subject(conn: &mut Conn, subject: &Subject) -> Result<Vec<AuthorizationCode>> {
    let theirs = oauth_codes::table.filter(oauth_codes::subject.eq(subject.as_str())).order(oauth_codes::expires);
    let rows: Vec<CodeRow> = on!(conn, |c| theirs.select(CodeRow::as_select()).load(c)).map_err(lift)?;
    rows.into_iter().map(TryInto::try_into).collect()
}

claims!(oauth_codes, CodeRow => AuthorizationCode);

/// Forgets a code.
pub async fn delete(conn: &mut Conn, hash: &[u8]) -> Result<()> {
    on!(conn, |c| diesel::delete(oauth_codes::table.find(hash)).execute(c)).map_err(lift)?;
    Ok(())
}

/// Deletes every code that expired before `moment`.
pub async fn sweep(conn: &mut Conn, moment: At) -> Result<()> {
    on!(conn, |c| diesel::delete(oauth_codes::table.filter(oauth_codes::expires.lt(moment))).execute(c))
        .map_err(lift)?;
    Ok(())
}
