//! Tokens that were found good lately, so that one which is used a lot is not looked up for every call.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use moka::sync::Cache;
use sha2::{Digest as _, Sha256};

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

/// Tokens that were found good lately, by hash.
pub struct TokensSeen {
    seen: Cache<TokenHash, Arc<Seen>>,
    verified: Cache<TokenHash, Arc<Verified>>,
    revocations: AtomicU64,
}

/// What an issuer has signed, and until when that is believed.
pub(super) struct Verified {
    pub(super) issuer: String,
    pub(super) client: ClientId,
    pub(super) subject: Option<Subject>,
    pub(super) scopes: Vec<Scope>,
    pub(super) expires: DateTime<Utc>,
    pub(super) until: DateTime<Utc>,
}

/// What a good token says.
pub(super) struct Seen {
    pub(super) client: ClientId,
    pub(super) subject: Option<Subject>,
    pub(super) scopes: Vec<Scope>,
    pub(super) expires: DateTime<Utc>,
}

impl Default for TokensSeen {
    fn default() -> Self {
        let seen = Cache::builder().max_capacity(SEEN_AT_MOST).time_to_live(SEEN_FOR).build();
        let verified = Cache::builder().max_capacity(SEEN_AT_MOST).time_to_live(VERIFIED_FOR).build();
        Self { seen, verified, revocations: AtomicU64::new(0) }
    }
}

impl TokensSeen {
    pub(super) fn get(&self, hash: &TokenHash) -> Option<Arc<Seen>> {
        self.seen.get(hash)
    }

    pub(super) fn verified(&self, hash: &TokenHash, now: DateTime<Utc>) -> Option<Arc<Verified>> {
        self.verified.get(hash).filter(|verified| verified.until > now)
    }

    pub(super) fn remember_verified(&self, hash: TokenHash, verified: &Arc<Verified>) {
        self.verified.insert(hash, Arc::clone(verified));
    }

    /// How many revocations there have been here.
    pub(super) fn revocations(&self) -> u64 {
        self.revocations.load(Ordering::SeqCst)
    }

    /// Remembers a token that was read when there had been so many revocations; not if there was one since, which may
    /// have been its own.
    pub(super) fn remember(&self, hash: TokenHash, seen: &Arc<Seen>, revocations_then: u64) {
        self.seen.insert(hash, Arc::clone(seen));
        if self.revocations() != revocations_then {
            self.seen.invalidate(&hash);
        }
    }

    /// Believes these tokens no longer: they are revoked, and the database knows.
    pub(in crate::service) fn forget<'a>(&self, hashes: impl IntoIterator<Item = &'a [u8]>) {
        self.revocations.fetch_add(1, Ordering::SeqCst);
        for hash in hashes {
            if let Ok(hash) = TokenHash::try_from(hash) {
                self.seen.invalidate(&hash);
            }
        }
    }

    /// Believes no token any longer that was issued for this user.
    pub(in crate::service) fn forget_subject(&self, subject: &Subject) {
        self.revocations.fetch_add(1, Ordering::SeqCst);
        for (hash, _) in self.seen.iter().filter(|(_, seen)| seen.subject.as_ref() == Some(subject)) {
            self.seen.invalidate(&*hash);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_read_before_a_revocation_is_not_remembered() {
        let tokens = TokensSeen::default();
        let seen = Arc::new(Seen {
            client: ClientId::parse("console").unwrap(),
            subject: None,
            scopes: Vec::new(),
            expires: DateTime::UNIX_EPOCH,
        });
        let (revoked, other) = (hash("revoked"), hash("other"));

        let before = tokens.revocations();
        tokens.remember(revoked, &seen, before);
        assert!(tokens.seen.contains_key(&revoked));
        // Read, then revoked, and only then remembered: whoever reads slowly must not bring it back.
        tokens.forget([&revoked[..]]);
        tokens.remember(revoked, &seen, before);
        assert!(!tokens.seen.contains_key(&revoked));
        // It may have been any token's revocation.
        tokens.remember(other, &seen, before);
        assert!(!tokens.seen.contains_key(&other));
        tokens.remember(other, &seen, tokens.revocations());
        assert!(tokens.seen.contains_key(&other));
    }
}
