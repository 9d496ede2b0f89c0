//! By which ways the user of an account comes in. A partner's link is one of them, and to remove the last would lock its user
//! out: the next sign-in with the partner's token would make a second account.

/// What of an account says whether its user comes in without a partner. Whether it is disabled is no part of it: that ends,
/// and meanwhile the link keeps who is shut out from coming back as somebody else. For the same reason an administrator's
/// partner link counts, though it opens nothing for as long as they are one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct WaysIn {
    /// It has a password. At our own page the id is a login, so it takes no address.
    pub password: bool,
    /// It takes a second factor beside the password.
    pub two_factor: bool,
    /// It has a phone number that is known to be its user's own, and codes can be sent.
    pub codes: bool,
    /// It has an e-mail address that is known to be its user's own, and codes can be sent there: a second factor, in the Condo
    /// dialect, and no way in by itself.
    pub email_codes: bool,
    /// It belongs to an issuer that is configured, and whose tokens can be for it.
    pub issuer: bool,
    /// It has another link, proven, of a partner that is configured.
    pub other_link: bool,
}

impl WaysIn {
    /// Whether the user comes in without the link that is about to go.
    pub fn any_is_left(self) -> bool {
        // A second factor is a code, and a code alone is none.
        let by_password = self.password && (!self.two_factor || self.codes || self.email_codes);
        let by_code = self.codes && !self.two_factor;
        by_password || by_code || self.issuer || self.other_link
    }
}

/// Whether a link is removed even if it is the user's last way in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Force {
    /// They have said so.
    Yes,
    /// They have not.
    No,
}

/// What becomes of a link that somebody wants removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// It goes.
    Allowed,
    /// It goes, though nothing else lets its user in: the record says so.
    Forced,
    /// It stays.
    Refused,
}

/// Decides about the link of an account with these ways in. `lets_in`: it is itself one, proven and of a configured partner;
/// any other takes none away.
pub fn removal(lets_in: bool, left: WaysIn, force: Force) -> Removal {
    match force {
        _ if !lets_in || left.any_is_left() => Removal::Allowed,
        Force::Yes => Removal::Forced,
        Force::No => Removal::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_last_way_in_is_kept() {
        let none = WaysIn::default();
        let rows = [
            (none, false),
            (WaysIn { two_factor: true, ..none }, false),
            (WaysIn { password: true, ..none }, true),
            (WaysIn { password: true, two_factor: true, ..none }, false),
            (WaysIn { password: true, two_factor: true, codes: true, ..none }, true),
            (WaysIn { password: true, two_factor: true, email_codes: true, ..none }, true),
            (WaysIn { email_codes: true, ..none }, false),
            (WaysIn { email_codes: true, two_factor: true, ..none }, false),
            (WaysIn { codes: true, ..none }, true),
            (WaysIn { codes: true, two_factor: true, ..none }, false),
            (WaysIn { issuer: true, ..none }, true),
            (WaysIn { issuer: true, two_factor: true, ..none }, true),
            (WaysIn { other_link: true, ..none }, true),
            (WaysIn { other_link: true, two_factor: true, ..none }, true),
        ];
        for (left, is_left) in rows {
            assert_eq!(left.any_is_left(), is_left, "{left:?}");
            let kept = if is_left { Removal::Allowed } else { Removal::Refused };
            assert_eq!(removal(true, left, Force::No), kept, "{left:?}");
            let insisted = if is_left { Removal::Allowed } else { Removal::Forced };
            assert_eq!(removal(true, left, Force::Yes), insisted, "{left:?}");
            for force in [Force::No, Force::Yes] {
                assert_eq!(removal(false, left, force), Removal::Allowed, "it lets nobody in: {left:?}");
            }
        }
    }
}
