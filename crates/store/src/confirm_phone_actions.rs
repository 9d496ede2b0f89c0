//! Confirmations of phones and e-mail addresses: a hash of the token, a code that can't be read, and how often it was looked at.
//! The table is named for what it held first.

use diesel::dsl::{exists, not};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::conn::{Conn, on};
use super::error::{lift, unreadable};
use super::schema::accounts;
use super::schema::confirm_phone_actions::{self as actions};
use super::types::At;
use domain::account::{AccountType, Address, AddressKind, Email, Phone};
use domain::confirmation::{Confirmation, LOOKS, Purpose};
use domain::ids::Subject;
use domain::{Error, Result};

/// A confirmation as the table holds it.
#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = actions, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
struct ConfirmPhoneRow {
    token_hash: Vec<u8>,
    purpose: String,
    address: String,
    subject: Option<String>,
    code_mac: Vec<u8>,
    code_expires: At,
    retries: i32,
    verified: bool,
    completed: Option<At>,
    expires: At,
    created: At,
    after_password: bool,
}

impl From<&Confirmation> for ConfirmPhoneRow {
    fn from(confirmation: &Confirmation) -> Self {
        Self {
            token_hash: confirmation.token_hash.clone(),
            purpose: confirmation.purpose.prefix().to_owned(),
            address: confirmation.address.as_str().to_owned(),
            subject: confirmation.subject.as_ref().map(|subject| subject.as_str().to_owned()),
            code_mac: confirmation.code_mac.clone(),
            code_expires: At(confirmation.code_expires),
            retries: confirmation.looks,
            verified: confirmation.is_verified,
            completed: confirmation.completed.map(At),
            expires: At(confirmation.expires),
            created: At(confirmation.created),
            after_password: confirmation.after_password,
        }
    }
}

impl TryFrom<ConfirmPhoneRow> for Confirmation {
    type Error = Error;

    fn try_from(row: ConfirmPhoneRow) -> Result<Self> {
        let purpose = Purpose::ALL.into_iter().find(|purpose| purpose.prefix() == row.purpose);
        let purpose = purpose.ok_or_else(|| corrupt("purpose"))?;
        Ok(Self {
            token_hash: row.token_hash,
            purpose,
            address: address(purpose.address_kind(), &row.address)?,
            subject: row.subject.map(Subject::parse).transpose().map_err(|_value| corrupt("subject"))?,
            code_mac: row.code_mac,
            code_expires: row.code_expires.0,
            looks: row.retries,
            is_verified: row.verified,
            completed: row.completed.map(|at| at.0),
            expires: row.expires.0,
            created: row.created.0,
            after_password: row.after_password,
        })
    }
}

fn address(kind: AddressKind, text: &str) -> Result<Address> {
    let read = match kind {
        AddressKind::Email => Email::parse(text).map(Address::Email),
        AddressKind::Phone => Phone::parse(text).map(Address::Phone),
    };
    read.map_err(|_value| corrupt("phone"))
}

fn corrupt(column: &'static str) -> Error {
    unreadable("confirm_phone_actions", column)
}

/// A code that was sent.
#[derive(Debug)]
pub struct NewCode {
    /// As it is kept.
    pub mac: Vec<u8>,
    /// When it is no good any more.
    pub expires: At,
    /// Whether its message followed a right password of the subject.
    pub after_password: bool,
}

/// Stores a confirmation. It fails if its account is gone meanwhile.
pub async fn insert(conn: &mut Conn, confirmation: &Confirmation) -> Result<()> {
    let row = ConfirmPhoneRow::from(confirmation);
    on!(conn, |c| diesel::insert_into(actions::table).values(&row).execute(c)).map_err(lift)?;
    Ok(())
}

/// The confirmation with this token, over or not.
pub async fn find(conn: &mut Conn, token_hash: &[u8]) -> Result<Option<Confirmation>> {
    let found = on!(conn, |c| actions::table.find(token_hash).select(ConfirmPhoneRow::as_select()).first(c));
    found.optional().map_err(lift)?.map(Confirmation::try_from).transpose()
}

/// The confirmations of this address, and for this purpose, whose codes can still be typed at `now`, and weren't; the one whose
/// code was sent last first.
pub async fn list_live(conn: &mut Conn, address: &Address, purpose: Purpose, now: At) -> Result<Vec<Confirmation>> {
    let found = on!(conn, |c| actions::table
        .filter(actions::address.eq(address.as_str()).and(actions::purpose.eq(purpose.prefix())))
        .filter(actions::verified.eq(false).and(actions::completed.is_null()))
        .filter(actions::expires.ge(now).and(actions::code_expires.ge(now)))
        .order((actions::code_expires.desc(), actions::created.desc()))
        .select(ConfirmPhoneRow::as_select())
        .load::<ConfirmPhoneRow>(c));
    found.map_err(lift)?.into_iter().map(Confirmation::try_from).collect()
}

/// Replaces the code; the looks stay counted. Says whether the confirmation can be used at `now`.
pub async fn renew(conn: &mut Conn, token_hash: &[u8], code: NewCode, now: At) -> Result<bool> {
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
pub async fn look(conn: &mut Conn, token_hash: &[u8], now: At) -> Result<Option<Vec<u8>>> {
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
pub async fn verify(conn: &mut Conn, token_hash: &[u8], code_mac: &[u8], now: At) -> Result<bool> {
    let row = actions::table
        .find(token_hash)
        .filter(actions::code_mac.eq(code_mac).and(actions::completed.is_null()).and(actions::expires.ge(now)));
    let change = diesel::update(row).set((actions::verified.eq(true), actions::retries.eq(actions::retries - 1)));
    Ok(on!(conn, |c| change.execute(c)).map_err(lift)? == 1)
}

/// Uses up a confirmation whose code was typed, as it was when it was looked at, and that nobody has confirmed: one of any
/// number at once does. It is confirmed to nobody.
pub async fn spend_code(conn: &mut Conn, token_hash: &[u8], code_mac: &[u8], now: At) -> Result<bool> {
    let row = actions::table
        .find(token_hash)
        .filter(actions::code_mac.eq(code_mac).and(actions::completed.is_null()))
        .filter(actions::verified.eq(false).and(actions::expires.ge(now)));
    Ok(on!(conn, |c| diesel::update(row).set(actions::completed.eq(now)).execute(c)).map_err(lift)? == 1)
}

/// Uses up a confirmation that is confirmed and can be used at `now`; says whether it did: one of any number at once does.
pub async fn spend(conn: &mut Conn, token_hash: &[u8], now: At) -> Result<bool> {
    let row = actions::table
        .find(token_hash)
        .filter(actions::verified.and(actions::completed.is_null()).and(actions::expires.ge(now)));
    Ok(on!(conn, |c| diesel::update(row).set(actions::completed.eq(now)).execute(c)).map_err(lift)? == 1)
}

/// Ends a confirmation.
pub async fn end(conn: &mut Conn, token_hash: &[u8], now: At) -> Result<()> {
    let row = actions::table.find(token_hash).filter(actions::completed.is_null());
    on!(conn, |c| diesel::update(row).set(actions::completed.eq(now)).execute(c)).map_err(lift)?;
    Ok(())
}

/// Deletes every confirmation that was asked for by this subject: what it was asked for with may be void.
pub(crate) async fn delete_all(conn: &mut Conn, subject: &str) -> Result<()> {
    on!(conn, |c| diesel::delete(actions::table.filter(actions::subject.eq(subject))).execute(c)).map_err(lift)?;
    Ok(())
}

/// Deletes every confirmation that was asked for by this address, if no account has it any more. What an account has asked for
/// by its id goes with the account.
pub async fn delete_of_nobody(conn: &mut Conn, address: &str) -> Result<()> {
    // By type as well, since the indexes begin with it.
    let of_any = || accounts::table.filter(accounts::account_type.eq_any(AccountType::ALL.map(AccountType::as_str)));
    let of_nobody = actions::table
        .filter(actions::address.eq(address).and(actions::subject.is_null()))
        .filter(not(exists(of_any().filter(accounts::phone.eq(address)).select(accounts::subject))))
        .filter(not(exists(of_any().filter(accounts::email.eq(address)).select(accounts::subject))));
    on!(conn, |c| diesel::delete(of_nobody).execute(c)).map_err(lift)?;
    Ok(())
}

/// The confirmations that were asked for by a subject's id, oldest first.
pub async fn list_of_subject(conn: &mut Conn, subject: &Subject) -> Result<Vec<Confirmation>> {
    let theirs = actions::table.filter(actions::subject.eq(subject.as_str())).order(actions::created);
    let rows: Vec<ConfirmPhoneRow> =
        on!(conn, |c| theirs.select(ConfirmPhoneRow::as_select()).load(c)).map_err(lift)?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Deletes every confirmation that ended before `now`.
pub async fn sweep(conn: &mut Conn, now: At) -> Result<()> {
    on!(conn, |c| diesel::delete(actions::table.filter(actions::expires.lt(now))).execute(c)).map_err(lift)?;
    Ok(())
}
