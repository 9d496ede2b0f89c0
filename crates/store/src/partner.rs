//! What a sign-in with a partner's token reads and changes: whose an identity is, who has an address, who loses one.

use diesel::dsl::not;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::accounts::{AccountRow, read};
use super::conn::{Conn, on};
use super::error::{lift, violated};
use super::schema::{accounts, links};
use super::types::At;
use domain::Result;
use domain::account::{Account, AccountType, Address};
use domain::ids::{ProviderId, Sid};
use domain::link::Proof;

/// The value that makes an identity one user's: an account at a partner is a user of each type.
pub fn identity_key(user_type: AccountType, identity: &ProviderId, sid: &Sid) -> String {
    format!("{}/{}/{}/{sid}", user_type.as_str(), identity.fp_type(), identity.fp_name())
}

/// Whose an identity is, by a link that its owner has proven: what somebody else said signs nobody in.
pub async fn find_owner(conn: &mut Conn, key: &str) -> Result<Option<String>> {
    on!(conn, |c| links::table
        .filter(links::exclusive_key.eq(key).and(links::proof.eq(Proof::Proven.as_str())))
        .select(links::subject)
        .first(c))
    .optional()
    .map_err(lift)
}

/// The account of this type that has an address, verified or not, deleted or not.
pub async fn find_holder(conn: &mut Conn, user_type: AccountType, address: &Address) -> Result<Option<Account>> {
    let of_type = || accounts::table.filter(accounts::account_type.eq(user_type.as_str()));
    read(match address {
        Address::Email(email) => {
            on!(conn, |c| of_type().filter(accounts::email.eq(email.as_str())).select(AccountRow::as_select()).first(c))
        }
        Address::Phone(phone) => {
            on!(conn, |c| of_type().filter(accounts::phone.eq(phone.as_str())).select(AccountRow::as_select()).first(c))
        }
    })
}

/// Makes an account; says whether it did: not if the subject has one, or another of the type has an address of its.
pub async fn insert(conn: &mut Conn, account: &Account) -> Result<bool> {
    let row = &AccountRow::from(account);
    let made = on!(conn, |c| diesel::insert_into(accounts::table).values(row).on_conflict_do_nothing().execute(c));
    Ok(made.map_err(lift)? == 1)
}

/// Takes an address from an account that has it unverified; says whether that still was so. What was there is in `meta`.
pub async fn take(conn: &mut Conn, subject: &str, address: &Address, meta: &str, now: At) -> Result<bool> {
    let account = || accounts::table.find(subject);
    let changed = (accounts::meta.eq(meta), accounts::updated.eq(Some(now)));
    let taken = match address {
        Address::Email(email) => on!(conn, |c| diesel::update(account())
            .filter(accounts::email.eq(email.as_str()).and(not(accounts::email_verified)))
            .set((accounts::email.eq(None::<String>), changed))
            .execute(c)),
        Address::Phone(phone) => on!(conn, |c| diesel::update(account())
            .filter(accounts::phone.eq(phone.as_str()).and(not(accounts::phone_verified)))
            .set((accounts::phone.eq(None::<String>), changed))
            .execute(c)),
    };
    Ok(taken.map_err(lift)? == 1)
}

/// What an account that was there gets; `None` stays as it is.
#[derive(Debug, Default, AsChangeset)]
#[diesel(table_name = accounts)]
pub struct Filling {
    /// What they are called.
    pub name: Option<String>,
    /// Where SMS reach them.
    pub phone: Option<String>,
    /// Whether the phone is theirs for sure.
    pub phone_verified: Option<bool>,
    /// Where mail reaches them.
    pub email: Option<String>,
    /// Whether the address is theirs for sure.
    pub email_verified: Option<bool>,
    /// What their client keeps with them, as JSON.
    pub meta: String,
    /// When it is filled in.
    pub updated: Option<At>,
}

/// Fills in what an account that is not deleted lacks; says whether it did: not if another got an address first. On Postgres
/// the transaction is over then.
pub async fn fill(conn: &mut Conn, subject: &str, filling: &Filling) -> Result<bool> {
    let account = accounts::table.find(subject).filter(accounts::disabled_at.is_null());
    let filled = on!(conn, |c| diesel::update(account).set(filling).execute(c));
    match filled {
        Ok(count) => Ok(count == 1),
        Err(error) if violated(&error).is_some() => Ok(false),
        Err(error) => Err(lift(error)),
    }
}
