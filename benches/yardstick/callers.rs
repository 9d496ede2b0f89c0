//! Who calls, by hand and as fedlink checks it: a bearer token is known by its SHA-256 and believed for ten seconds.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::AUTHORIZATION;
use actix_web::{HttpRequest, HttpResponse};
use domain::clock::{SharedClock, SystemClock};
use moka::sync::Cache;
use sha2::{Digest as _, Sha256};

/// One of these scopes lets fetch tokens.
pub(crate) const MAY_FETCH: &str = "fed_tkn_any";
/// And this one lets list links.
pub(crate) const MAY_LIST: &str = "blitz_api_sys_ufa";

/// What a token is known by.
pub(crate) type Hash = [u8; 32];

/// A token's row, on both engines.
pub(crate) struct Seen {
    scopes: Vec<String>,
    expires: i64,
}

impl Seen {
    /// A row: its scopes as they are stored, and when it expires, in Unix seconds.
    pub(crate) fn new(scopes: &str, expires: i64) -> Self {
        Self { scopes: scopes.split(' ').map(str::to_owned).collect(), expires }
    }
}

/// Tokens that were looked up lately.
#[derive(Clone)]
pub(crate) struct Callers {
    seen: Cache<Hash, Arc<Seen>>,
    clock: SharedClock,
}

impl Callers {
    /// Nobody yet.
    pub(crate) fn new() -> Self {
        let seen = Cache::builder().max_capacity(10_000).time_to_live(Duration::from_secs(10)).build();
        Self { seen, clock: SystemClock::shared() }
    }

    /// What is known of a token.
    pub(crate) fn get(&self, hash: &Hash) -> Option<Arc<Seen>> {
        self.seen.get(hash)
    }

    /// Keeps what was looked up.
    pub(crate) fn remember(&self, hash: Hash, seen: Seen) -> Arc<Seen> {
        let seen = Arc::new(seen);
        self.seen.insert(hash, Arc::clone(&seen));
        seen
    }

    /// Whether a token is alive and has the scope.
    pub(crate) fn may(&self, seen: &Seen, scope: &str) -> bool {
        seen.expires > self.clock.now().timestamp() && seen.scopes.iter().any(|granted| granted == scope)
    }
}

/// The hash of a request's bearer token.
pub(crate) fn hash(request: &HttpRequest) -> Option<Hash> {
    let (scheme, token) = request.headers().get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| Sha256::digest(token.trim().as_bytes()).into())
}

/// The answer to everybody else.
pub(crate) fn refused() -> HttpResponse {
    HttpResponse::Unauthorized().finish()
}
