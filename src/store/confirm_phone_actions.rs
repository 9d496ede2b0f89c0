//! Confirmations of phones: a hash of the token, a code that can't be read, and how often it was looked at.

use diesel::dsl::{exists, not};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::conn::{Conn, on};
use super::error::lift;
use super::schema::accounts;
use super::schema::confirm_phone_actions::{self as actions};
use super::types::At;
use crate::domain::Result;
use crate::domain::account::AccountType;
use crate::domain::confirmation::LOOKS;

/// A confirmation.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = actions, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
pub(crate) struct ConfirmPhoneRow {
    pub(crate) token_hash: Vec<u8>,
    pub(crate) purpose: String,
    pub(crate) phone: String,
    pub(crate) subject: Option<String>,
    pub(crate) code_mac: Vec<u8>,
    pub(crate) code_expires: At,
    pub(crate) retries: i32,
    pub(crate) verified: bool,
    pub(crate) completed: Option<At>,
    pub(crate) expires: At,
    pub(crate) created: At,
    /// Whether the message with the code followed a right password of the subject.
    pub(crate) after_password: bool,
}

/// A code that was sent.
#[derive(Debug)]
pub(crate) struct NewCode {
    /// As it is kept.
    pub(crate) mac: Vec<u8>,
    pub(crate) expires: At,
    /// Whether its message followed a right password of the subject.
    pub(crate) after_password: bool,
}

/// Stores a confirmation. It fails if its account is gone meanwhile.
pub(crate) async fn insert(conn: &mut Conn, row: &ConfirmPhoneRow) -> Result<()> {
    on!(conn, |c| diesel::insert_into(actions::table).values(row).execute(c)).map_err(lift)?;
    Ok(())
}

/// The confirmation with this token, over or not.
pub(crate) async fn find(conn: &mut Conn, token_hash: &[u8]) -> Result<Option<ConfirmPhoneRow>> {
    on!(conn, |c| actions::table.find(token_hash).select(ConfirmPhoneRow::as_select()).first(c))
        .optional()
        .map_err(lift)
}

/// The confirmations of this phone, and for this purpose, whose codes can still be typed at `now`, and weren't; the one whose
/// code was sent last first.
pub(crate) async fn list_live(
    conn: &mut Conn,
    (phone, purpose): (&str, &str),
    now: At,
) -> Result<Vec<ConfirmPhoneRow>> {
    on!(conn, |c| actions::table
        .filter(actions::phone.eq(phone).and(actions::purpose.eq(purpose)))
        .filter(actions::verified.eq(false).and(actions::completed.is_null()))
        .filter(actions::expires.ge(now).and(actions::code_expires.ge(now)))
        .order((actions::code_expires.desc(), actions::created.desc()))
        .select(ConfirmPhoneRow::as_select())
        .load(c))
    .map_err(lift)
}

/// Replaces the code; the looks stay counted. Says whether the confirmation can be used at `now`.
pub(crate) async fn renew(conn: &mut Conn, token_hash: &[u8], code: NewCode, now: At) -> Result<bool> {
    let row = actions::table.find(token_hash).filter(actions::completed.is_null().and(actions::expires.ge(now)));
    let change = diesel::update(row).set((
        actions::code_mac.eq(code.mac),
        actions::code_expires.eq(code.expires),
        actions::after_password.eq(code.after_password),
    ));
    Ok(on!(conn, |c| change.execute(c)).map_err(lift)? == 1)
}

/// Takes one of the looks at the code, counted by the database itself: any number at once get no more than there are. The
/// code as it is kept; none if there is no look left, or the confirmation or its code is over at `now`.
pub(crate) async fn look(conn: &mut Conn, token_hash: &[u8], now: At) -> Result<Option<Vec<u8>>> {
    let row = actions::table
        .find(token_hash)
        .filter(actions::completed.is_null().and(actions::expires.ge(now)))
        .filter(actions::code_expires.ge(now).and(actions::retries.lt(LOOKS)));
    on!(conn, |c| diesel::update(row)
        .set(actions::retries.eq(actions::retries + 1))
        .returning(actions::code_mac)
        .get_result(c))
    .optional()
    .map_err(lift)
}

/// Marks as confirmed whose code was typed, as it was when it was looked at, and gives the look back, since only those that
/// failed count. Says whether the confirmation can be used at `now`.
pub(crate) async fn verify(conn: &mut Conn, token_hash: &[u8], code_mac: &[u8], now: At) -> Result<bool> {
    let row = actions::table
        .find(token_hash)
        .filter(actions::code_mac.eq(code_mac).and(actions::completed.is_null()).and(actions::expires.ge(now)));
    let change = diesel::update(row).set((actions::verified.eq(true), actions::retries.eq(actions::retries - 1)));
    Ok(on!(conn, |c| change.execute(c)).map_err(lift)? == 1)
}

/// Uses up a confirmation whose code was typed, as it was when it was looked at, and that nobody has confirmed: one of any
/// number at once does. It is confirmed to nobody.
pub(crate) async fn spend_code(conn: &mut Conn, token_hash: &[u8], code_mac: &[u8], now: At) -> Result<bool> {
    let row = actions::table
        .find(token_hash)
        .filter(actions::code_mac.eq(code_mac).and(actions::completed.is_null()))
        .filter(actions::verified.eq(false).and(actions::expires.ge(now)));
    Ok(on!(conn, |c| diesel::update(row).set(actions::completed.eq(now)).execute(c)).map_err(lift)? == 1)
}

/// Uses up a confirmation that is confirmed and can be used at `now`: one of any number at once does. Its phone, and whose it
/// is if it was asked for by that.
pub(crate) async fn spend(conn: &mut Conn, token_hash: &[u8], now: At) -> Result<Option<(String, Option<String>)>> {
    let row = actions::table
        .find(token_hash)
        .filter(actions::verified.and(actions::completed.is_null()).and(actions::expires.ge(now)));
    on!(conn, |c| diesel::update(row)
        .set(actions::completed.eq(now))
        .returning((actions::phone, actions::subject))
        .get_result(c))
    .optional()
    .map_err(lift)
}

/// Ends a confirmation.
pub(crate) async fn end(conn: &mut Conn, token_hash: &[u8], now: At) -> Result<()> {
    let row = actions::table.find(token_hash).filter(actions::completed.is_null());
    on!(conn, |c| diesel::update(row).set(actions::completed.eq(now)).execute(c)).map_err(lift)?;
    Ok(())
}

/// Deletes every confirmation that was asked for by this subject: what it was asked for with may be void.
pub(crate) async fn delete_all(conn: &mut Conn, subject: &str) -> Result<()> {
    on!(conn, |c| diesel::delete(actions::table.filter(actions::subject.eq(subject))).execute(c)).map_err(lift)?;
    Ok(())
}

/// Deletes every confirmation that was asked for by this number, if no account has it any more. What an account has asked for
/// by its id goes with the account.
pub(crate) async fn delete_of_nobody(conn: &mut Conn, phone: &str) -> Result<()> {
    // By type as well, since the index begins with it.
    let has_it =
        accounts::account_type.eq_any(AccountType::ALL.map(AccountType::as_str)).and(accounts::phone.eq(phone));
    let of_nobody = actions::table
        .filter(actions::phone.eq(phone).and(actions::subject.is_null()))
        .filter(not(exists(accounts::table.filter(has_it).select(accounts::subject))));
    on!(conn, |c| diesel::delete(of_nobody).execute(c)).map_err(lift)?;
    Ok(())
}

/// Deletes every confirmation that ended before `now`.
pub(crate) async fn sweep(conn: &mut Conn, now: At) -> Result<()> {
    on!(conn, |c| diesel::delete(actions::table.filter(actions::expires.lt(now))).execute(c)).map_err(lift)?;
    Ok(())
}
