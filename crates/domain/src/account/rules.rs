//! What an account may do and how it is entered: each rule once, for every way in.

use chrono::{DateTime, Utc};

use super::{Account, AccountType, Address, AddressKind, Claimed, Email, External, PasswordHash, Phone};
use crate::endings::Credentials;
use crate::entry::Standing;
use crate::ids::Subject;
use crate::name;

impl<A: PartialEq> Claimed<A> {
    /// The address `to` in place of `before`: another address was shown by nobody to be theirs.
    pub fn replaced(before: Option<Self>, to: Option<A>) -> Option<Self> {
        let address = to?;
        let verified = before.is_some_and(|before| before.verified && before.address == address);
        Some(Self { address, verified })
    }
}

impl Account {
    /// An account of which nothing is known but whose it is.
    pub fn bare(subject: Subject, account_type: AccountType, created: DateTime<Utc>) -> Self {
        Self {
            subject,
            account_type,
            issuer: None,
            name: None,
            email: None,
            phone: None,
            password_hash: None,
            is_admin: false,
            is_support: false,
            two_factor: false,
            rights_set: None,
            meta: "{}".to_owned(),
            external: External::default(),
            created,
            updated: None,
            disabled: None,
        }
    }

    /// Whether anybody may sign in as this account, or act for it.
    pub fn may_sign_in(&self) -> bool {
        self.disabled.is_none()
    }

    /// Whether the account may do more than its own: an administrator, a supporter, one with a rights set.
    pub fn is_privileged(&self) -> bool {
        self.is_admin || self.is_support || self.rights_set.is_some()
    }

    /// Whether an address alone never finds the account: a partner's word on the address does not open it.
    pub fn is_guarded(&self) -> bool {
        !self.standing().opens_to_partners()
    }

    /// The e-mail address, if it is known to be the user's own.
    pub fn verified_email(&self) -> Option<&Email> {
        self.email.as_ref().filter(|email| email.verified).map(|email| &email.address)
    }

    /// The phone number, if it is known to be the user's own.
    pub fn verified_phone(&self) -> Option<&Phone> {
        self.phone.as_ref().filter(|phone| phone.verified).map(|phone| &phone.address)
    }

    /// The address of this kind, whether it is known to be the user's own or not.
    pub fn address(&self, kind: AddressKind) -> Option<String> {
        match kind {
            AddressKind::Email => self.email.as_ref().map(|email| email.address.as_str().to_owned()),
            AddressKind::Phone => self.phone.as_ref().map(|phone| phone.address.as_str().to_owned()),
        }
    }

    /// Whether the account has this address, and it is known to be the user's own: then it is a login at our own page.
    pub fn has_verified(&self, address: &Address) -> bool {
        match address {
            Address::Email(email) => self.verified_email() == Some(email),
            Address::Phone(phone) => self.verified_phone() == Some(phone),
        }
    }

    /// Whether the address is a login in the Condo dialect: an e-mail address must be known to be the user's own, a phone
    /// number need not.
    pub fn is_condo_login(&self, address: &Address) -> bool {
        match address {
            Address::Email(email) => self.verified_email() == Some(email),
            Address::Phone(phone) => self.phone.as_ref().is_some_and(|own| own.address == *phone),
        }
    }

    /// The hash that a password is compared with: none if there is no password, or nobody may sign in.
    pub fn usable_password(&self) -> Option<&PasswordHash> {
        self.password_hash.as_ref().filter(|_| self.may_sign_in())
    }

    /// Why a password did not sign in, for the audit record.
    pub fn why_refused(&self) -> &'static str {
        match (self.may_sign_in(), &self.password_hash) {
            (false, _) => "account_disabled",
            (true, None) => "no_password",
            (true, Some(_)) => "wrong_password",
        }
    }

    /// Whether tokens of this issuer, whose users' ids begin with `prefix`, can stand for the account.
    pub fn is_of_issuer(&self, issuer: &str, prefix: &str) -> bool {
        self.issuer.as_deref() == Some(issuer) && self.subject.as_str().starts_with(prefix)
    }

    /// What the user is called on our pages: the name, else an address that is known to be theirs.
    pub fn called(&self) -> Option<String> {
        let address = || {
            let phone = || self.verified_phone().map(Phone::as_str);
            self.verified_email().map(Email::as_str).or_else(phone).map(str::to_owned)
        };
        self.name.as_deref().and_then(name::told).or_else(address)
    }

    /// The id and the addresses, none of which may be the password.
    pub fn own_names(&self) -> impl Iterator<Item = &str> {
        let email = self.email.as_ref().map(|email| email.address.as_str());
        let phone = self.phone.as_ref().map(|phone| phone.address.as_str());
        [Some(self.subject.as_str()), email, phone].into_iter().flatten()
    }

    /// How the account stands, for whoever wants in.
    pub fn standing(&self) -> Standing {
        Standing {
            is_disabled: !self.may_sign_in(),
            is_privileged: self.is_privileged(),
            two_factor: self.two_factor,
            has_verified_phone: self.verified_phone().is_some(),
        }
    }

    /// What the account is entered by, and what it opens.
    pub fn credentials(&self) -> Credentials {
        Credentials {
            password_hash: self.password_hash.clone(),
            email: self.email.clone(),
            phone: self.phone.clone(),
            two_factor: self.two_factor,
            rights: (self.is_admin, self.is_support, self.rights_set),
            is_disabled: !self.may_sign_in(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{Entry, Means};

    fn account() -> Account {
        Account::bare(Subject::parse("42-elle").unwrap(), AccountType::Resident, DateTime::UNIX_EPOCH)
    }

    fn email(verified: bool) -> Claimed<Email> {
        Claimed { address: Email::parse("elle@example.com").unwrap(), verified }
    }

    fn phone(verified: bool) -> Claimed<Phone> {
        Claimed { address: Phone::parse("+79991234567").unwrap(), verified }
    }

    fn disabled() -> Account {
        Account { disabled: Some(DateTime::UNIX_EPOCH), ..account() }
    }

    #[test]
    fn may_sign_in() {
        assert!(account().may_sign_in());
        assert!(!disabled().may_sign_in(), "since when makes no difference");
    }

    #[test]
    fn is_privileged() {
        assert!(!account().is_privileged());
        assert!(Account { is_admin: true, ..account() }.is_privileged());
        assert!(Account { is_support: true, ..account() }.is_privileged());
        assert!(Account { rights_set: Some(uuid::Uuid::nil()), ..account() }.is_privileged());
        let factors = Account { two_factor: true, phone: Some(phone(true)), ..account() };
        assert!(!factors.is_privileged(), "a second factor is no privilege");
    }

    #[test]
    fn is_guarded() {
        let rows = [
            (account(), false),
            (Account { phone: Some(phone(true)), email: Some(email(true)), ..account() }, false),
            (Account { is_admin: true, ..account() }, true),
            (Account { is_support: true, ..account() }, true),
            (Account { rights_set: Some(uuid::Uuid::nil()), ..account() }, true),
            (Account { two_factor: true, ..account() }, true),
            (Account { two_factor: true, phone: Some(phone(true)), ..account() }, true),
            (disabled(), true),
        ];
        for (account, expected) in rows {
            assert_eq!(account.is_guarded(), expected, "{account:?}");
        }
    }

    #[test]
    fn verified_email_and_verified_phone() {
        for (claimed, is_own) in [(None, false), (Some(false), false), (Some(true), true)] {
            let elle = Account { email: claimed.map(email), phone: claimed.map(phone), ..account() };
            assert_eq!(elle.verified_email().map(Email::as_str), is_own.then_some("elle@example.com"));
            assert_eq!(elle.verified_phone().map(Phone::as_str), is_own.then_some("+79991234567"));
            assert_eq!(elle.standing().has_verified_phone, is_own);
        }
    }

    #[test]
    fn has_verified_and_is_condo_login() {
        let address = |email: &str| Address::Email(Email::parse(email).unwrap());
        let number = |number: &str| Address::Phone(Phone::parse(number).unwrap());
        let claimed = Account { email: Some(email(false)), phone: Some(phone(false)), ..account() };
        let verified = Account { email: Some(email(true)), phone: Some(phone(true)), ..account() };
        let rows = [
            (address("elle@example.com"), [(false, false), (false, false), (true, true)]),
            (address("paul@example.com"), [(false, false); 3]),
            (number("+79991234567"), [(false, false), (false, true), (true, true)]),
            (number("+79991234568"), [(false, false); 3]),
        ];
        for (address, expected) in rows {
            for (account, expected) in [&account(), &claimed, &verified].into_iter().zip(expected) {
                assert_eq!((account.has_verified(&address), account.is_condo_login(&address)), expected, "{address}");
            }
        }
    }

    #[test]
    fn usable_password_and_why_refused() {
        let hash = PasswordHash::new("$argon2id$x");
        let with = |account| Account { password_hash: Some(hash.clone()), ..account };
        let rows = [
            (account(), None, "no_password"),
            (with(account()), Some(&hash), "wrong_password"),
            (disabled(), None, "account_disabled"),
            (with(disabled()), None, "account_disabled"),
        ];
        for (account, usable, why) in rows {
            assert_eq!((account.usable_password(), account.why_refused()), (usable, why));
            assert!(!format!("{account:?} {:?}", account.credentials()).contains("argon2id"), "Debug shows the hash");
        }
    }

    #[test]
    fn is_of_issuer() {
        let theirs = Account { issuer: Some("https://id.example".to_owned()), ..account() };
        assert!(theirs.is_of_issuer("https://id.example", "42-"));
        assert!(!theirs.is_of_issuer("https://id.example", "43-"));
        assert!(!theirs.is_of_issuer("https://id.example/", "42-"), "letter by letter");
        assert!(!account().is_of_issuer("https://id.example", "42-"));
    }

    #[test]
    fn called() {
        let called = |name: Option<&str>, email, phone| {
            Account { name: name.map(str::to_owned), email, phone, ..account() }.called()
        };
        assert_eq!(called(Some("Elle"), Some(email(true)), Some(phone(true))).as_deref(), Some("Elle"));
        assert_eq!(called(None, Some(email(true)), Some(phone(true))).as_deref(), Some("elle@example.com"));
        assert_eq!(called(Some(" "), Some(email(false)), Some(phone(true))).as_deref(), Some("+79991234567"));
        assert_eq!(
            called(None, Some(email(false)), Some(phone(false))),
            None,
            "what nobody has shown to be theirs names nobody"
        );
    }

    #[test]
    fn own_names() {
        let elle = Account { email: Some(email(false)), phone: Some(phone(true)), ..account() };
        assert_eq!(elle.own_names().collect::<Vec<_>>(), ["42-elle", "elle@example.com", "+79991234567"]);
        assert_eq!(account().own_names().collect::<Vec<_>>(), ["42-elle"]);
    }

    #[test]
    fn replaced() {
        let (own, other) = (|| Phone::parse("+79991234567").unwrap(), || Phone::parse("+79990000000").unwrap());
        assert_eq!(Claimed::replaced(Some(phone(true)), Some(own())), Some(phone(true)));
        assert_eq!(Claimed::replaced(Some(phone(false)), Some(own())), Some(phone(false)));
        let unverified = Some(Claimed { address: other(), verified: false });
        assert_eq!(Claimed::replaced(Some(phone(true)), Some(other())), unverified);
        assert_eq!(Claimed::replaced(None, Some(other())), unverified);
        assert_eq!(Claimed::replaced(Some(phone(true)), None), None);
    }

    #[test]
    fn standing_is_what_the_doors_ask() {
        assert_eq!(disabled().standing().judge(Means::Password), Entry::Blocked(crate::entry::Blocked::Disabled));
        let admin = Account { is_admin: true, ..account() };
        assert_eq!(admin.standing().judge(Means::Password), Entry::Open);
        let factors = Account { two_factor: true, phone: Some(phone(false)), ..account() };
        assert_eq!(factors.standing().judge(Means::Password), Entry::CodeToo);
    }
}
