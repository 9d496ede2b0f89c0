//! Accounts: the subjects we hold a record of.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::conn::{Conn, hold_name, on};
use super::error::{lift, violated};
use super::schema::accounts;
use super::types::{At, Uuid};
use crate::domain::account::{AccountType, Address};
use crate::domain::endings::Credentials;
use crate::domain::entry::Standing;
use crate::domain::ids::Subject;
use crate::domain::{Error, Result};

/// An account's row. `Debug` in tests alone: it has the password's hash.
#[cfg_attr(test, derive(Debug))]
#[derive(Clone, Queryable, QueryableByName, Selectable, Insertable, AsChangeset)]
#[expect(clippy::struct_excessive_bools, reason = "each is a column")]
#[diesel(table_name = accounts, primary_key(subject), treat_none_as_null = true, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
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
    pub(crate) is_admin: bool,
    pub(crate) is_support: bool,
    pub(crate) two_factor: bool,
    pub(crate) rights_set: Option<Uuid>,
    pub(crate) meta: String,
    pub(crate) external_system: Option<String>,
    pub(crate) external_email: Option<String>,
    pub(crate) external_email_verified: bool,
    pub(crate) external_phone: Option<String>,
    pub(crate) external_phone_verified: bool,
    pub(crate) updated: Option<At>,
}

impl AccountRow {
    /// An account of which nothing is known but whose it is.
    pub(crate) fn bare(subject: &Subject, account_type: AccountType, created: At) -> Self {
        Self {
            subject: subject.as_str().to_owned(),
            issuer: None,
            account_type: account_type.as_str().to_owned(),
            name: None,
            created,
            email: None,
            email_verified: false,
            phone: None,
            phone_verified: false,
            password_hash: None,
            disabled_at: None,
            is_admin: false,
            is_support: false,
            two_factor: false,
            rights_set: None,
            meta: "{}".to_owned(),
            external_system: None,
            external_email: None,
            external_email_verified: false,
            external_phone: None,
            external_phone_verified: false,
            updated: None,
        }
    }

    /// How it stands, for whoever wants in.
    pub(crate) fn standing(&self) -> Standing {
        Standing {
            is_disabled: self.disabled_at.is_some(),
            is_privileged: self.is_admin || self.is_support || self.rights_set.is_some(),
            two_factor: self.two_factor,
            has_verified_phone: self.phone_verified && self.phone.is_some(),
        }
    }

    /// What it is entered by and what it opens.
    pub(crate) fn credentials(&self) -> Credentials {
        let address = |address: &Option<String>, verified| address.clone().map(|address| (address, verified));
        Credentials {
            password_hash: self.password_hash.clone(),
            email: address(&self.email, self.email_verified),
            phone: address(&self.phone, self.phone_verified),
            two_factor: self.two_factor,
            rights: (self.is_admin, self.is_support, self.rights_set.map(|id| id.0)),
            is_disabled: self.disabled_at.is_some(),
        }
    }
}

/// Makes the account unless there is one; says whether it did. [`Error::Input`] names the address that another account of
/// the type has.
pub(crate) async fn insert_if_absent(conn: &mut Conn, row: &AccountRow) -> Result<bool> {
    let made = on!(conn, |c| diesel::insert_into(accounts::table).values(row).on_conflict_do_nothing().execute(c));
    if made.map_err(lift)? == 1 {
        return Ok(true);
    }
    // The row that stands in the way tells why; the engines don't, where there is more than one.
    let there = accounts::table.find(&row.subject).select(accounts::subject);
    if on!(conn, |c| there.first::<String>(c)).optional().map_err(lift)?.is_some() {
        return Ok(false);
    }
    let of_type = accounts::table.filter(accounts::account_type.eq(&row.account_type));
    let holder = of_type.filter(accounts::email.eq(&row.email)).select(accounts::subject);
    let holder = on!(conn, |c| holder.first::<String>(c)).optional().map_err(lift)?;
    Err(belongs(if holder.is_some() { "email" } else { "phone" }, &row.account_type))
}

fn belongs(field: &'static str, account_type: &str) -> Error {
    Error::input(field, format!("belongs to another account of the type {account_type}"))
}

/// Writes an account anew, as its holder read it. [`Error::Input`] names the address that another account of the type has;
/// on Postgres the transaction is over then.
pub(crate) async fn update(conn: &mut Conn, row: &AccountRow) -> Result<()> {
    match on!(conn, |c| diesel::update(accounts::table.find(&row.subject)).set(row).execute(c)) {
        Ok(_) => Ok(()),
        // Postgres names the index, SQLite its columns.
        Err(error) => Err(match violated(&error) {
            Some(what) if what.contains("email") => belongs("email", &row.account_type),
            Some(what) if what.contains("phone") => belongs("phone", &row.account_type),
            _ => lift(error),
        }),
    }
}

/// The account of a subject, if there is one.
pub(crate) async fn find(conn: &mut Conn, subject: &Subject) -> Result<Option<AccountRow>> {
    on!(conn, |c| accounts::table.find(subject.as_str()).select(AccountRow::as_select()).first(c))
        .optional()
        .map_err(lift)
}

/// Every account, of whatever type, that has shown this address to be its own.
pub(crate) async fn find_by_address(conn: &mut Conn, address: &Address) -> Result<Vec<AccountRow>> {
    // By type as well, since the index begins with it.
    let of_any_type =
        || accounts::table.filter(accounts::account_type.eq_any(AccountType::ALL.map(AccountType::as_str)));
    match address {
        Address::Email(email) => on!(conn, |c| of_any_type()
            .filter(accounts::email.eq(email.as_str()).and(accounts::email_verified))
            .select(AccountRow::as_select())
            .load(c)),
        Address::Phone(phone) => on!(conn, |c| of_any_type()
            .filter(accounts::phone.eq(phone.as_str()).and(accounts::phone_verified))
            .select(AccountRow::as_select())
            .load(c)),
    }
    .map_err(lift)
}

/// The account of this type that signs in by an address in the Condo dialect, disabled or not: there is at most one. An e-mail
/// address must be known to be the user's own, a phone number need not (`wire/condo.md` 4.2).
pub(crate) async fn find_by_login(
    conn: &mut Conn,
    account_type: AccountType,
    address: &Address,
) -> Result<Option<AccountRow>> {
    let of_type = || accounts::table.filter(accounts::account_type.eq(account_type.as_str()));
    match address {
        Address::Email(email) => on!(conn, |c| of_type()
            .filter(accounts::email.eq(email.as_str()).and(accounts::email_verified))
            .select(AccountRow::as_select())
            .first(c)),
        Address::Phone(phone) => {
            on!(conn, |c| of_type().filter(accounts::phone.eq(phone.as_str())).select(AccountRow::as_select()).first(c))
        }
    }
    .optional()
    .map_err(lift)
}

/// Sets an account's password hash; says whether there is one.
pub(crate) async fn set_password(conn: &mut Conn, subject: &Subject, password_hash: &str) -> Result<bool> {
    let change = diesel::update(accounts::table.find(subject.as_str())).set(accounts::password_hash.eq(password_hash));
    Ok(on!(conn, |c| change.execute(c)).map_err(lift)? == 1)
}

/// Sets since when an account may not sign in; says whether there is one.
pub(crate) async fn set_disabled(conn: &mut Conn, subject: &Subject, since: Option<At>) -> Result<bool> {
    let change = diesel::update(accounts::table.find(subject.as_str())).set(accounts::disabled_at.eq(since));
    Ok(on!(conn, |c| change.execute(c)).map_err(lift)? == 1)
}

/// Holds off, until the transaction ends, every other change of this subject's account and links: a link can't be made
/// while its account goes, and of two calls that make the same link the second finds it.
pub(crate) async fn hold(conn: &mut Conn, subject: &Subject) -> Result<()> {
    hold_name(conn, subject.as_str()).await
}

/// Deletes the account; says whether there was one.
pub(crate) async fn delete(conn: &mut Conn, subject: &Subject) -> Result<bool> {
    let gone = on!(conn, |c| diesel::delete(accounts::table.find(subject.as_str())).execute(c));
    Ok(gone.map_err(lift)? == 1)
}
