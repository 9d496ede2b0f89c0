//! Tokens a provider gave us: what a grant holds, and when a token may be served.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;

/// What a provider granted at its token endpoint, in the clear: it lives only between the answer and the vault.
#[derive(Debug)]
pub struct Grant {
    /// The access token, as the provider wrote it.
    pub access_token: SecretString,
    /// The refresh token, if the answer had one. RFC 6749 §6: an answer without one keeps the old.
    pub refresh_token: Option<SecretString>,
    /// The scopes the answer states, if it does.
    pub scope: Option<String>,
    /// When the access token expires.
    pub expires: Expiry,
}

/// When an access token expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// At this moment.
    At(DateTime<Utc>),
    /// The provider did not say. Unknown is a state of its own, not zero: the token is served.
    Unknown,
}

impl Expiry {
    /// The expiry of a token obtained at `now` that lives for `seconds`. A lifetime that no calendar holds is unknown.
    pub fn after(now: DateTime<Utc>, seconds: i64) -> Self {
        TimeDelta::try_seconds(seconds).and_then(|life| now.checked_add_signed(life)).map_or(Self::Unknown, Self::At)
    }

    /// The moment, where it is known.
    pub fn known(self) -> Option<DateTime<Utc>> {
        match self {
            Self::At(moment) => Some(moment),
            Self::Unknown => None,
        }
    }
}

impl From<Option<DateTime<Utc>>> for Expiry {
    fn from(moment: Option<DateTime<Utc>>) -> Self {
        moment.map_or(Self::Unknown, Self::At)
    }
}

/// Whether a token that expires at `expires` may be handed out at `now`: only if *more* than `floor` is left.
pub fn is_above(expires: Expiry, now: DateTime<Utc>, floor: Duration) -> bool {
    match expires {
        Expiry::Unknown => true,
        Expiry::At(moment) => match TimeDelta::from_std(floor) {
            Ok(floor) => moment - now > floor,
            Err(_beyond_any_calendar) => false,
        },
    }
}
