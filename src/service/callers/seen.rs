//! Tokens that were found good lately, so that one which is used a lot is not looked up for every call.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ahash::RandomState;
use chrono::{DateTime, Utc};
use moka::sync::Cache;
use sha2::{Digest as _, Sha256};

use domain::caller::Caller;
use domain::ids::{ClientId, Subject};
use domain::scope::Scope;

/// How long a token that was checked is believed without another look; a revocation here is immediate all the same.
const SEEN_FOR: Duration = Duration::from_secs(10);
/// Tokens believed at once.
const SEEN_AT_MOST: u64 = 10_000;

/// What a token is known by: its SHA-256.
pub(in crate::service) type TokenHash = [u8; 32];

/// What a token is known by.
pub(in crate::service) fn hash(token: &str) -> TokenHash {
    Sha256::digest(token.as_bytes()).into()
}

/// How long the signature of an issuer's token is believed without another look.
pub(super) const VERIFIED_FOR: Duration = Duration::from_mins(1);

/// What a token was verified for. What was found for one purpose is never found for another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::service) enum Purpose {
    /// To call us (RFC 6750).
    Bearer,
    /// To be exchanged by this client, whose audience it has (RFC 8693).
    Subject(ClientId),
    /// To say that this client calls (RFC 7523 §2.2), as what its platform gave it.
    Workload(ClientId),
}

/// By what a token is remembered.
pub(in crate::service) type Key = (Purpose, TokenHash);

/// Tokens that were found good lately, by what for and by hash.
pub struct TokensSeen {
    seen: Cache<Key, Arc<Seen>, RandomState>,
    verified: Cache<Key, Arc<Verified>, RandomState>,
    revocations: AtomicU64,
}

/// What an issuer has signed, and until when that is believed.
pub(super) struct Verified {
    pub(super) issuer: String,
    pub(super) client: ClientId,
    pub(super) subject: Option<Subject>,
    pub(super) scopes: Vec<Scope>,
    /// Whether the client may act with it (RFC 8693 §4.4).
    pub(super) lets_client_act: bool,
    /// Who acts with it, if it says so (RFC 8693 §4.1).
    pub(super) actor: Option<String>,
    pub(super) expires: DateTime<Utc>,
    pub(super) until: DateTime<Utc>,
    /// Of which settings this is the judgement.
    pub(super) decided: u64,
}

/// What a good token says.
pub(in crate::service) struct Seen {
    pub(in crate::service) client: ClientId,
    pub(in crate::service) subject: Option<Subject>,
    pub(in crate::service) scopes: Vec<Scope>,
    /// Whether the client may act with it (RFC 8693 §4.4).
    pub(in crate::service) lets_client_act: bool,
    /// Who acts with it, if it says so (RFC 8693 §4.1).
    pub(in crate::service) actor: Option<String>,
    pub(in crate::service) expires: DateTime<Utc>,
    /// Of which settings this is the judgement; other settings judge anew.
    pub(in crate::service) decided: u64,
    /// Who calls with it, once it was found by these settings.
    pub(in crate::service) caller: OnceLock<Arc<Caller>>,
}

impl Default for TokensSeen {
    fn default() -> Self {
        let seen = Cache::builder().max_capacity(SEEN_AT_MOST).time_to_live(SEEN_FOR);
        let verified = Cache::builder().max_capacity(SEEN_AT_MOST).time_to_live(VERIFIED_FOR);
        let (seen, verified) =
            (seen.build_with_hasher(RandomState::new()), verified.build_with_hasher(RandomState::new()));
        Self { seen, verified, revocations: AtomicU64::new(0) }
    }
}

impl TokensSeen {
    /// What was found lately by these settings.
    pub(in crate::service) fn get(&self, key: &Key, decided: u64) -> Option<Arc<Seen>> {
        self.seen.get(key).filter(|seen| seen.decided == decided)
    }

    pub(super) fn verified(&self, key: &Key, decided: u64, now: DateTime<Utc>) -> Option<Arc<Verified>> {
        self.verified.get(key).filter(|verified| verified.until > now && verified.decided == decided)
    }

    pub(super) fn remember_verified(&self, key: Key, verified: &Arc<Verified>) {
        self.verified.insert(key, Arc::clone(verified));
    }

    /// How many revocations there have been here.
    pub(in crate::service) fn revocations(&self) -> u64 {
        self.revocations.load(Ordering::SeqCst)
    }

    /// Remembers a token that was read when there had been so many revocations; not if there was one since, which may
    /// have been its own.
    pub(in crate::service) fn remember(&self, key: &Key, seen: &Arc<Seen>, revocations_then: u64) {
        self.seen.insert(key.clone(), Arc::clone(seen));
        if self.revocations() != revocations_then {
            self.seen.invalidate(key);
        }
    }

    /// Believes these tokens of ours no longer: they are revoked, and the database knows.
    pub(in crate::service) fn forget<'a>(&self, hashes: impl IntoIterator<Item = &'a [u8]>) {
        self.revocations.fetch_add(1, Ordering::SeqCst);
        for hash in hashes {
            if let Ok(hash) = TokenHash::try_from(hash) {
                self.seen.invalidate(&(Purpose::Bearer, hash));
            }
        }
    }

    /// Believes no token any longer that was issued for this user.
    pub(in crate::service) fn forget_subject(&self, subject: &Subject) {
        self.revocations.fetch_add(1, Ordering::SeqCst);
        for (key, _) in self.seen.iter().filter(|(_, seen)| seen.subject.as_ref() == Some(subject)) {
            self.seen.invalidate(&*key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(decided: u64) -> Arc<Seen> {
        Arc::new(Seen {
            client: ClientId::parse("console").unwrap(),
            subject: None,
            scopes: Vec::new(),
            lets_client_act: true,
            actor: None,
            expires: DateTime::UNIX_EPOCH,
            decided,
            caller: OnceLock::new(),
        })
    }

    #[test]
    fn a_token_read_before_a_revocation_is_not_remembered() {
        let (tokens, seen) = (TokensSeen::default(), seen(0));
        let (revoked, other) = ((Purpose::Bearer, hash("revoked")), (Purpose::Bearer, hash("other")));

        let before = tokens.revocations();
        tokens.remember(&revoked, &seen, before);
        assert!(tokens.seen.contains_key(&revoked));
        // Read, then revoked, and only then remembered: whoever reads slowly must not bring it back.
        tokens.forget([&revoked.1[..]]);
        tokens.remember(&revoked, &seen, before);
        assert!(!tokens.seen.contains_key(&revoked));
        // It may have been any token's revocation.
        tokens.remember(&other, &seen, before);
        assert!(!tokens.seen.contains_key(&other));
        tokens.remember(&other, &seen, tokens.revocations());
        assert!(tokens.seen.contains_key(&other));
    }

    #[test]
    fn a_token_verified_for_one_purpose_is_not_another() {
        let tokens = TokensSeen::default();
        let of = |id: &str| ClientId::parse(id).unwrap();
        let token = hash("token");
        tokens.remember(&(Purpose::Subject(of("orders")), token), &seen(1), 0);
        let found = |purpose, decided| tokens.get(&(purpose, token), decided).is_some();
        assert!(found(Purpose::Subject(of("orders")), 1));
        assert!(!found(Purpose::Bearer, 1), "a token that was exchanged is no Bearer");
        assert!(!found(Purpose::Subject(of("rival")), 1));
        assert!(!found(Purpose::Workload(of("orders")), 1));
        assert!(!found(Purpose::Subject(of("orders")), 2), "decided anew");
    }
}
