//! Whose allowance a code by SMS or e-mail draws on. What somebody does who has given no password takes nothing from who has, and
//! what that one does doesn't show to the other; so nothing of the two is counted together.

use super::account::AddressKind;
use super::confirmation::Purpose;
use super::ids::Subject;

/// How many looks each message of an address's day calls for in the dialect: wrong ones are counted with the right ones. Four
/// digits are guessed by who may try for ever; those by e-mail are six, and each mail costs nothing.
const LOOKS_TO_CONFIRM: usize = 2;
/// At our own page, as many as a confirmation has at all: six digits bear it where each message costs something, and then nobody
/// uses up the looks of a phone before its messages.
const LOOKS_TO_SIGN_IN: usize = 10;
/// What a network gets of the installation's day: one in so many.
const SHARES: usize = 20;

/// The owner of an allowance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Budget {
    /// Anybody's who names the address: nobody can tell its owner from a stranger.
    Anybodys,
    /// The account's whose password was right.
    Accounts(Subject),
}

/// What messages and looks are counted as.
#[derive(Debug, PartialEq, Eq)]
pub struct Kinds {
    /// Messages, one a minute.
    pub minute: &'static str,
    /// Messages of a day.
    pub day: &'static str,
    /// Looks at the code of one confirmation, one a second.
    pub second: &'static str,
    /// Looks of a day.
    pub looks: &'static str,
    /// Looks of a day from one network.
    pub looks_from: &'static str,
}

const ANYBODYS: Kinds = Kinds {
    minute: "SMS to",
    day: "SMS of the day to",
    second: "confirm phone",
    looks: "codes tried of",
    looks_from: "codes tried from",
};

const ANYBODYS_BY_EMAIL: Kinds = Kinds {
    minute: "e-mail to",
    day: "e-mail of the day to",
    second: "confirm e-mail",
    looks: "e-mailed codes tried of",
    looks_from: "e-mailed codes tried from",
};

const ACCOUNTS: Kinds = Kinds {
    minute: "SMS after the password of",
    day: "SMS of the day after the password of",
    second: "confirm phone after the password",
    looks: "codes tried after the password of",
    looks_from: "codes tried after a password from",
};

const ACCOUNTS_BY_EMAIL: Kinds = Kinds {
    minute: "e-mail after the password of",
    day: "e-mail of the day after the password of",
    second: "confirm e-mail after the password",
    looks: "e-mailed codes tried after the password of",
    looks_from: "e-mailed codes tried after a password from",
};

impl Budget {
    /// Whose a message draws on, and each look at its code: what it is for, which account it was asked for by, and whether that
    /// one's password was right.
    pub fn of(purpose: Purpose, subject: Option<&Subject>, after_password: bool) -> Self {
        match (purpose, subject) {
            (Purpose::SecondFactor, Some(subject)) => Self::Accounts(subject.clone()),
            (Purpose::ConfirmPhone | Purpose::ConfirmEmail, Some(subject)) if after_password => {
                Self::Accounts(subject.clone())
            }
            _ => Self::Anybodys,
        }
    }

    /// What it counts as, for messages to such addresses.
    pub fn kinds(&self, to: AddressKind) -> &'static Kinds {
        match (self, to) {
            (Self::Anybodys, AddressKind::Phone) => &ANYBODYS,
            (Self::Anybodys, AddressKind::Email) => &ANYBODYS_BY_EMAIL,
            (Self::Accounts(_), AddressKind::Phone) => &ACCOUNTS,
            (Self::Accounts(_), AddressKind::Email) => &ACCOUNTS_BY_EMAIL,
        }
    }

    /// Whom it counts by: the address, or the account.
    pub fn party<'a>(&'a self, address: &'a str) -> &'a str {
        match self {
            Self::Anybodys => address,
            Self::Accounts(subject) => subject.as_str(),
        }
    }

    /// Whether a right password came first.
    pub fn is_after_password(&self) -> bool {
        matches!(self, Self::Accounts(_))
    }
}

/// How many looks a day has for codes of this purpose, where it has so many messages.
pub fn looks_in_a_day(purpose: Purpose, messages: usize) -> usize {
    let looks = match purpose {
        Purpose::ConfirmPhone | Purpose::ConfirmEmail => LOOKS_TO_CONFIRM,
        Purpose::SignIn | Purpose::SecondFactor => LOOKS_TO_SIGN_IN,
    };
    messages.saturating_mul(looks)
}

/// What one network gets of so many messages of the installation's day: 5 %, and one at least.
pub fn share(messages: usize) -> usize {
    (messages / SHARES).max(1)
}

#[cfg(test)]
mod tests {
    use super::super::confirmation::LOOKS;
    use super::*;

    #[test]
    fn only_a_right_password_draws_on_the_accounts_budget() {
        let elle = Subject::parse("elle").unwrap();
        let (accounts, anybodys) = (Budget::Accounts(elle.clone()), Budget::Anybodys);
        let rows = [
            (Purpose::SignIn, None, false, &anybodys),
            (Purpose::SecondFactor, Some(&elle), false, &accounts),
            (Purpose::SecondFactor, Some(&elle), true, &accounts),
            (Purpose::ConfirmPhone, None, false, &anybodys),
            (Purpose::ConfirmPhone, Some(&elle), false, &anybodys),
            (Purpose::ConfirmPhone, Some(&elle), true, &accounts),
            (Purpose::ConfirmEmail, None, false, &anybodys),
            (Purpose::ConfirmEmail, Some(&elle), false, &anybodys),
            (Purpose::ConfirmEmail, Some(&elle), true, &accounts),
            (Purpose::ConfirmEmail, None, true, &anybodys),
            // What no row is: nothing that is to be paid for by nobody's account.
            (Purpose::SignIn, Some(&elle), true, &anybodys),
            (Purpose::SecondFactor, None, true, &anybodys),
            (Purpose::ConfirmPhone, None, true, &anybodys),
        ];
        for (purpose, subject, after_password, expected) in rows {
            assert_eq!(&Budget::of(purpose, subject, after_password), expected, "{purpose:?} {subject:?}");
        }
    }

    #[test]
    fn nothing_is_counted_together_of_strangers_and_owners_or_of_phones_and_mailboxes() {
        let all = |kinds: &Kinds| [kinds.minute, kinds.day, kinds.second, kinds.looks, kinds.looks_from];
        let budgets = [Budget::Anybodys, Budget::Accounts(Subject::parse("elle").unwrap())];
        let to = [AddressKind::Phone, AddressKind::Email];
        let mut kinds: Vec<&str> =
            budgets.iter().flat_map(|budget| to.iter().flat_map(|to| all(budget.kinds(*to)))).collect();
        kinds.sort_unstable();
        kinds.dedup();
        assert_eq!(kinds.len(), 20);
        assert_eq!(budgets.map(|budget| budget.party("+79990001234").to_owned()), ["+79990001234", "elle"]);
    }

    #[test]
    fn codes_to_sign_in_are_looked_at_as_often_as_their_messages_have_looks() {
        for purpose in [Purpose::ConfirmPhone, Purpose::ConfirmEmail] {
            assert_eq!(looks_in_a_day(purpose, 10), 20);
        }
        for purpose in [Purpose::SignIn, Purpose::SecondFactor] {
            assert_eq!(looks_in_a_day(purpose, 10), 10 * usize::try_from(LOOKS).unwrap());
        }
        assert_eq!(looks_in_a_day(Purpose::SignIn, usize::MAX), usize::MAX);
    }

    #[test]
    fn a_network_gets_a_twentieth_and_one_at_least() {
        for (messages, expected) in [(1, 1), (19, 1), (39, 1), (40, 2), (1000, 50), (1_000_000, 50_000)] {
            assert_eq!(share(messages), expected, "{messages}");
        }
    }
}
