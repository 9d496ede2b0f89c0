//! Who calls: the caller that a token or a password stands for.

mod jwt;
mod seen;

use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;

use super::Parts;
use crate::domain::caller::{Caller, Mode};
use crate::domain::ids::{ClientId, Subject};
use crate::domain::scope::Scope;
use crate::domain::{Error, Result};
use crate::settings::Client;
use crate::store;
use crate::store::oauth_tokens::{OauthTokenRow, find};

pub use seen::TokensSeen;
pub(super) use seen::hash;

use seen::Seen;

/// Compares a secret with what a caller sent, in constant time, their lengths hidden too.
fn matches(secret: Option<&SecretString>, sent: &SecretString) -> bool {
    // Against a client without a secret the same work is done and the answer is no.
    let expected = hash(secret.map_or("", secrecy::ExposeSecret::expose_secret));
    let same: bool = expected.ct_eq(&hash(sent.expose_secret())).into();
    same && secret.is_some()
}

/// The caller that a bearer token stands for, ours or an issuer's; [`Error::Denied`] whatever is wrong with it.
pub async fn from_bearer(parts: &Arc<Parts>, token: &str) -> Result<Caller> {
    let hash = hash(token);
    let seen = if let Some(seen) = parts.tokens_seen.get(&hash) {
        seen
    } else {
        let revocations = parts.tokens_seen.revocations();
        let seen = if jwt::is_one(parts, token) {
            // Boxed: it is large, and the look into what was seen is what every call does.
            Box::pin(jwt::look(parts, token, hash)).await?
        } else {
            let row = store::read!(parts.store, |conn| find(conn, &hash))?.ok_or(Error::Denied)?;
            parse(row)?
        };
        let seen = Arc::new(seen);
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
