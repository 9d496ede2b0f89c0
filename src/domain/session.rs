//! A browser in which a person is signed in (DESIGN 8): not an application's token, and not a Condo session.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::ids::Subject;

/// How long a session lasts, however much it is used.
pub const SESSION_LIFETIME: Duration = Duration::from_hours(12);

/// Who is signed in.
#[derive(Clone, Debug)]
pub struct Session {
    /// The account.
    pub subject: Subject,
    /// What the person is called on our pages: a name, else an address; none if the account has neither.
    pub name: Option<String>,
    /// When they proved who they are.
    pub authenticated: DateTime<Utc>,
}
