//! Accounts: the subjects we hold a record of.

mod row;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::conn::{Conn, hold_name, on};
use super::error::{lift, violated};
use super::schema::accounts;
use super::types::At;
use domain::account::{Account, AccountType, Address, PasswordHash};
use domain::ids::Subject;
use domain::{Error, Result};

pub(super) use row::AccountRow;

/// Makes the account unless there is one; says whether it did. [`Error::Input`] names the address that another account of
/// the type has.
pub async fn insert_if_absent(conn: &mut Conn, account: &Account) -> Result<bool> {
    let row = &AccountRow::from(account);
    let made = on!(conn, |c| diesel::insert_into(accounts::table).values(row).on_conflict_do_nothing().execute(c));
    if made.map_err(lift)? == 1 {
        return Ok(true);
    }
    // The row that stands in the way tells why; the engines don't, where there is more than one.
    let there = accounts::table.find(account.subject.as_str()).select(accounts::subject);
    if on!(conn, |c| there.first::<String>(c)).optional().map_err(lift)?.is_some() {
        return Ok(false);
    }
    let email = account.email.as_ref().map(|email| email.address.as_str());
    let of_type = accounts::table.filter(accounts::account_type.eq(account.account_type.as_str()));
    let holder = of_type.filter(accounts::email.eq(email)).select(accounts::subject);
    let holder = on!(conn, |c| holder.first::<String>(c)).optional().map_err(lift)?;
    Err(belongs(if holder.is_some() { "email" } else { "phone" }, account.account_type))
}

fn belongs(field: &'static str, account_type: AccountType) -> Error {
    Error::input(field, format!("belongs to another account of the type {}", account_type.as_str()))
}

/// Writes an account anew, as its holder read it. [`Error::Input`] names the address that another account of the type has;
/// on Postgres the transaction is over then.
pub async fn update(conn: &mut Conn, account: &Account) -> Result<()> {
    let row = &AccountRow::from(account);
    match on!(conn, |c| diesel::update(accounts::table.find(account.subject.as_str())).set(row).execute(c)) {
        Ok(_) => Ok(()),
        // Postgres names the index, SQLite its columns.
        Err(error) => Err(match violated(&error) {
            Some(what) if what.contains("email") => belongs("email", account.account_type),
            Some(what) if what.contains("phone") => belongs("phone", account.account_type),
            _ => lift(error),
        }),
    }
}

/// The account that was found, if one was.
pub(super) fn read(found: QueryResult<AccountRow>) -> Result<Option<Account>> {
    found.optional().map_err(lift)?.map(Account::try_from).transpose()
}

/// The account of a subject, if there is one.
pub async fn find(conn: &mut Conn, subject: &Subject) -> Result<Option<Account>> {
    let found: QueryResult<AccountRow> =
        on!(conn, |c| accounts::table.find(subject.as_str()).select(AccountRow::as_select()).first(c));
    read(found)
}

/// Every account, of whatever type, that has shown this address to be its own.
pub async fn find_by_address(conn: &mut Conn, address: &Address) -> Result<Vec<Account>> {
    // By type as well, since the index begins with it.
    let of_any_type =
        || accounts::table.filter(accounts::account_type.eq_any(AccountType::ALL.map(AccountType::as_str)));
    let found: QueryResult<Vec<AccountRow>> = match address {
        Address::Email(email) => on!(conn, |c| of_any_type()
            .filter(accounts::email.eq(email.as_str()).and(accounts::email_verified))
            .select(AccountRow::as_select())
            .load(c)),
        Address::Phone(phone) => on!(conn, |c| of_any_type()
            .filter(accounts::phone.eq(phone.as_str()).and(accounts::phone_verified))
            .select(AccountRow::as_select())
            .load(c)),
    };
    found.map_err(lift)?.into_iter().map(Account::try_from).collect()
}

/// The account of this type that signs in by an address in the Condo dialect, disabled or not: there is at most one. An e-mail
/// address must be known to be the user's own, a phone number need not.
pub async fn find_by_login(conn: &mut Conn, account_type: AccountType, address: &Address) -> Result<Option<Account>> {
    let of_type = || accounts::table.filter(accounts::account_type.eq(account_type.as_str()));
    read(match address {
        Address::Email(email) => on!(conn, |c| of_type()
            .filter(accounts::email.eq(email.as_str()).and(accounts::email_verified))
            .select(AccountRow::as_select())
            .first(c)),
        Address::Phone(phone) => {
            on!(conn, |c| of_type().filter(accounts::phone.eq(phone.as_str())).select(AccountRow::as_select()).first(c))
        }
    })
}

/// Sets an account's password hash; says whether there is one.
pub async fn set_password(conn: &mut Conn, subject: &Subject, password_hash: &PasswordHash) -> Result<bool> {
    let hash = password_hash.as_str();
    let change = diesel::update(accounts::table.find(subject.as_str())).set(accounts::password_hash.eq(hash));
    Ok(on!(conn, |c| change.execute(c)).map_err(lift)? == 1)
}

/// Sets since when an account may not sign in; says whether there is one.
pub async fn set_disabled(conn: &mut Conn, subject: &Subject, since: Option<DateTime<Utc>>) -> Result<bool> {
    let change = diesel::update(accounts::table.find(subject.as_str())).set(accounts::disabled_at.eq(since.map(At)));
    Ok(on!(conn, |c| change.execute(c)).map_err(lift)? == 1)
}

/// Holds off, until the transaction ends, every other change of this subject's account and links: a link can't be made
/// while its account goes, and of two calls that make the same link the second finds it.
pub async fn hold(conn: &mut Conn, subject: &Subject) -> Result<()> {
    hold_name(conn, subject.as_str()).await
}

/// Deletes the account, readable or not; gives the addresses that it had, its own and those that a partner told.
/// `None`: there was no account.
pub async fn delete(conn: &mut Conn, subject: &Subject) -> Result<Option<Vec<String>>> {
    type Addresses = (Option<String>, Option<String>, Option<String>, Option<String>);
    let gone: QueryResult<Addresses> = on!(conn, |c| diesel::delete(accounts::table.find(subject.as_str()))
        .returning((accounts::phone, accounts::external_phone, accounts::email, accounts::external_email))
        .get_result(c));
    let gone = gone.optional().map_err(lift)?;
    Ok(gone.map(|(phone, told_phone, email, told_email)| {
        [phone, told_phone, email, told_email].into_iter().flatten().collect()
    }))
}
