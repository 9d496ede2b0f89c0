//! What a change of an account ends: one table for whoever changes it, by whichever way. What was opened before may have been
//! opened by whom the change is to keep out.

use uuid::Uuid;

use super::account::{Claimed, Email, PasswordHash, Phone};

/// A change of an account that ends something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Another password, or a first one.
    Password,
    /// Another address, or another word on whether it is the account's own.
    Address,
    /// A second factor is asked for, or no more.
    SecondFactor,
    /// The account became, or is no more, an administrator's, a supporter's, one with a rights set or with another.
    Standing,
    /// It may not sign in any more: disabled, or softly deleted.
    Disabled,
    /// It may sign in again.
    Enabled,
    /// It is no more.
    Deleted,
}

/// What becomes of all that is of one kind and stands open in the account's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It goes on.
    Stays,
    /// It is over.
    Ends,
    /// It is over, but for the session in which the account's own holder made the change.
    EndsButOwn,
    /// It opens nothing, and is told so by name, as the Condo dialect does; it is over once the account may sign in again.
    Refused,
}

/// What stands open in an account's name, and what becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endings {
    /// Browsers at our own pages.
    pub sessions: Fate,
    /// Sessions of the Condo dialect.
    pub condo_sessions: Fate,
    /// Access and refresh tokens that applications have for the user.
    pub tokens: Fate,
    /// Authorization codes, and codes that the account was sent, with what they have confirmed.
    pub codes: Fate,
    /// Binds under way.
    pub flows: Fate,
    /// The browsers and networks that it is known to sign in from: they open nothing, and have tries of their own.
    pub places: Fate,
}

impl Change {
    /// Every one.
    pub const ALL: [Self; 7] = [
        Self::Password,
        Self::Address,
        Self::SecondFactor,
        Self::Standing,
        Self::Disabled,
        Self::Enabled,
        Self::Deleted,
    ];

    /// What it ends.
    pub fn ends(self) -> Endings {
        let all = |fate| Endings {
            sessions: fate,
            condo_sessions: fate,
            tokens: fate,
            codes: fate,
            flows: fate,
            places: fate,
        };
        match self {
            // Whoever had the old one may have tried it from anywhere.
            Self::Password => Endings { condo_sessions: Fate::EndsButOwn, ..all(Fate::Ends) },
            Self::Address | Self::SecondFactor | Self::Standing => {
                Endings { condo_sessions: Fate::EndsButOwn, places: Fate::Stays, ..all(Fate::Ends) }
            }
            Self::Disabled => Endings { condo_sessions: Fate::Refused, ..all(Fate::Ends) },
            Self::Enabled => Endings { condo_sessions: Fate::Ends, ..all(Fate::Stays) },
            Self::Deleted => all(Fate::Ends),
        }
    }
}

/// What an account is entered by, and what it opens: of two readings of one account the difference says what was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The password's hash.
    pub password_hash: Option<PasswordHash>,
    /// The e-mail address, and whether it is known to be the account's own.
    pub email: Option<Claimed<Email>>,
    /// The phone number, and whether it is known to be the account's own.
    pub phone: Option<Claimed<Phone>>,
    /// Whether a second factor is asked for.
    pub two_factor: bool,
    /// Administrator, supporter, rights set.
    pub rights: (bool, bool, Option<Uuid>),
    /// Whether the account may not sign in.
    pub is_disabled: bool,
}

impl Credentials {
    /// What was changed from `before` to this.
    pub fn changes_since(&self, before: &Self) -> Vec<Change> {
        let was_enabled = before.is_disabled && !self.is_disabled;
        let was_disabled = !before.is_disabled && self.is_disabled;
        let rows = [
            (Change::Password, before.password_hash != self.password_hash),
            (Change::Address, (&before.email, &before.phone) != (&self.email, &self.phone)),
            (Change::SecondFactor, before.two_factor != self.two_factor),
            (Change::Standing, before.rights != self.rights),
            (Change::Disabled, was_disabled),
            (Change::Enabled, was_enabled),
        ];
        rows.into_iter().filter_map(|(change, happened)| happened.then_some(change)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_change_ends_is_one_table() {
        use Fate::{Ends, EndsButOwn, Refused, Stays};
        // Our sessions, Condo sessions, tokens, codes, flows, known places.
        let rows = [
            (Change::Password, [Ends, EndsButOwn, Ends, Ends, Ends, Ends]),
            (Change::Address, [Ends, EndsButOwn, Ends, Ends, Ends, Stays]),
            (Change::SecondFactor, [Ends, EndsButOwn, Ends, Ends, Ends, Stays]),
            (Change::Standing, [Ends, EndsButOwn, Ends, Ends, Ends, Stays]),
            (Change::Disabled, [Ends, Refused, Ends, Ends, Ends, Ends]),
            (Change::Enabled, [Stays, Ends, Stays, Stays, Stays, Stays]),
            (Change::Deleted, [Ends, Ends, Ends, Ends, Ends, Ends]),
        ];
        assert_eq!(rows.map(|(change, _)| change), Change::ALL);
        for (change, expected) in rows {
            let Endings { sessions, condo_sessions, tokens, codes, flows, places } = change.ends();
            assert_eq!([sessions, condo_sessions, tokens, codes, flows, places], expected, "{change:?}");
        }
    }

    #[test]
    fn the_difference_of_two_readings_is_what_was_changed() {
        let email = |verified| Some(Claimed { address: Email::parse("a@example.com").unwrap(), verified });
        let before = Credentials {
            password_hash: None,
            email: email(false),
            phone: None,
            two_factor: false,
            rights: (false, false, None),
            is_disabled: false,
        };
        let with = |change: fn(&mut Credentials)| {
            let mut after = before.clone();
            change(&mut after);
            after.changes_since(&before)
        };
        assert_eq!(with(|_| {}), []);
        assert_eq!(with(|now| now.password_hash = Some(PasswordHash::new("x"))), [Change::Password]);
        assert_eq!(with(|now| now.email = None), [Change::Address]);
        assert_eq!(
            with(|now| now.email = now.email.take().map(|email| Claimed { verified: true, ..email })),
            [Change::Address]
        );
        assert_eq!(
            with(|now| now.phone = Some(Claimed { address: Phone::parse("+79991234567").unwrap(), verified: false })),
            [Change::Address]
        );
        assert_eq!(with(|now| now.two_factor = true), [Change::SecondFactor]);
        assert_eq!(with(|now| now.rights.0 = true), [Change::Standing]);
        assert_eq!(with(|now| now.rights.1 = true), [Change::Standing]);
        assert_eq!(with(|now| now.rights.2 = Some(Uuid::nil())), [Change::Standing]);
        assert_eq!(with(|now| now.is_disabled = true), [Change::Disabled]);
        let disabled = Credentials { is_disabled: true, ..before.clone() };
        assert_eq!(before.changes_since(&disabled), [Change::Enabled]);
        assert_eq!(
            with(|now| (now.two_factor, now.is_disabled) = (true, true)),
            [Change::SecondFactor, Change::Disabled]
        );
    }
}
