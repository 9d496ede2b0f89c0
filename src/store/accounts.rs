//! Accounts: the subjects we hold a record of.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::conn::{Conn, on};
use super::error::lift;
use super::schema::accounts;
use super::types::At;
use crate::domain::Result;
use crate::domain::ids::Subject;

/// An account's row.
#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = accounts, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
pub(crate) struct AccountRow {
    pub(crate) subject: String,
    pub(crate) issuer: Option<String>,
    pub(crate) account_type: String,
    pub(crate) name: Option<String>,
    pub(crate) created: At,
    pub(crate) email: Option<String>,
    pub(crate) email_verified: bool,
    pub(crate) phone: Option<String>,
    pub(crate) phone_verified: bool,
    pub(crate) password_hash: Option<String>,
    pub(crate) disabled_at: Option<At>,
}

/// Makes the account unless there is one; says whether it did.
pub(crate) async fn insert_if_absent(conn: &mut Conn, row: &AccountRow) -> Result<bool> {
    let made = on!(conn, |c| diesel::insert_into(accounts::table).values(row).on_conflict_do_nothing().execute(c));
    Ok(made.map_err(lift)? == 1)
}

/// The account of a subject, if there is one.
pub(crate) async fn find(conn: &mut Conn, subject: &Subject) -> Result<Option<AccountRow>> {
    on!(conn, |c| accounts::table.find(subject.as_str()).select(AccountRow::as_select()).first(c))
        .optional()
        .map_err(lift)
}

/// Holds off, until the transaction ends, every other change of this subject's account and links: a link can't be made
/// while its account goes, and of two calls that make the same link the second finds it.
pub(crate) async fn hold(conn: &mut Conn, subject: &Subject) -> Result<()> {
    if matches!(conn, Conn::Sqlite(_)) {
        // A transaction there holds off every other.
        return Ok(());
    }
    let lock = diesel::sql_query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))");
    on!(conn, |c| lock.bind::<diesel::sql_types::Text, _>(subject.as_str()).execute(c)).map_err(lift)?;
    Ok(())
}

/// Deletes the account; says whether there was one.
pub(crate) async fn delete(conn: &mut Conn, subject: &Subject) -> Result<bool> {
    let gone = on!(conn, |c| diesel::delete(accounts::table.find(subject.as_str())).execute(c));
    Ok(gone.map_err(lift)? == 1)
}
