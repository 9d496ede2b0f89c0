//! Tokens that were found good lately, so that one which is used a lot is not looked up for every call.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use ahash::RandomState;
use chrono::{DateTime, Utc};
use moka::sync::Cache;
use sha2::{Digest as _, Sha256};

use domain::apart::Apart;
use domain::caller::Caller;
use domain::ids::{ClientId, Subject};
use domain::lately::Lately;
use domain::scope::Scope;

/// How long a token that was checked is believed without another look; a revocation here is immediate all the same.
const SEEN_FOR: Duration = Duration::from_secs(10);
/// Tokens that one thread believes at once.
const SEEN_AT_MOST: usize = 5_000;
/// Tokens whose signatures are believed at once.
const VERIFIED_AT_MOST: u64 = 10_000;

/// What a token is known by: its SHA-256.
pub(crate) type TokenHash = [u8; 32];

/// What a token is known by.
#[inline]
pub(crate) fn hash(token: &str) -> TokenHash {
    Sha256::digest(token.as_bytes()).into()
}

/// How long the signature of an issuer's token is believed without another look.
pub(super) const VERIFIED_FOR: Duration = Duration::from_mins(1);

/// What a token was verified for. What was found for one purpose is never found for another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Purpose {
    /// To call us (RFC 6750).
    Bearer,
    /// To be exchanged by this client, whose audience it has (RFC 8693).
    Subject(ClientId),
    /// To say that this client calls (RFC 7523 §2.2), as what its platform gave it.
    Workload(ClientId),
}

/// By what a token is remembered.
pub(crate) type Key = (Purpose, TokenHash);

/// Tokens that were found good lately, by what for and by hash. Each thread has found them for itself: who calls all the time is looked
/// up once more for each, and then no thread touches what another does.
pub struct TokensSeen {
    seen: Apart<Mutex<Lately<Key, Believed>>>,
    verified: Cache<Key, Arc<Verified>, RandomState>,
    revocations: AtomicU64,
}

/// What was found of a token, and until when that is believed, in monotonic time.
struct Believed {
    seen: Arc<Seen>,
    until: Duration,
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
pub(crate) struct Seen {
    pub(crate) client: ClientId,
    pub(crate) subject: Option<Subject>,
    pub(crate) scopes: Vec<Scope>,
    /// Whether the client may act with it (RFC 8693 §4.4).
    pub(crate) lets_client_act: bool,
    /// Who acts with it, if it says so (RFC 8693 §4.1).
    pub(crate) actor: Option<String>,
    pub(crate) expires: DateTime<Utc>,
    /// Of which settings this is the judgement; other settings judge anew.
    pub(crate) decided: u64,
    /// Who calls with it, once it was found by these settings.
    pub(crate) caller: OnceLock<Arc<Caller>>,
}

impl Default for TokensSeen {
    fn default() -> Self {
        let verified = Cache::builder().max_capacity(VERIFIED_AT_MOST).time_to_live(VERIFIED_FOR);
        let verified = verified.build_with_hasher(RandomState::new());
        let seen = Apart::new(|| Mutex::new(Lately::new(SEEN_FOR, SEEN_AT_MOST)));
        Self { seen, verified, revocations: AtomicU64::new(0) }
    }
}

impl TokensSeen {
    /// What this thread has found lately by these settings; `now` in monotonic time.
    #[inline]
    pub(crate) fn get(&self, key: &Key, decided: u64, now: Duration) -> Option<Arc<Seen>> {
        let here = of(self.seen.here());
        let believed = here.get(key).filter(|believed| now < believed.until && believed.seen.decided == decided)?;
        Some(Arc::clone(&believed.seen))
    }

    pub(super) fn verified(&self, key: &Key, decided: u64, now: DateTime<Utc>) -> Option<Arc<Verified>> {
        self.verified.get(key).filter(|verified| verified.until > now && verified.decided == decided)
    }

    pub(super) fn remember_verified(&self, key: Key, verified: &Arc<Verified>) {
        self.verified.insert(key, Arc::clone(verified));
    }

    /// How many revocations there have been here.
    pub(crate) fn revocations(&self) -> u64 {
        self.revocations.load(Ordering::SeqCst)
    }

    /// Remembers a token that was read when there had been so many revocations; not if there was one since, which may
    /// have been its own. `now` is in monotonic time.
    pub(crate) fn remember(&self, key: &Key, seen: &Arc<Seen>, revocations_then: u64, now: Duration) {
        let here = self.seen.here();
        of(here).insert(key.clone(), Believed { seen: Arc::clone(seen), until: now + SEEN_FOR }, now);
        // Whoever revokes counts first, and looks here then: one of the two sees the other.
        if self.revocations() != revocations_then {
            of(here).remove(key);
        }
    }

    /// Believes these tokens of ours no longer: they are revoked, and the database knows.
    pub(crate) fn forget<'a>(&self, hashes: impl IntoIterator<Item = &'a [u8]>) {
        self.revocations.fetch_add(1, Ordering::SeqCst);
        let hashes = hashes.into_iter().filter_map(|hash| TokenHash::try_from(hash).ok());
        let keys: Vec<Key> = hashes.map(|hash| (Purpose::Bearer, hash)).collect();
        for place in self.seen.iter() {
            let mut place = of(place);
            for key in &keys {
                place.remove(key);
            }
        }
    }

    /// Believes no token any longer that was issued for this user.
    pub(crate) fn forget_subject(&self, subject: &Subject) {
        self.revocations.fetch_add(1, Ordering::SeqCst);
        for place in self.seen.iter() {
            of(place).retain(|believed| believed.seen.subject.as_ref() != Some(subject));
        }
    }
}

/// What is seen in one place: nobody panics with the lock.
fn of(place: &Mutex<Lately<Key, Believed>>) -> MutexGuard<'_, Lately<Key, Believed>> {
    place.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use super::*;

    fn seen_of(decided: u64) -> Seen {
        Seen {
            client: ClientId::parse("console").unwrap(),
            subject: None,
            scopes: Vec::new(),
            lets_client_act: true,
            actor: None,
            expires: DateTime::UNIX_EPOCH,
            decided,
            caller: OnceLock::new(),
        }
    }

    fn seen(decided: u64) -> Arc<Seen> {
        Arc::new(seen_of(decided))
    }

    const NOW: Duration = Duration::from_secs(1_000);

    fn bearer(token: &str) -> Key {
        (Purpose::Bearer, hash(token))
    }

    impl TokensSeen {
        fn has(&self, key: &Key) -> bool {
            self.get(key, 0, NOW).is_some()
        }
    }

    #[test]
    fn a_token_read_before_a_revocation_is_not_remembered() {
        let (tokens, seen) = (TokensSeen::default(), seen(0));
        let (revoked, other) = (bearer("revoked"), bearer("other"));

        let before = tokens.revocations();
        tokens.remember(&revoked, &seen, before, NOW);
        assert!(tokens.has(&revoked));
        // Read, then revoked, and only then remembered: whoever reads slowly must not bring it back.
        tokens.forget([&revoked.1[..]]);
        tokens.remember(&revoked, &seen, before, NOW);
        assert!(!tokens.has(&revoked));
        // It may have been any token's revocation.
        tokens.remember(&other, &seen, before, NOW);
        assert!(!tokens.has(&other));
        tokens.remember(&other, &seen, tokens.revocations(), NOW);
        assert!(tokens.has(&other));
    }

    #[test]
    fn a_revoked_token_is_forgotten_by_every_thread() {
        let (tokens, key, whose) = (TokensSeen::default(), bearer("token"), Subject::parse("42").unwrap());
        let (revoke, forget_user): (&dyn Fn(), &dyn Fn()) =
            (&|| tokens.forget([&key.1[..]]), &|| tokens.forget_subject(&whose));
        for revoke in [revoke, forget_user] {
            let (met, threads) = (&Barrier::new(5), 4);
            thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(|| {
                        let seen = Arc::new(Seen { subject: Some(whose.clone()), ..seen_of(0) });
                        tokens.remember(&key, &seen, tokens.revocations(), NOW);
                        assert!(tokens.has(&key));
                        // All have seen it; then it is revoked.
                        met.wait();
                        met.wait();
                        assert!(!tokens.has(&key));
                    });
                }
                met.wait();
                revoke();
                met.wait();
            });
        }
    }

    #[test]
    fn a_token_is_believed_for_ten_seconds() {
        let (tokens, key) = (TokensSeen::default(), bearer("token"));
        tokens.remember(&key, &seen(0), 0, NOW);
        for (later, is_believed) in [(0, true), (9_999, true), (10_000, false), (60_000, false)] {
            let found = tokens.get(&key, 0, NOW + Duration::from_millis(later));
            assert_eq!(found.is_some(), is_believed, "after {later} ms");
        }
    }

    #[test]
    fn a_token_verified_for_one_purpose_is_not_another() {
        let tokens = TokensSeen::default();
        let of = |id: &str| ClientId::parse(id).unwrap();
        let token = hash("token");
        tokens.remember(&(Purpose::Subject(of("orders")), token), &seen(1), 0, NOW);
        let found = |purpose, decided| tokens.get(&(purpose, token), decided, NOW).is_some();
        assert!(found(Purpose::Subject(of("orders")), 1));
        assert!(!found(Purpose::Bearer, 1), "a token that was exchanged is no Bearer");
        assert!(!found(Purpose::Subject(of("rival")), 1));
        assert!(!found(Purpose::Workload(of("orders")), 1));
        assert!(!found(Purpose::Subject(of("orders")), 2), "decided anew");
    }
}
