//! Who a person is at a first sign-in with a partner's token: an account there is, or a new one, and what it gets.

use super::fields::Profile;
use crate::account::{Account, Claimed};
use crate::ids::Subject;

/// Which of a partner's addresses are believed to be their person's own. It takes two: the partner and its client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    /// Phone numbers.
    pub phone: bool,
    /// E-mail addresses.
    pub email: bool,
}

/// How an account has an address of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Not at all.
    Absent,
    /// As a claim.
    Unverified,
    /// As its own.
    Verified,
}

/// An account that has an address of the profile's, of the user type that signs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The account.
    pub subject: Subject,
    /// Whether it has a name.
    pub is_named: bool,
    /// How it has its phone number.
    pub phone: Standing,
    /// How it has its e-mail address.
    pub email: Standing,
    /// Whether a partner's word alone opens it, as it stands (`domain::entry`).
    pub opens_to_partners: bool,
    /// Whether it is deleted: it keeps its addresses, and nobody is it.
    pub is_deleted: bool,
}

impl Standing {
    fn of<A>(address: Option<&Claimed<A>>) -> Self {
        match address {
            None => Self::Absent,
            Some(claimed) if claimed.verified => Self::Verified,
            Some(_) => Self::Unverified,
        }
    }
}

impl Holder {
    /// The account as a first sign-in sees it.
    pub fn of(account: &Account) -> Self {
        Self {
            subject: account.subject.clone(),
            is_named: account.name.as_ref().is_some_and(|name| !name.trim().is_empty()),
            phone: Standing::of(account.phone.as_ref()),
            email: Standing::of(account.email.as_ref()),
            opens_to_partners: !account.is_guarded(),
            is_deleted: !account.may_sign_in(),
        }
    }
}

/// Who has the profile's addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holders {
    /// The phone number.
    pub phone: Option<Holder>,
    /// The e-mail address.
    pub email: Option<Holder>,
}

/// What becomes of one address of the profile's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placing {
    /// Who loses it; it never was verified there.
    pub taken_from: Option<Subject>,
    /// Whether the user gets it, and then whether as verified.
    pub given: Option<bool>,
}

/// What a first sign-in changes, beside making the link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Who signs in: an account there is; `None`: a new one.
    pub user: Option<Subject>,
    /// Whether the user gets the profile's name.
    pub takes_name: bool,
    /// The phone number.
    pub phone: Placing,
    /// The e-mail address.
    pub email: Placing,
}

/// Decides who a person is whose identity nobody has yet. A verified address that is trusted finds its account, the phone
/// number first; else there is a new one. An unverified holder loses an address to the user, a verified one never.
pub fn plan(profile: &Profile, trust: Trust, holders: &Holders) -> Plan {
    let phone = profile.phone.as_ref().map(|_| Stated {
        is_trusted: trust.phone,
        is_verified: profile.phone_verified,
        holder: holders.phone.as_ref().map(|holder| (holder, holder.phone)),
    });
    let email = profile.email.as_ref().map(|_| Stated {
        is_trusted: trust.email,
        is_verified: profile.email_verified,
        holder: holders.email.as_ref().map(|holder| (holder, holder.email)),
    });
    let fill =
        |stated: Option<Stated<'_>>, user: &Holder, own| stated.map_or_else(Placing::default, |s| s.fill(user, own));
    let found = |user: &Holder| (Some(user.subject.clone()), !user.is_named && profile.name.is_some());
    if let Some(user) = phone.and_then(Stated::finds) {
        let (user_found, takes_name) = found(user);
        return Plan { user: user_found, takes_name, phone: Placing::default(), email: fill(email, user, user.email) };
    }
    if let Some(user) = email.and_then(Stated::finds) {
        let (user_found, takes_name) = found(user);
        return Plan { user: user_found, takes_name, phone: fill(phone, user, user.phone), email: Placing::default() };
    }
    Plan {
        user: None,
        takes_name: profile.name.is_some(),
        phone: phone.map_or_else(Placing::default, Stated::begin),
        email: email.map_or_else(Placing::default, Stated::begin),
    }
}

/// An address that a profile states, and who has it here, in which way.
#[derive(Clone, Copy)]
struct Stated<'a> {
    is_trusted: bool,
    is_verified: bool,
    holder: Option<(&'a Holder, Standing)>,
}

impl<'a> Stated<'a> {
    /// Whether it is known to be the person's own.
    fn is_proof(self) -> bool {
        self.is_trusted && self.is_verified
    }

    /// The account that it opens.
    fn finds(self) -> Option<&'a Holder> {
        let (holder, standing) = self.holder?;
        let is_open = standing == Standing::Verified && holder.opens_to_partners && !holder.is_deleted;
        (self.is_proof() && is_open).then_some(holder)
    }

    /// What a new account gets. A trusted partner's word, though it be of an unverified address, is above a mere claim.
    fn begin(self) -> Placing {
        match self.holder {
            None => Placing { taken_from: None, given: Some(self.is_proof()) },
            Some((holder, Standing::Unverified)) if self.is_trusted => self.take_from(holder),
            Some(_) => Placing::default(),
        }
    }

    /// What an account gets that was found by the other address, and has its own of this kind as `own`.
    fn fill(self, user: &Holder, own: Standing) -> Placing {
        // A verified address is never lost, nor is it to a newer one.
        if own == Standing::Verified {
            return Placing::default();
        }
        match self.holder {
            None => Placing { taken_from: None, given: Some(self.is_proof()) },
            Some((holder, Standing::Unverified)) if holder.subject != user.subject => self.take_from(holder),
            Some(_) => Placing::default(),
        }
    }

    fn take_from(self, holder: &Holder) -> Placing {
        // Nobody signs in as a deleted account, but it may come back.
        if holder.is_deleted {
            return Placing::default();
        }
        Placing { taken_from: Some(holder.subject.clone()), given: Some(self.is_proof()) }
    }
}
