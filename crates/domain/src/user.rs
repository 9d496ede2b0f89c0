//! An account as the Condo dialect shows it: its addresses, what it may do, when it changed.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::account::{Account, AccountType};
use super::ids::Subject;

/// A user.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a field of the dialect")]
pub struct User {
    /// The id.
    pub id: Subject,
    /// What kind of user it is.
    pub account_type: AccountType,
    /// The user's name.
    pub name: Option<String>,
    /// The user's e-mail address.
    pub email: Option<String>,
    /// Whether it is known to be the user's own.
    pub email_verified: bool,
    /// The user's phone number.
    pub phone: Option<String>,
    /// Whether it is known to be the user's own.
    pub phone_verified: bool,
    /// Whether there is a password.
    pub has_password: bool,
    /// Whether the user sees and changes everything.
    pub is_admin: bool,
    /// Whether the user sees everything.
    pub is_support: bool,
    /// Whether a password alone doesn't sign in.
    pub two_factor: bool,
    /// What an administrator granted.
    pub rights_set: Option<Uuid>,
    /// What partners told, as JSON text.
    pub meta: String,
    /// When the account was made.
    pub created: DateTime<Utc>,
    /// When it was changed last.
    pub updated: DateTime<Utc>,
    /// Since when it may not sign in: the dialect's soft deletion.
    pub deleted: Option<DateTime<Utc>>,
}

impl User {
    /// Whether the user may sign in, and do anything.
    pub fn may_sign_in(&self) -> bool {
        self.deleted.is_none()
    }
}

impl From<Account> for User {
    fn from(account: Account) -> Self {
        let email = account.email.as_ref();
        let phone = account.phone.as_ref();
        Self {
            email: email.map(|email| email.address.as_str().to_owned()),
            email_verified: email.is_some_and(|email| email.verified),
            phone: phone.map(|phone| phone.address.as_str().to_owned()),
            phone_verified: phone.is_some_and(|phone| phone.verified),
            id: account.subject,
            account_type: account.account_type,
            name: account.name,
            has_password: account.password_hash.is_some(),
            is_admin: account.is_admin,
            is_support: account.is_support,
            two_factor: account.two_factor,
            rights_set: account.rights_set,
            meta: account.meta,
            created: account.created,
            updated: account.updated.unwrap_or(account.created),
            deleted: account.disabled,
        }
    }
}
