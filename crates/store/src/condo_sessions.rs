//! Sessions of the Condo dialect: hashes of their ids, never the ids.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::accounts::AccountRow;
use super::conn::{Conn, load, on};
use super::error::{lift, unreadable};
use super::prepared::written;
use super::schema::{accounts, condo_sessions};
use super::types::At;
use domain::account::{Account, AccountType};
use domain::ids::Subject;
use domain::session::CondoSessionRecord;
use domain::{Error, Result};

/// A session's row; without a subject, of somebody who has not signed in.
#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = condo_sessions, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
struct CondoSessionRow {
    sid_hash: Vec<u8>,
    subject: Option<String>,
    user_type: Option<String>,
    source: Option<String>,
    provider: Option<String>,
    client_id: Option<String>,
    created: At,
    expires: At,
}

impl TryFrom<CondoSessionRow> for CondoSessionRecord {
    type Error = Error;

    fn try_from(row: CondoSessionRow) -> Result<Self> {
        let unreadable = |column| unreadable("condo_sessions", column);
        let kind = |text: String| AccountType::parse(&text).ok_or_else(|| unreadable("user_type"));
        Ok(Self {
            subject: row.subject.map(Subject::parse).transpose().map_err(|_malformed| unreadable("subject"))?,
            user_type: row.user_type.map(kind).transpose()?,
            source: row.source,
            provider: row.provider,
            client_id: row.client_id,
            created: row.created.0,
            expires: row.expires.0,
        })
    }
}

/// The sessions of a subject, oldest first.
pub async fn list_of_subject(conn: &mut Conn, subject: &Subject) -> Result<Vec<CondoSessionRecord>> {
    let theirs =
        condo_sessions::table.filter(condo_sessions::subject.eq(subject.as_str())).order(condo_sessions::created);
    let rows: Vec<CondoSessionRow> =
        on!(conn, |c| theirs.select(CondoSessionRow::as_select()).load(c)).map_err(lift)?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Stores a session under the hash of its id. It fails if the account is gone meanwhile.
pub async fn insert(conn: &mut Conn, sid_hash: &[u8], session: &CondoSessionRecord) -> Result<()> {
    let row = &CondoSessionRow {
        sid_hash: sid_hash.to_vec(),
        subject: session.subject.as_ref().map(|subject| subject.as_str().to_owned()),
        user_type: session.user_type.map(|kind| kind.as_str().to_owned()),
        source: session.source.clone(),
        provider: session.provider.clone(),
        client_id: session.client_id.clone(),
        created: At(session.created),
        expires: At(session.expires),
    };
    on!(conn, |c| diesel::insert_into(condo_sessions::table).values(row).execute(c)).map_err(lift)?;
    Ok(())
}

/// The session with this id, expired or not, and whose it is.
pub async fn find(conn: &mut Conn, sid_hash: &[u8]) -> Result<Option<(CondoSessionRecord, Option<Account>)>> {
    let mut rows: Vec<(CondoSessionRow, Option<AccountRow>)> = load!(
        conn,
        written!(
            condo_sessions::table
                .left_join(accounts::table)
                .filter(condo_sessions::sid_hash.eq(sid_hash.to_vec()))
                .select((CondoSessionRow::as_select(), Option::<AccountRow>::as_select()))
        )
    )
    .map_err(lift)?;
    let read = |(row, account): (CondoSessionRow, Option<AccountRow>)| {
        Ok((row.try_into()?, account.map(Account::try_from).transpose()?))
    };
    rows.pop().map(read).transpose()
}

/// Puts off a session's end from `expires`, as it was read, to `later`; says whether it did.
pub async fn prolong(conn: &mut Conn, sid_hash: &[u8], expires: DateTime<Utc>, later: DateTime<Utc>) -> Result<bool> {
    let row = condo_sessions::table.find(sid_hash).filter(condo_sessions::expires.eq(At(expires)));
    Ok(on!(conn, |c| diesel::update(row).set(condo_sessions::expires.eq(At(later))).execute(c)).map_err(lift)? == 1)
}

/// Notes as what kind of user somebody is about to sign in; says whether the session is there.
pub async fn set_user_type(conn: &mut Conn, sid_hash: &[u8], user_type: AccountType) -> Result<bool> {
    let kind = user_type.as_str();
    let change = diesel::update(condo_sessions::table.find(sid_hash)).set(condo_sessions::user_type.eq(kind));
    Ok(on!(conn, |c| change.execute(c)).map_err(lift)? == 1)
}

/// Ends one session; says whether there was one.
pub async fn delete(conn: &mut Conn, sid_hash: &[u8]) -> Result<bool> {
    Ok(on!(conn, |c| diesel::delete(condo_sessions::table.find(sid_hash)).execute(c)).map_err(lift)? == 1)
}

/// Ends every session of a subject that began in this way.
pub async fn delete_by_source(conn: &mut Conn, subject: &str, source: &str) -> Result<()> {
    let those = condo_sessions::subject.eq(subject).and(condo_sessions::source.eq(source));
    on!(conn, |c| diesel::delete(condo_sessions::table.filter(those)).execute(c)).map_err(lift)?;
    Ok(())
}

/// Ends every session of a subject but the one with this id.
pub async fn delete_all_but(conn: &mut Conn, subject: &str, kept: Option<&[u8]>) -> Result<()> {
    // No id's hash is empty.
    let others = condo_sessions::subject.eq(subject).and(condo_sessions::sid_hash.ne(kept.unwrap_or_default()));
    on!(conn, |c| diesel::delete(condo_sessions::table.filter(others)).execute(c)).map_err(lift)?;
    Ok(())
}

/// Deletes every session that expired before `now`.
pub async fn sweep(conn: &mut Conn, now: At) -> Result<()> {
    on!(conn, |c| diesel::delete(condo_sessions::table.filter(condo_sessions::expires.lt(now))).execute(c))
        .map_err(lift)?;
    Ok(())
}
