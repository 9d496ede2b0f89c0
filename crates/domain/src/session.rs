//! A browser in which a person is signed in (docs/bind.md): not an application's token, and not a Condo session.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::account::{Account, AccountType};
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

/// A browser session as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrowserSession {
    /// The account.
    pub subject: Subject,
    /// When its user proved who they are.
    pub authenticated: DateTime<Utc>,
    /// When it ends.
    pub expires: DateTime<Utc>,
}

impl BrowserSession {
    /// Who is signed in by it: nobody once it is over, or the account may not sign in.
    pub fn signs_in(&self, account: Account, now: DateTime<Utc>) -> Option<Session> {
        let lives = self.expires > now && account.may_sign_in();
        lives.then(|| Session { name: account.called(), subject: account.subject, authenticated: self.authenticated })
    }
}

/// A session of the Condo dialect as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CondoSessionRecord {
    /// Who has signed in; nobody yet without one.
    pub subject: Option<Subject>,
    /// As what kind of user somebody said to sign in.
    pub user_type: Option<AccountType>,
    /// By which way they signed in.
    pub source: Option<String>,
    /// By which partner or mutation.
    pub provider: Option<String>,
    /// Through which client of the partner.
    pub client_id: Option<String>,
    /// When it began.
    pub created: DateTime<Utc>,
    /// When it ends.
    pub expires: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn signs_in() {
        let now = DateTime::UNIX_EPOCH;
        let subject = Subject::parse("elle").unwrap();
        let account = || Account::bare(subject.clone(), AccountType::Resident, now);
        let session = |seconds| BrowserSession {
            subject: subject.clone(),
            authenticated: now,
            expires: now + TimeDelta::seconds(seconds),
        };
        let found = session(1).signs_in(account(), now).unwrap();
        assert_eq!((found.subject, found.name, found.authenticated), (subject.clone(), None, now));
        assert!(session(0).signs_in(account(), now).is_none(), "its last moment is over");
        assert!(session(1).signs_in(Account { disabled: Some(now), ..account() }, now).is_none());
    }
}
