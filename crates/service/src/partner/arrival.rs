//! A person as a partner's userinfo describes them, on the way in.

use secrecy::SecretString;
use serde_json::Value;

use crate::condo_sessions::{SidHash, Ticket};
use crate::door::{self, Origin};
use domain::account::{AccountType, AddressKind};
use domain::event::Actor;
use domain::ids::{ClientId, Sid};
use domain::partner::Profile;
use domain::refusal::Refusal;
use domain::{Error, Result};
use settings::PartnerClient;

/// The parameter that brings the token of a confirmed address.
pub(super) const fn parameter(kind: AddressKind) -> &'static str {
    match kind {
        AddressKind::Email => "confirm_email_action_token",
        AddressKind::Phone => "confirm_phone_action_token",
    }
}

/// The tokens of confirmed addresses, as they came.
#[derive(Debug)]
pub struct Confirmed {
    /// `confirm_phone_action_token`
    pub phone: Param,
    /// `confirm_email_action_token`
    pub email: Param,
}

/// A parameter of the query.
#[derive(Debug)]
pub enum Param {
    /// Not there, or empty.
    Absent,
    /// There once.
    One(SecretString),
    /// There more than once.
    Repeated,
}

impl Param {
    pub(super) fn required(&self, name: &'static str) -> Result<&SecretString> {
        self.optional(name)?.ok_or_else(|| Error::refused(Refusal::MissingQueryParameter(name)))
    }

    pub(super) fn optional(&self, name: &'static str) -> Result<Option<&SecretString>> {
        match self {
            Self::Absent => Ok(None),
            Self::One(value) => Ok(Some(value)),
            Self::Repeated => Err(Error::refused(Refusal::InvalidParameter(name))),
        }
    }
}

/// A person as a partner's userinfo describes them.
pub(super) struct Arrival {
    pub(super) partner: String,
    pub(super) client_id: ClientId,
    pub(super) client: PartnerClient,
    pub(super) user_type: AccountType,
    pub(super) profile: Profile,
    pub(super) userinfo: Value,
    pub(super) confirmed: Confirmed,
    pub(super) origin: Origin,
    pub(super) old: Option<SidHash>,
    /// What makes the identity one user's.
    pub(super) key: String,
}

impl Arrival {
    pub(super) fn sid(&self) -> &Sid {
        &self.profile.sid
    }

    /// The token of a confirmed address, looked at only where one is wanted.
    pub(super) fn confirmed(&self, kind: AddressKind) -> Result<Option<&SecretString>> {
        let given = match kind {
            AddressKind::Email => &self.confirmed.email,
            AddressKind::Phone => &self.confirmed.phone,
        };
        given.optional(parameter(kind))
    }

    pub(super) fn actor(&self) -> Actor {
        Actor { client: Some(self.client_id.as_str().to_owned()), ..door::actor(&self.origin) }
    }
}

/// The outcome of one transaction.
pub(super) enum Step {
    /// Somebody is signed in.
    Done(Ticket),
    /// Another has changed meanwhile what it was about to build on; nothing is written.
    Again,
}
