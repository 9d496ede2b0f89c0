//! Who calls: our own access tokens and clients' passwords; issuing, checking, introspecting and revoking tokens.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use moka::sync::Cache;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use super::Parts;
use crate::domain::caller::{Caller, Mode};
use crate::domain::ids::{ClientId, Subject};
use crate::domain::scope::Scope;
use crate::domain::{Error, Result};
use crate::settings::Client;
use crate::store;
use crate::store::oauth_tokens::{OauthTokenRow, delete, find, insert};

/// How long an access token of ours lives.
pub const TOKEN_LIFETIME: Duration = Duration::from_hours(1);
/// How long a token that was checked is believed without another look; a revocation here is immediate all the same.
const SEEN_FOR: Duration = Duration::from_secs(10);
/// Tokens believed at once.
const SEEN_AT_MOST: u64 = 10_000;

/// Tokens that were found good lately, by hash.
pub struct TokensSeen {
    seen: Cache<[u8; 32], Arc<Seen>>,
    revocations: AtomicU64,
}

struct Seen {
    client: ClientId,
    subject: Option<Subject>,
    scopes: Vec<Scope>,
    expires: DateTime<Utc>,
}

impl Default for TokensSeen {
    fn default() -> Self {
        let seen = Cache::builder().max_capacity(SEEN_AT_MOST).time_to_live(SEEN_FOR).build();
        Self { seen, revocations: AtomicU64::new(0) }
    }
}

impl TokensSeen {
    fn revocations(&self) -> u64 {
        self.revocations.load(Ordering::SeqCst)
    }

    /// Remembers a token that was read when there had been so many revocations; not if there was one since, which may
    /// have been its own.
    fn remember(&self, hash: [u8; 32], seen: &Arc<Seen>, revocations_then: u64) {
        self.seen.insert(hash, Arc::clone(seen));
        if self.revocations() != revocations_then {
            self.seen.invalidate(&hash);
        }
    }

    fn forget(&self, hash: &[u8; 32]) {
        self.revocations.fetch_add(1, Ordering::SeqCst);
        self.seen.invalidate(hash);
    }

    /// Forgets every token that was issued for this user.
    pub(super) fn forget_subject(&self, subject: &Subject) {
        self.revocations.fetch_add(1, Ordering::SeqCst);
        for (hash, _) in self.seen.iter().filter(|(_, seen)| seen.subject.as_ref() == Some(subject)) {
            self.seen.invalidate(&*hash);
        }
    }
}

/// A token as its client gets it, once.
#[derive(Debug)]
pub struct Issued {
    /// 43 characters of base64url.
    pub access_token: SecretString,
    /// How long it lives.
    pub expires_in: Duration,
    /// What it opens.
    pub scopes: Vec<Scope>,
}

/// What RFC 7662 tells of a live token.
#[derive(Debug)]
pub struct Introspection {
    /// The subject; none in system mode.
    pub subject: Option<String>,
    /// Whose token it is.
    pub client: String,
    /// Its scopes, separated by spaces.
    pub scope: String,
    /// When it was issued.
    pub issued: DateTime<Utc>,
    /// When it expires.
    pub expires: DateTime<Utc>,
    /// Its id.
    pub id: Uuid,
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Compares a secret with what a caller sent, in constant time, their lengths hidden too.
fn matches(secret: Option<&SecretString>, sent: &SecretString) -> bool {
    // Against a client without a secret the same work is done and the answer is no.
    let expected = hash(secret.map_or("", secrecy::ExposeSecret::expose_secret));
    let same: bool = expected.ct_eq(&hash(sent.expose_secret())).into();
    same && secret.is_some()
}

/// The caller that a bearer token of ours stands for; [`Error::Denied`] whatever is wrong with it.
pub async fn from_bearer(parts: &Parts, token: &str) -> Result<Caller> {
    let hash = hash(token);
    let seen = if let Some(seen) = parts.tokens_seen.seen.get(&hash) {
        seen
    } else {
        let revocations = parts.tokens_seen.revocations();
        let row = store::read!(parts.store, |conn| find(conn, &hash))?.ok_or(Error::Denied)?;
        let seen = Arc::new(parse(row)?);
        parts.tokens_seen.remember(hash, &seen, revocations);
        seen
    };
    if seen.expires <= parts.clock.now() {
        return Err(Error::Denied);
    }
    let client = parts.settings.clients.get(&seen.client).ok_or(Error::Denied)?;
    let mode = seen.subject.clone().map_or(Mode::System, Mode::User);
    Ok(caller(client, mode, &seen.scopes))
}

fn parse(row: OauthTokenRow) -> Result<Seen> {
    let subject = row.subject.map(Subject::parse).transpose().map_err(Error::internal)?;
    Ok(Seen {
        client: ClientId::parse(row.client).map_err(Error::internal)?,
        subject,
        scopes: row.scope.split(' ').filter_map(Scope::parse).collect(),
        expires: row.expires.0,
    })
}

/// A scope counts if it is in the token *and* granted to the application, `…_sys_…` in system mode only.
fn caller(client: &Client, mode: Mode, scopes: &[Scope]) -> Caller {
    let counts = |scope: &&Scope| client.scopes.contains(scope) && (mode == Mode::System || !scope.is_system());
    let scopes = scopes.iter().filter(counts).cloned().collect();
    Caller { client: client.id.clone(), mode, scopes }
}

/// The caller that a client's REST password stands for: system mode, the client's own scopes.
pub fn from_basic(parts: &Parts, id: &str, password: &SecretString) -> Result<Caller> {
    let client = find_client(parts, id);
    if !matches(client.and_then(|client| client.rest_password.as_ref()), password) {
        return Err(Error::BadCredentials);
    }
    client.map(|client| caller(client, Mode::System, &client.scopes)).ok_or(Error::BadCredentials)
}

/// The client that an OAuth client secret stands for.
pub fn client<'a>(parts: &'a Parts, id: &str, secret: &SecretString) -> Result<&'a Client> {
    let client = find_client(parts, id);
    if !matches(client.and_then(|client| client.secret.as_ref()), secret) {
        return Err(Error::BadCredentials);
    }
    client.ok_or(Error::BadCredentials)
}

fn find_client<'a>(parts: &'a Parts, id: &str) -> Option<&'a Client> {
    parts.settings.clients.get(&ClientId::parse(id).ok()?)
}

/// The scopes that a client asks for in one text; all of its own if it names none. `None`: one of them isn't granted to it.
pub fn requested_scopes(client: &Client, scope: Option<&str>) -> Option<Vec<Scope>> {
    match scope.map(str::trim).filter(|scope| !scope.is_empty()) {
        None => Some(client.scopes.clone()),
        Some(scope) => scope
            .split_ascii_whitespace()
            .map(|scope| Scope::parse(scope).filter(|scope| client.scopes.contains(scope)))
            .collect(),
    }
}

/// Issues a token: for a user, or in system mode for the client itself.
pub async fn issue(
    parts: &Arc<Parts>,
    client: &ClientId,
    subject: Option<&Subject>,
    scopes: Vec<Scope>,
) -> Result<Issued> {
    let token = parts.entropy.token();
    let now = parts.clock.now();
    let lifetime = TimeDelta::from_std(TOKEN_LIFETIME).map_err(Error::internal)?;
    let row = OauthTokenRow {
        token_hash: hash(token.expose_secret()).to_vec(),
        id: store::row_id(parts.entropy.uuid()),
        client: client.as_str().to_owned(),
        subject: subject.map(|subject| subject.as_str().to_owned()),
        scope: scopes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
        issued: store::at(now),
        expires: store::at(now + lifetime),
        family: None,
    };
    parts.detached(async move |parts| insert(&mut parts.store.write().await?, &row).await).await?;
    Ok(Issued { access_token: token, expires_in: TOKEN_LIFETIME, scopes })
}

/// What a token is, if it lives and the client may know: its own, or any if the settings say so.
pub async fn introspect(parts: &Parts, client: &Client, token: &str) -> Result<Option<Introspection>> {
    let hash = hash(token);
    let row = store::read!(parts.store, |conn| find(conn, &hash))?;
    let known = row
        .filter(|row| row.expires.0 > parts.clock.now())
        .filter(|row| client.introspect_any || row.client == client.id.as_str());
    Ok(known.map(|row| Introspection {
        subject: row.subject,
        client: row.client,
        scope: row.scope,
        issued: row.issued.0,
        expires: row.expires.0,
        id: row.id.0,
    }))
}

/// Revokes a client's own token. An unknown one is no error (RFC 7009 §2.2); another client's is [`Error::Denied`] and lives on.
pub async fn revoke(parts: &Arc<Parts>, client: &Client, token: &str) -> Result<()> {
    let (hash, id) = (hash(token), client.id.clone());
    let row = store::read!(parts.store, |conn| find(conn, &hash))?;
    if row.is_some_and(|row| row.client != id.as_str()) {
        return Err(Error::Denied);
    }
    parts
        .detached(async move |parts| {
            delete(&mut parts.store.write().await?, &hash, id.as_str()).await?;
            parts.tokens_seen.forget(&hash);
            Ok(())
        })
        .await
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
        tokens.forget(&revoked);
        tokens.remember(revoked, &seen, before);
        assert!(!tokens.seen.contains_key(&revoked));
        // It may have been any token's revocation.
        tokens.remember(other, &seen, before);
        assert!(!tokens.seen.contains_key(&other));
        tokens.remember(other, &seen, tokens.revocations());
        assert!(tokens.seen.contains_key(&other));
    }
}
