//! Browsers in which somebody is signed in: hashes of their cookies, never the cookies.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::accounts::AccountRow;
use super::conn::{Conn, on};
use super::error::{lift, unreadable};
use super::schema::{accounts, sessions};
use super::types::At;
use domain::account::Account;
use domain::ids::Subject;
use domain::session::BrowserSession;
use domain::{Error, Result};

/// A browser session's row.
#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = sessions, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
struct SessionRow {
    cookie_hash: Vec<u8>,
    subject: String,
    authenticated: At,
    expires: At,
}

impl TryFrom<SessionRow> for BrowserSession {
    type Error = Error;

    fn try_from(row: SessionRow) -> Result<Self> {
        Ok(Self {
            subject: Subject::parse(row.subject).map_err(|_malformed| unreadable("sessions", "subject"))?,
            authenticated: row.authenticated.0,
            expires: row.expires.0,
        })
    }
}

/// Stores a session under the hash of its cookie. It fails if the account is gone meanwhile.
pub async fn insert(conn: &mut Conn, cookie_hash: &[u8], session: &BrowserSession) -> Result<()> {
    let row = &SessionRow {
        cookie_hash: cookie_hash.to_vec(),
        subject: session.subject.as_str().to_owned(),
        authenticated: At(session.authenticated),
        expires: At(session.expires),
    };
    on!(conn, |c| diesel::insert_into(sessions::table).values(row).execute(c)).map_err(lift)?;
    Ok(())
}

/// The sessions of a subject, oldest first.
pub async fn list_of_subject(conn: &mut Conn, subject: &Subject) -> Result<Vec<BrowserSession>> {
    let theirs = sessions::table.filter(sessions::subject.eq(subject.as_str())).order(sessions::authenticated);
    let rows: Vec<SessionRow> = on!(conn, |c| theirs.select(SessionRow::as_select()).load(c)).map_err(lift)?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// The session with this cookie, expired or not, and whose it is.
pub async fn find(conn: &mut Conn, cookie_hash: &[u8]) -> Result<Option<(BrowserSession, Account)>> {
    let found: Option<(SessionRow, AccountRow)> = on!(conn, |c| sessions::table
        .inner_join(accounts::table)
        .filter(sessions::cookie_hash.eq(cookie_hash))
        .select((SessionRow::as_select(), AccountRow::as_select()))
        .first(c))
    .optional()
    .map_err(lift)?;
    found.map(|(row, account)| Ok((row.try_into()?, account.try_into()?))).transpose()
}

/// Ends one session.
pub async fn delete(conn: &mut Conn, cookie_hash: &[u8]) -> Result<()> {
    on!(conn, |c| diesel::delete(sessions::table.find(cookie_hash)).execute(c)).map_err(lift)?;
    Ok(())
}

/// Deletes every session that expired before `now`.
pub async fn sweep(conn: &mut Conn, now: At) -> Result<()> {
    on!(conn, |c| diesel::delete(sessions::table.filter(sessions::expires.lt(now))).execute(c)).map_err(lift)?;
    Ok(())
}
