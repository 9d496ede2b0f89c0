//! What becomes of a token that was issued: its client asks about it (RFC 7662), and revokes it (RFC 7009).

use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::domain::{Error, Result};
use crate::service::Parts;
use crate::service::callers::hash;
use crate::settings::Client;
use crate::store;
use crate::store::oauth_tokens::{delete, find};

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
            parts.tokens_seen.forget([&hash[..]]);
            Ok(())
        })
        .await
}
