//! What becomes of a token that was issued: its client asks about it (RFC 7662), and revokes it (RFC 7009).

use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Family, begin_holding};
use crate::domain::presented::Standing;
use crate::domain::{Error, Result};
use crate::service::Parts;
use crate::service::callers::hash;
use crate::settings::Client;
use crate::store::oauth_tokens::{delete, find};
use crate::store::{self, oauth_refresh_tokens};

/// What RFC 7662 tells of a live token.
#[derive(Debug)]
pub struct Introspection {
    /// The subject; none in system mode.
    pub subject: Option<String>,
    /// Whose token it is.
    pub client: String,
    /// Its scopes, separated by spaces.
    pub scope: String,
    /// When it expires.
    pub expires: DateTime<Utc>,
    /// What only an access token has; none of a refresh token.
    pub access: Option<AccessFacts>,
}

/// What an access token has beside what every token has.
#[derive(Debug)]
pub struct AccessFacts {
    /// When it was issued.
    pub issued: DateTime<Utc>,
    /// Its id.
    pub id: Uuid,
}

/// What a token is, if it lives and the client may know: its own, or any access token if the settings say so. Nobody who is
/// shown a refresh token has a business with another's.
pub async fn introspect(parts: &Parts, client: &Client, token: &str) -> Result<Option<Introspection>> {
    let (hash, now, own) = (hash(token), parts.clock.now(), client.id.as_str());
    if let Some(row) = store::read!(parts.store, |conn| find(conn, &hash))? {
        let known = row.expires.0 > now && (client.introspect_any || row.client == own);
        return Ok(known.then_some(Introspection {
            subject: row.subject,
            client: row.client,
            scope: row.scope,
            expires: row.expires.0,
            access: Some(AccessFacts { issued: row.issued.0, id: row.id.0 }),
        }));
    }
    let row = store::read!(parts.store, |conn| oauth_refresh_tokens::find_presented(conn, &hash, store::now(now)))?;
    // One that is claimed has tokens on their way out.
    let known =
        row.filter(|(row, seen)| row.expires.0 > now && seen.standing() == Standing::Fresh && row.client == own);
    Ok(known.map(|(row, _)| Introspection {
        subject: Some(row.subject),
        client: row.client,
        scope: row.scope,
        expires: row.expires.0,
        access: None,
    }))
}

/// Revokes a client's own token; a refresh token with all its family (RFC 7009 §2.1). An unknown one is no error (§2.2);
/// another client's is [`Error::Denied`] and lives on.
pub async fn revoke(parts: &Arc<Parts>, client: &Client, token: &str) -> Result<()> {
    let (hash, id) = (hash(token), client.id.clone());
    let access = store::read!(parts.store, |conn| find(conn, &hash))?.map(|row| row.client);
    let refresh = match access {
        Some(_) => None,
        None => store::read!(parts.store, |conn| oauth_refresh_tokens::find(conn, &hash))?,
    };
    let owner = access.as_deref().or(refresh.as_ref().map(|row| row.client.as_str()));
    if owner.is_some_and(|owner| owner != id.as_str()) {
        return Err(Error::Denied);
    }
    parts
        .detached(async move |parts| {
            let Some(row) = refresh else {
                delete(&mut parts.store.write().await?, &hash, id.as_str()).await?;
                parts.tokens_seen.forget([&hash[..]]);
                return Ok(());
            };
            let (tx, _) = begin_holding(&parts, &row.subject).await?;
            let family = Family { id: row.family.0, client: &row.client, subject: &row.subject, scope: &row.scope };
            family.end(&parts, tx).await
        })
        .await
}
