//! What is looked up of a confirmation, and when a code and a day end.

use std::net::IpAddr;
use std::time::Duration;

use chrono::{DateTime, Days, NaiveTime, TimeDelta, Utc};
use sha2::{Digest as _, Sha256};

use crate::Parts;
use domain::account::AddressKind;
use domain::confirmation::{CODE_LIFETIME, Confirmation, Purpose};
use domain::refusal::Refusal;
use domain::{Error, Result};
use settings::Locale;
use store::confirm_phone_actions::find;

/// Who asks for a code.
#[derive(Clone, Copy, Debug)]
pub struct Asking {
    /// Where they are.
    pub ip: IpAddr,
    /// The language of the message.
    pub locale: Locale,
}

/// Which confirmation: the hash of its token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TokenHash(pub(super) Vec<u8>);

impl TokenHash {
    pub(crate) fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).to_vec())
    }

    /// As rows have it.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Of a token for this purpose; none of any other.
    pub(crate) fn parse(purpose: Purpose, token: &str) -> Option<Self> {
        token.starts_with(purpose.prefix()).then(|| Self::of(token))
    }
}

/// The confirmation of this token, if it can be used.
pub(super) async fn look_up(parts: &Parts, purpose: Purpose, token: &str) -> Result<Option<Confirmation>> {
    let Some(token_hash) = TokenHash::parse(purpose, token) else { return Ok(None) };
    let found = store::read!(parts.store, |conn| find(conn, &token_hash.0))?;
    Ok(found.filter(|found| found.is_live(parts.clock.now())))
}

pub(super) async fn live(parts: &Parts, purpose: Purpose, token: &str) -> Result<Confirmation> {
    look_up(parts, purpose, token).await?.ok_or_else(|| unknown(purpose))
}

pub(super) fn unknown(purpose: Purpose) -> Error {
    Error::refused(Refusal::UnableToFindConfirmAction(purpose.address_kind()))
}

/// What is said of an address that is none of its kind.
pub(super) fn not_one(kind: AddressKind) -> Error {
    Error::refused(match kind {
        AddressKind::Email => Refusal::WrongEmailValue,
        AddressKind::Phone => Refusal::WrongPhoneFormat,
    })
}

/// How long it is to the end of the calendar day, UTC.
pub(crate) fn to_midnight(parts: &Parts) -> Duration {
    let now = parts.clock.now();
    let midnight = (now.date_naive() + Days::new(1)).and_time(NaiveTime::MIN).and_utc();
    (midnight - now).to_std().unwrap_or_default()
}

/// When a code that is sent now ends.
pub(super) fn code_end(parts: &Parts) -> Result<DateTime<Utc>> {
    Ok(parts.clock.now() + TimeDelta::from_std(CODE_LIFETIME).map_err(Error::internal)?)
}
