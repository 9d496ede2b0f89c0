//! Confirming a phone or an e-mail address by a code sent to it: which numbers are taken, what codes are, what a try comes to,
//! what is shown.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::account::{Address, AddressKind, Email, Phone};
use super::ids::Subject;

/// How long a confirmation can be used, from its start to its being spent; sending a code again doesn't prolong it.
pub const ACTION_LIFETIME: Duration = Duration::from_hours(1);
/// How long a code can be typed.
pub const CODE_LIFETIME: Duration = Duration::from_mins(1);
/// How often codes of one confirmation are compared with what was typed, however often one is sent.
pub const LOOKS: i32 = 10;

/// What an address is confirmed for. What one is good for, the other isn't.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To show that a phone is one's own: the Condo dialect's confirmations, which are spent at a sign-in of theirs.
    ConfirmPhone,
    /// To show the same of an e-mail address.
    ConfirmEmail,
    /// To sign in at our own page with nothing else.
    SignIn,
    /// To sign in at our own page after the password.
    SecondFactor,
}

impl Purpose {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::ConfirmPhone, Self::ConfirmEmail, Self::SignIn, Self::SecondFactor];

    /// That of the dialect's confirmations of such addresses.
    pub fn confirming(kind: AddressKind) -> Self {
        match kind {
            AddressKind::Email => Self::ConfirmEmail,
            AddressKind::Phone => Self::ConfirmPhone,
        }
    }

    /// Which kind of address it is for.
    pub fn address_kind(self) -> AddressKind {
        match self {
            Self::ConfirmEmail => AddressKind::Email,
            Self::ConfirmPhone | Self::SignIn | Self::SecondFactor => AddressKind::Phone,
        }
    }

    /// What its tokens begin with, so that none passes for another's.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::ConfirmPhone => "cp:",
            Self::ConfirmEmail => "ce:",
            Self::SignIn => "si:",
            Self::SecondFactor => "sf:",
        }
    }

    /// The first of its codes, and as many as there are times nine: none begins with a zero, so it is a number as well. Four
    /// digits are the dialect's. By e-mail there are six, unlike in the source: mail costs nothing, so there is no end of tries; and
    /// so at our own page, since there a code alone lets somebody in, day after day.
    fn first(self) -> u32 {
        match self {
            Self::ConfirmPhone => 1000,
            Self::ConfirmEmail | Self::SignIn | Self::SecondFactor => 100_000,
        }
    }
}

/// A code. It shows itself only by [`Code::number`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Code(u32);

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code([redacted])")
    }
}

impl Code {
    /// A code, each as likely as any other if what `draw` gives is.
    pub fn drawn(purpose: Purpose, mut draw: impl FnMut() -> [u8; 4]) -> Self {
        let first = purpose.first();
        let count = 9 * first;
        // A whole number of rounds through the codes; beyond it the first ones would come once more.
        let fair = u32::MAX / count * count;
        loop {
            let number = u32::from_be_bytes(draw());
            if number < fair {
                return Self(first + number % count);
            }
        }
    }

    /// The code as it is typed.
    pub fn number(self) -> u32 {
        self.0
    }
}

/// A message with a code. What it says, and to whom, no log may have.
#[derive(Clone)]
pub struct Message {
    /// Whom it goes to.
    pub to: Address,
    /// What it is about, where such messages have that: those by e-mail.
    pub subject: Option<String>,
    /// What they read.
    pub text: String,
    /// The code in it, for gateways that have texts of their own.
    pub code: Code,
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Message([redacted])")
    }
}

/// A number as people write it, if it can be one: the form of E.164, and the length where a country code has but one, Russia and
/// Kazakhstan, North America. Which of them are phones' [`super::numbering`] knows.
pub fn phone(text: &str) -> Option<Phone> {
    let digits = text.trim().strip_prefix('+')?;
    if !digits.chars().all(|c| c.is_ascii_digit() || c.is_whitespace() || matches!(c, '(' | ')' | '-')) {
        return None;
    }
    let phone = Phone::parse(text).ok()?;
    let is_possible = match phone.as_str().as_bytes() {
        [_, b'0', ..] => false,
        number @ [_, b'1' | b'7', ..] => number.len() == 12,
        _ => true,
    };
    is_possible.then_some(phone)
}

/// A number with only its first two and its last two digits to be read.
fn masked_phone(phone: &Phone) -> String {
    let digits = phone.as_str().trim_start_matches('+');
    let last = digits.len().saturating_sub(2);
    let shown = |(place, c)| if (2..last).contains(&place) { '*' } else { c };
    "+".chars().chain(digits.chars().enumerate().map(shown)).collect()
}

/// An e-mail address with at most the first two letters of its name to be read, and never all of them.
fn masked_email(email: &Email) -> String {
    let (name, host) = email.as_str().split_once('@').unwrap_or_default();
    let shown = name.chars().count().saturating_sub(1).min(2);
    let begin: String = name.chars().take(shown).collect();
    format!("{begin}***@{host}")
}

/// As much of an address as lets its owner know it.
pub fn masked(address: &Address) -> String {
    match address {
        Address::Email(email) => masked_email(email),
        Address::Phone(phone) => masked_phone(phone),
    }
}

/// An address that is to be confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmation {
    /// The hash of its token.
    pub token_hash: Vec<u8>,
    /// What it is for.
    pub purpose: Purpose,
    /// The address.
    pub address: Address,
    /// The account that it was asked for by, if it was by one.
    pub subject: Option<Subject>,
    /// The code as it is kept.
    pub code_mac: Vec<u8>,
    /// When the code ends.
    pub code_expires: DateTime<Utc>,
    /// How often the code was looked at in vain.
    pub looks: i32,
    /// Whether the code was typed.
    pub is_verified: bool,
    /// When it was spent, or ended by too many tries.
    pub completed: Option<DateTime<Utc>>,
    /// When it ends.
    pub expires: DateTime<Utc>,
    /// When it was made.
    pub created: DateTime<Utc>,
    /// Whether the message with the code followed a right password of the subject.
    pub after_password: bool,
}

impl Confirmation {
    /// How it stands.
    pub fn standing(&self) -> Standing {
        Standing { is_completed: self.completed.is_some(), expires: self.expires, code_expires: self.code_expires }
    }

    /// Whether it can be used at `now`.
    pub fn is_live(&self, now: DateTime<Utc>) -> bool {
        self.standing().is_live(now)
    }
}

/// A confirmation as it stands.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    /// Whether it was spent, or ended by too many tries.
    pub is_completed: bool,
    /// When it ends.
    pub expires: DateTime<Utc>,
    /// When its code does.
    pub code_expires: DateTime<Utc>,
}

impl Standing {
    /// Whether it can be used at `now`.
    pub fn is_live(&self, now: DateTime<Utc>) -> bool {
        !self.is_completed && self.expires >= now
    }
}

/// What came of asking for a look at the code. Looks are given out before anything is compared, by the database.
#[derive(Clone, Copy, Debug)]
pub enum Look {
    /// There was one left.
    Given {
        /// Whether it is what was typed.
        is_same: bool,
    },
    /// There was none, or the confirmation or its code is over; how it stands, if it is there at all.
    Refused(Option<Standing>),
}

/// What a try of a code comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tried {
    /// It is the code.
    Right,
    /// It is another.
    Wrong,
    /// The code is past its time.
    Late,
    /// It was tried too often: the confirmation is over.
    TooOften,
    /// There is no such confirmation, or none any more.
    Gone,
}

/// Judges a try made at `now`.
pub fn judge(look: Look, now: DateTime<Utc>) -> Tried {
    match look {
        Look::Given { is_same: true } => Tried::Right,
        Look::Given { is_same: false } => Tried::Wrong,
        Look::Refused(Some(standing)) if !standing.is_live(now) => Tried::Gone,
        Look::Refused(Some(standing)) if standing.code_expires < now => Tried::Late,
        Look::Refused(Some(_)) => Tried::TooOften,
        Look::Refused(None) => Tried::Gone,
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn every_code_can_be_drawn_and_none_is_likelier() {
        for purpose in Purpose::ALL {
            let first = match purpose {
                Purpose::ConfirmPhone => 1000,
                Purpose::ConfirmEmail | Purpose::SignIn | Purpose::SecondFactor => 100_000,
            };
            let (count, last) = (9 * first, 10 * first - 1);
            let number_of = |number: u32| Code::drawn(purpose, || number.to_be_bytes()).number();
            assert_eq!([0, 1, count - 1, count].map(number_of), [first, first + 1, last, first]);
            let rounds = u32::MAX / count;
            assert_eq!(number_of(rounds * count - 1), last, "the last that is fair");
            let mut draws = [u32::MAX, rounds * count, 7].into_iter();
            let again = Code::drawn(purpose, || draws.next().unwrap().to_be_bytes());
            assert_eq!(again.number(), first + 7, "the unfair are drawn again");
        }
    }

    #[test]
    fn a_code_and_a_message_do_not_show_themselves() {
        let code = Code(1234);
        let to = Address::Phone(phone("+79991234567").unwrap());
        let message = Message { to, subject: None, text: "1234".to_owned(), code };
        assert_eq!(format!("{code:?} {message:?}"), "Code([redacted]) Message([redacted])");
    }

    #[test]
    fn a_number_is_taken_as_people_write_it() {
        let rows = [
            ("+7 (999) 000-12-34", Some("+79990001234")),
            (" +79990001234\n", Some("+79990001234")),
            ("+7\u{a0}999\u{a0}000\u{a0}12\u{a0}34", Some("+79990001234")),
            ("+74951234567", Some("+74951234567")),
            ("+12025550123", Some("+12025550123")),
            ("+4930123456", Some("+4930123456")),
            ("+380501234567", Some("+380501234567")),
            ("89990001234", None),
            ("(+7)9990001234", None),
            ("+7999000123", None),
            ("+799900012345", None),
            ("+1202555012", None),
            ("+0123456789", None),
            ("+123456", None),
            ("+1234567890123456", None),
            ("+7999000123a", None),
            ("+7999000123٤", None),
            ("++79990001234", None),
            ("+", None),
            ("", None),
        ];
        for (typed, expected) in rows {
            assert_eq!(phone(typed).as_ref().map(Phone::as_str), expected, "{typed:?}");
        }
    }

    #[test]
    fn a_mask_shows_enough_to_know_ones_own() {
        for (number, expected) in [("+79991234534", "+79*******34"), ("+1234567", "+12***67")] {
            assert_eq!(masked(&Address::Phone(Phone::parse(number).unwrap())), expected);
        }
        let addresses = [
            ("john.doe@example.com", "jo***@example.com"),
            ("joe@example.com", "jo***@example.com"),
            ("jo@example.com", "j***@example.com"),
            ("j@example.com", "***@example.com"),
            ("элла@почта.рф", "эл***@почта.рф"),
        ];
        for (address, expected) in addresses {
            assert_eq!(masked(&Address::Email(Email::parse(address).unwrap())), expected);
        }
    }

    #[test]
    fn a_try_comes_to_one_thing() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(1);
        let second = TimeDelta::seconds(1);
        let standing =
            |is_completed, expires, code_expires| Look::Refused(Some(Standing { is_completed, expires, code_expires }));
        let rows = [
            (Look::Given { is_same: true }, Tried::Right),
            (Look::Given { is_same: false }, Tried::Wrong),
            (Look::Refused(None), Tried::Gone),
            (standing(true, now + second, now + second), Tried::Gone),
            (standing(false, now - second, now + second), Tried::Gone),
            (standing(false, now, now - second), Tried::Late),
            (standing(false, now, now), Tried::TooOften),
        ];
        for (look, expected) in rows {
            assert_eq!(judge(look, now), expected, "{look:?}");
        }
    }
}
