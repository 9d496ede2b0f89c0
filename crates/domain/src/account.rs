//! A subject we hold a record of: what kind of user it is, under which addresses it signs in, which passwords it may have.

mod rules;

use std::fmt;

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use uuid::Uuid;

pub use super::address::AddressKind;
use super::error::{Error, Result};
use super::ids::Subject;
use super::link::stored_as;

/// What kind of user an account is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountType {
    /// An employee.
    Staff,
    /// A customer.
    Resident,
    /// A program.
    Service,
}

stored_as!(AccountType { Staff => "staff", Resident => "resident", Service => "service" });

impl AccountType {
    /// Every kind, in the order in which an address that several have is tried at sign-in.
    pub const ALL: [Self; 3] = [Self::Staff, Self::Resident, Self::Service];
}

/// The longest e-mail address there is, in bytes (RFC 5321 §4.5.3.1.3, less the angle brackets).
const EMAIL_LIMIT: usize = 254;

/// An e-mail address in small letters: two that differ in case alone are one mailbox wherever it matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// Reads an address as people write it, blanks around it dropped: one `@` with something before and after it, and
    /// neither blanks nor control characters within.
    pub fn parse(text: &str) -> Result<Self> {
        let address = text.trim().to_lowercase();
        let is_shaped = matches!(address.split_once('@'), Some((user, host)) if !user.is_empty() && !host.is_empty() && !host.contains('@'));
        if !is_shaped || address.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(Error::input("email", "must be an address such as elle@example.com"));
        }
        if address.len() > EMAIL_LIMIT {
            return Err(Error::input(
                "email",
                format!("has {} bytes, at most {EMAIL_LIMIT} are allowed", address.len()),
            ));
        }
        Ok(Self(address))
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A phone number in the form of E.164: `+` and 7 to 15 digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phone(String);

impl Phone {
    /// Reads a number with its country's code as people write it: blanks, hyphens and parentheses are dropped.
    pub fn parse(text: &str) -> Result<Self> {
        let number: String = text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '(' | ')')).collect();
        let is_number = number
            .strip_prefix('+')
            .is_some_and(|digits| (7..=15).contains(&digits.len()) && digits.chars().all(|c| c.is_ascii_digit()));
        if is_number {
            Ok(Self(number))
        } else {
            Err(Error::input("phone", "must be + and 7 to 15 digits, country code first, such as +79991234567"))
        }
    }

    /// The number.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a person names themselves by at sign-in: an id, or an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// What was typed, without blanks around it: an id, if it is one.
    pub text: String,
    /// The address that it is as well.
    pub address: Option<Address>,
}

/// An address at which somebody is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// An e-mail address.
    Email(Email),
    /// A phone number.
    Phone(Phone),
}

impl Address {
    /// The address.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Email(email) => email.as_str(),
            Self::Phone(phone) => phone.as_str(),
        }
    }

    /// Its kind.
    pub fn kind(&self) -> AddressKind {
        match self {
            Self::Email(_) => AddressKind::Email,
            Self::Phone(_) => AddressKind::Phone,
        }
    }
}

impl Login {
    /// Takes whatever was typed: what is neither an id nor an address is nobody's.
    pub fn new(typed: &str) -> Self {
        let email = || Email::parse(typed).map(Address::Email);
        let address = Phone::parse(typed).map(Address::Phone).or_else(|_no_phone| email()).ok();
        Self { text: typed.trim().to_owned(), address }
    }

    /// The one way to write it: the same for everything that names the same account by the same address.
    pub fn normal(&self) -> &str {
        self.address.as_ref().map_or(&self.text, Address::as_str)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An address that an account has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed<A> {
    /// The address.
    pub address: A,
    /// Whether it is known to be the user's own: only then does it sign anybody in.
    pub verified: bool,
}

/// A password's hash, as a PHC string. `Debug` does not show it.
#[derive(Clone, Debug)]
pub struct PasswordHash(SecretString);

impl PasswordHash {
    /// Takes a hash as it is stored.
    pub fn new(stored: impl Into<SecretString>) -> Self {
        Self(stored.into())
    }

    /// The hash as it is stored.
    pub fn as_str(&self) -> &str {
        self.0.expose_secret()
    }
}

impl PartialEq for PasswordHash {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for PasswordHash {}

/// What a partner told when it made an account; kept as it was told, and nothing is decided by it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct External {
    /// The partner's name.
    pub system: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// Whether the partner knew it to be the user's own.
    pub email_verified: bool,
    /// The phone number.
    pub phone: Option<String>,
    /// Whether the partner knew it to be the user's own.
    pub phone_verified: bool,
}

/// An account. What it may do and how it is entered are the methods of `account::rules`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The subject: the id that callers name.
    pub subject: Subject,
    /// What kind of user it is.
    pub account_type: AccountType,
    /// The issuer whose tokens stand for the user; none if the account is ours alone.
    pub issuer: Option<String>,
    /// The user's name.
    pub name: Option<String>,
    /// The user's e-mail address.
    pub email: Option<Claimed<Email>>,
    /// The user's phone number.
    pub phone: Option<Claimed<Phone>>,
    /// What a password is compared with; without one no password signs in.
    pub password_hash: Option<PasswordHash>,
    /// Whether the user sees and changes everything in the Condo dialect.
    pub is_admin: bool,
    /// Whether the user sees everything there.
    pub is_support: bool,
    /// Whether one factor is not enough.
    pub two_factor: bool,
    /// The rights set that an administrator granted.
    pub rights_set: Option<Uuid>,
    /// Notes of partners and administrators: a JSON object, as text.
    pub meta: String,
    /// What the partner told that made the account.
    pub external: External,
    /// When it was made.
    pub created: DateTime<Utc>,
    /// When an administrator or a partner changed it last.
    pub updated: Option<DateTime<Utc>>,
    /// Since when it may not sign in: disabled, or softly deleted. Ask [`Account::may_sign_in`].
    pub disabled: Option<DateTime<Utc>>,
}

/// How short and how long a password may be, in characters (NIST SP 800-63B §5.1.1.2 asks for at least 8, and to take 64).
const PASSWORD_LENGTH: std::ops::RangeInclusive<usize> = 8..=256;

/// Refuses a password that must not be set: too short, too long, one that no field of a form can hold, or one that is the
/// account's id or address, which `own` lists. Nothing is said of the characters it must have: that makes them no better.
pub fn check_password<'a>(password: &str, own: impl IntoIterator<Item = &'a str>) -> Result<()> {
    let (least, most) = (PASSWORD_LENGTH.start(), PASSWORD_LENGTH.end());
    if !PASSWORD_LENGTH.contains(&password.chars().count()) {
        return Err(Error::input("password", format!("must have from {least} to {most} characters")));
    }
    if password.chars().any(char::is_control) {
        return Err(Error::input("password", "must not have control characters"));
    }
    let lower = password.to_lowercase();
    if own.into_iter().any(|own| own.to_lowercase() == lower) {
        return Err(Error::input("password", "must not be the account's id, e-mail address or phone number"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_email_address_is_trimmed_and_small() {
        let long = |length: usize| format!("{}@example.com", "a".repeat(length - "@example.com".len()));
        let rows = [
            (" Elle.Woods@Example.COM ", Some("elle.woods@example.com")),
            ("ЭЛЛА@Почта.рф", Some("элла@почта.рф")),
            ("a@b", Some("a@b")),
            ("", None),
            ("elle", None),
            ("@example.com", None),
            ("elle@", None),
            ("elle@b@example.com", None),
            ("elle woods@example.com", None),
            ("elle\u{0}@example.com", None),
            ("elle@example.com\r\nBcc: x", None),
        ];
        for (typed, expected) in rows {
            assert_eq!(Email::parse(typed).ok().as_ref().map(Email::as_str), expected, "{typed:?}");
        }
        assert!(Email::parse(&long(254)).is_ok());
        assert!(Email::parse(&long(255)).is_err());
    }

    #[test]
    fn a_phone_number_is_bare() {
        let rows = [
            ("+7 (999) 123-45-67", Some("+79991234567")),
            ("+1234567", Some("+1234567")),
            ("+123456789012345", Some("+123456789012345")),
            ("+123456", None),
            ("+1234567890123456", None),
            ("79991234567", None),
            ("+7999123456a", None),
            ("+٧٩٩٩١٢٣٤٥", None),
            ("++79991234567", None),
            ("", None),
        ];
        for (typed, expected) in rows {
            assert_eq!(Phone::parse(typed).ok().as_ref().map(Phone::as_str), expected, "{typed:?}");
        }
    }

    #[test]
    fn every_way_to_write_a_login_is_one() {
        for typed in ["Elle@Example.com", " elle@example.com", "ELLE@EXAMPLE.COM\t"] {
            assert_eq!(Login::new(typed).normal(), "elle@example.com");
        }
        for typed in ["+7 999 123 45 67", "+7(999)1234567"] {
            assert_eq!(Login::new(typed).normal(), "+79991234567");
        }
        assert_eq!(Login::new(" Elle ").normal(), "Elle", "ids are compared letter by letter");
        assert_ne!(Login::new("elle"), Login::new("Elle"));
    }

    #[test]
    fn a_password_is_long_enough_and_nobodys_name() {
        let own = ["42-elle-woods", "elle@example.com", "+79991234567"];
        let (most, more) = ("я".repeat(256), "я".repeat(257));
        for good in ["12345678", "correct horse battery", "пароль-пароль", &most, "        "] {
            check_password(good, own).unwrap_or_else(|error| panic!("{good:?}: {error}"));
        }
        for bad in ["", "1234567", "пароль!", &more, "Elle@Example.com", "42-ELLE-woods", "+79991234567", "12345\n678"]
        {
            let error = check_password(bad, own).expect_err(bad).to_string();
            assert!(error.starts_with("password must"), "{bad:?}: {error}");
        }
    }
}
