//! A link's tokens as they are kept: sealed, with what is known of them.

use chrono::{DateTime, Utc};

use super::expiry::{Ends, Expiry, Lifetime};
use super::ids::{LinkId, ProviderId, Sid, Subject};
use super::link::Health;

/// Who a token set belongs to: what its ciphertexts are bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkOwner {
    /// The owner of the link.
    pub subject: Subject,
    /// At which provider.
    pub provider: ProviderId,
    /// Which account there.
    pub sid: Sid,
}

/// What handing out an access token needs of a link: no more, since this is the hot path.
#[derive(Debug)]
pub struct ServingSet {
    /// The link.
    pub link: LinkId,
    /// Which account at the provider.
    pub sid: Sid,
    /// The key that wraps the set's own.
    pub key_id: String,
    /// The set's own key, wrapped.
    pub wrapped_key: Vec<u8>,
    /// The access token, sealed.
    pub sealed_access: Option<Vec<u8>>,
    /// Whether there is a refresh token.
    pub has_refresh: bool,
    /// When the access token expires, as stated.
    pub expires: Option<DateTime<Utc>>,
    /// When the provider gave the set.
    pub obtained: Option<DateTime<Utc>>,
    /// When it was imported.
    pub imported: Option<DateTime<Utc>>,
    /// Whether it can be refreshed.
    pub health: Health,
    /// Until when the provider is to be left alone, by the clock that leases go by.
    pub retry_at: Option<DateTime<Utc>>,
    /// Counts what was written.
    pub version: i64,
}

impl ServingSet {
    /// When the access token expires; `lifetime` is what the settings say of the provider's.
    pub fn expiry(&self, lifetime: Option<Lifetime>) -> Expiry {
        Expiry::read(self.expires, self.obtained.or(self.imported), lifetime)
    }
}

/// A token set as a writer finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenSet {
    /// The link.
    pub link: LinkId,
    /// The key that wraps the set's own.
    pub key_id: String,
    /// The set's own key, wrapped.
    pub wrapped_key: Vec<u8>,
    /// The access token, sealed.
    pub sealed_access: Option<Vec<u8>>,
    /// The refresh token, sealed.
    pub sealed_refresh: Option<Vec<u8>>,
    /// What goes along with the refresh token, sealed.
    pub sealed_params: Option<Vec<u8>>,
    /// The scopes that the provider stated.
    pub scope: Option<String>,
    /// When the tokens end.
    pub ends: Ends,
    /// Counts what was written.
    pub version: i64,
    /// Whether the set can be refreshed.
    pub health: Health,
    /// Since when that is so.
    pub health_since: Option<DateTime<Utc>>,
    /// Until when the provider is to be left alone.
    pub retry_at: Option<DateTime<Utc>>,
    /// How many refreshes have failed in passing, one after the other.
    pub failures: i32,
    /// Whether the provider refuses the access token, which is handed out no more.
    pub rejected: bool,
}

/// What is written over a set.
#[derive(Clone, Debug, Default)]
pub struct NewTokens {
    /// The access token, sealed.
    pub sealed_access: Option<Vec<u8>>,
    /// The refresh token, sealed.
    pub sealed_refresh: Option<Vec<u8>>,
    /// What goes along with the refresh token, sealed.
    pub sealed_params: Option<Vec<u8>>,
    /// The scopes that the provider stated.
    pub scope: Option<String>,
    /// When the tokens end.
    pub ends: Ends,
    /// The version that it becomes.
    pub version: i64,
}

/// What a provider has handed on with a link's tokens, sealed.
#[derive(Debug)]
pub struct HandedOn {
    /// The link.
    pub link: LinkId,
    /// The key that wraps the set's own.
    pub key_id: String,
    /// The set's own key, wrapped.
    pub wrapped_key: Vec<u8>,
    /// What came with the grant.
    pub sealed_params: Vec<u8>,
    /// Of which writing of the set it is.
    pub version: i64,
}

/// A token set that may be due for a refresh before anybody asks.
#[derive(Clone, Debug)]
pub struct StaleSet {
    /// The link.
    pub link: LinkId,
    /// At which provider; `None` if the name can be no provider's: one such row keeps no others from their turn.
    pub provider: Option<ProviderId>,
    /// Counts what was written.
    pub version: i64,
    /// When the access token expires, as stated.
    pub expires: Option<DateTime<Utc>>,
    /// When the provider gave the set.
    pub obtained: Option<DateTime<Utc>>,
    /// When it was imported.
    pub imported: Option<DateTime<Utc>>,
    /// When the token was last handed out.
    pub last_used: Option<DateTime<Utc>>,
}

impl StaleSet {
    /// Since when the set has been there.
    pub fn since(&self) -> Option<DateTime<Utc>> {
        self.obtained.or(self.imported)
    }
}

/// A token set that was marked dead: its refresh token is refused, or lost.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct DeadSet {
    /// The link.
    pub link: LinkId,
    /// The owner of the link.
    pub subject: String,
    /// At which provider; `None` if the name can be no provider's: one such row keeps no others from their turn.
    pub provider: Option<ProviderId>,
    /// Which account there.
    pub sid: String,
    /// Counts what was written.
    pub version: i64,
    /// What it is marked with.
    pub health: Health,
    /// Whether there is a refresh token still.
    pub has_refresh: bool,
    /// When something is to be done or told about it.
    pub notice: Option<DateTime<Utc>>,
    /// Whether the provider is to be asked once more.
    pub second_look: bool,
    /// Whether a process of ours lost the answer.
    pub abandoned: bool,
    /// Whether it was told that the user has to consent again.
    pub told: bool,
    /// The provider's word for why, if it is among the known ones.
    pub refused_word: Option<String>,
}
