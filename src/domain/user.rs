//! An account as the Condo dialect shows it: its addresses, what it may do, when it changed.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::account::AccountType;
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
