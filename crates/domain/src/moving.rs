//! What moves from one installation to another, whole.

use chrono::{DateTime, Utc};

use super::account::Account;
use super::expiry::Ends;
use super::ids::{ClientId, LinkId};
use super::link::{Proof, stored_as};
use super::organization::{Employment, Organization, RightsSet, Role};
use super::token_set::{LinkOwner, TokenSet};

/// A kind of record that moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What an administrator grants to single users.
    RightsSet,
    /// An organization.
    Organization,
    /// What some employees of an organization may do.
    Role,
    /// An account.
    Account,
    /// Somebody who works for an organization.
    Employee,
    /// A link, with its tokens.
    Link,
}

// In the order in which they move: what another names comes before it.
stored_as!(all Kind {
    RightsSet => "rightsSet",
    Organization => "organization",
    Role => "role",
    Account => "account",
    Employee => "employee",
    Link => "link",
});

impl Kind {
    /// The kind that moves after this one.
    pub fn next(self) -> Option<Self> {
        Self::ALL.iter().copied().skip_while(|kind| *kind != self).nth(1)
    }
}

/// A record that moves.
#[derive(Debug)]
pub enum Record {
    /// What an administrator grants to single users.
    RightsSet(RightsSet),
    /// An organization.
    Organization(Organization),
    /// What some employees of an organization may do.
    Role(Role),
    /// An account.
    Account(Box<Account>),
    /// Somebody who works for an organization.
    Employee(Box<Employment>),
    /// A link, with its tokens.
    Link(Box<WholeLink>),
}

impl Record {
    /// What sets it apart among its kind, and by which it is in order there.
    pub fn key(&self) -> String {
        match self {
            Self::RightsSet(set) => set.id.to_string(),
            Self::Organization(organization) => organization.id.to_string(),
            Self::Role(role) => role.id.to_string(),
            Self::Account(account) => account.subject.as_str().to_owned(),
            Self::Employee(employment) => employment.id.to_string(),
            Self::Link(link) => link.id.to_string(),
        }
    }
}

/// A link with all that is kept with it.
#[derive(Clone, Debug)]
pub struct WholeLink {
    /// Its id.
    pub id: LinkId,
    /// Whose, and to which account.
    pub owner: LinkOwner,
    /// The account's name at the provider.
    pub user_name: Option<String>,
    /// How we know that the account is the subject's.
    pub proof: Proof,
    /// The application through which it was made.
    pub origin: Option<ClientId>,
    /// When it was made.
    pub created: DateTime<Utc>,
    /// When its token was last handed out, to the hour.
    pub last_used: Option<DateTime<Utc>>,
    /// Its tokens, if it has any.
    pub tokens: Option<TokenSet>,
}

/// Whether tokens that come are newer than those that stand: those stay else, since their refresh token may be the last that is good.
pub fn is_newer(comes: &Ends, stands: &Ends) -> bool {
    comes.since() > stands.since()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_turn_once() {
        let mut kind = Kind::ALL.first().copied();
        let mut turns = Vec::new();
        while let Some(this) = kind {
            turns.push(this);
            kind = this.next();
        }
        assert_eq!(turns, Kind::ALL);
    }

    #[test]
    fn only_newer_tokens_take_the_place_of_others() {
        let at = |seconds| DateTime::from_timestamp(seconds, 0);
        let obtained = |seconds| Ends { obtained: at(seconds), ..Ends::default() };
        let imported = |seconds| Ends { imported: at(seconds), ..Ends::default() };
        assert!(is_newer(&obtained(2), &obtained(1)) && is_newer(&obtained(2), &imported(1)));
        assert!(is_newer(&obtained(1), &Ends::default()), "of which nothing is known");
        assert!(!is_newer(&obtained(1), &obtained(1)) && !is_newer(&imported(1), &obtained(2)));
        assert!(!is_newer(&Ends::default(), &Ends::default()));
    }
}
