//! Our own tokens: issued to applications, described to them, revoked.

mod issued;

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use secrecy::{ExposeSecret as _, SecretString};

use super::Parts;
use super::callers::hash;
use crate::domain::ids::{ClientId, Subject};
use crate::domain::scope::Scope;
use crate::domain::{Error, Result};
use crate::settings::Client;
use crate::store;
use crate::store::oauth_tokens::{OauthTokenRow, insert};

pub use issued::{Introspection, introspect, revoke};

/// How long an access token of ours lives.
pub const TOKEN_LIFETIME: Duration = Duration::from_hours(1);

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

/// Scopes as one text, separated by spaces (RFC 6749 §3.3).
pub fn scope_text(scopes: &[Scope]) -> String {
    scopes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
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
        scope: scope_text(&scopes),
        issued: store::at(now),
        expires: store::at(now + lifetime),
        family: None,
    };
    parts.detached(async move |parts| insert(&mut parts.store.write().await?, &row).await).await?;
    Ok(Issued { access_token: token, expires_in: TOKEN_LIFETIME, scopes })
}
