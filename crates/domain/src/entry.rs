//! Who gets in: how an account stands, held against what somebody shows at the door. Every way in asks here, each time, as
//! the account stands then: what was harmless when it was linked may be an administrator's by now.

/// How an account stands, as far as it decides who gets in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Standing {
    /// It may not sign in: disabled, or softly deleted.
    pub is_disabled: bool,
    /// It may do more than its own: an administrator, a supporter, one with a rights set.
    pub is_privileged: bool,
    /// One factor is not enough.
    pub two_factor: bool,
    /// It has a phone that is known to be its own.
    pub has_verified_phone: bool,
}

/// What somebody shows at the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// The account's password.
    Password,
    /// The account's password, and a code to its verified phone or, in the Condo dialect, to its verified e-mail address.
    PasswordAndCode,
    /// The account's verified phone alone.
    Phone,
    /// The word of a partner (`docs/condo-contract.md` 1).
    Partner,
    /// The word of a partner, and the account's verified phone.
    PartnerAndPhone,
    /// A token of the issuer that the account belongs to (RFC 9068).
    Issuer,
}

/// What comes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// They are in.
    Open,
    /// Not by this alone: a code to an address as well that is known to be the account's. Beside a partner's word that is its
    /// phone.
    CodeToo,
    /// Not by this.
    Blocked(Blocked),
}

/// Why an account is not entered; for the audit record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocked {
    /// It may not sign in at all.
    Disabled,
    /// It may do more than its own, and no partner's word is enough for that.
    Privileged,
    /// It asks for a second factor, and this is not the way to show one.
    SecondFactor,
    /// It asks for a second factor, and has no phone to show.
    NoPhone,
}

impl Blocked {
    /// As the audit record has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disabled => "account_disabled",
            Self::Privileged => "privileged_account",
            Self::SecondFactor => "second_factor_missing",
            Self::NoPhone => "no_phone_for_second_factor",
        }
    }
}

impl Standing {
    /// Whether `means` let somebody in.
    pub fn judge(self, means: Means) -> Entry {
        if self.is_disabled {
            return Entry::Blocked(Blocked::Disabled);
        }
        let is_partners = matches!(means, Means::Partner | Means::PartnerAndPhone);
        if is_partners && self.is_privileged {
            return Entry::Blocked(Blocked::Privileged);
        }
        match means {
            // Who else an issuer wants to see is its own business.
            Means::PasswordAndCode | Means::PartnerAndPhone | Means::Issuer => Entry::Open,
            _ if !self.two_factor => Entry::Open,
            Means::Partner if !self.has_verified_phone => Entry::Blocked(Blocked::NoPhone),
            Means::Password | Means::Partner => Entry::CodeToo,
            Means::Phone => Entry::Blocked(Blocked::SecondFactor),
        }
    }

    /// Whether a partner's word alone opens it.
    pub fn opens_to_partners(self) -> bool {
        self.judge(Means::Partner) == Entry::Open
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEANS: [Means; 6] =
        [Means::Password, Means::PasswordAndCode, Means::Phone, Means::Partner, Means::PartnerAndPhone, Means::Issuer];

    #[test]
    fn standing_decides_at_every_door() {
        const YES: Entry = Entry::Open;
        const TOO: Entry = Entry::CodeToo;
        const DIS: Entry = Entry::Blocked(Blocked::Disabled);
        const PRI: Entry = Entry::Blocked(Blocked::Privileged);
        const SEC: Entry = Entry::Blocked(Blocked::SecondFactor);
        const NOP: Entry = Entry::Blocked(Blocked::NoPhone);
        // disabled, privileged, two factors, verified phone; then by which means.
        let rows = [
            ("    ", [YES, YES, YES, YES, YES, YES]),
            ("   v", [YES, YES, YES, YES, YES, YES]),
            (" p  ", [YES, YES, YES, PRI, PRI, YES]),
            (" p v", [YES, YES, YES, PRI, PRI, YES]),
            ("  t ", [TOO, YES, SEC, NOP, YES, YES]),
            ("  tv", [TOO, YES, SEC, TOO, YES, YES]),
            (" pt ", [TOO, YES, SEC, PRI, PRI, YES]),
            (" ptv", [TOO, YES, SEC, PRI, PRI, YES]),
            ("d   ", [DIS; 6]),
            ("dptv", [DIS; 6]),
        ];
        for (facts, expected) in rows {
            let standing = Standing {
                is_disabled: facts.contains('d'),
                is_privileged: facts.contains('p'),
                two_factor: facts.contains('t'),
                has_verified_phone: facts.contains('v'),
            };
            for (means, expected) in MEANS.into_iter().zip(expected) {
                assert_eq!(standing.judge(means), expected, "{facts:?} by {means:?}");
            }
            assert_eq!(standing.opens_to_partners(), standing.judge(Means::Partner) == YES);
        }
    }
}
