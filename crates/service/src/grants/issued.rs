//! What becomes of a token that was issued: its client asks about it (RFC 7662), and revokes it (RFC 7009).

use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Family, begin_holding};
use crate::callers::hash;
use crate::{Parts, boxed};
use domain::ids::{ClientId, Subject};
use domain::presented::Standing;
use domain::{Error, Result};
use settings::Client;
use store::oauth_tokens::{delete, find};
use store::{self, oauth_refresh_tokens};

/// What RFC 7662 tells of a live token.
#[derive(Debug)]
pub struct Introspection {
    /// The subject; none in system mode.
    pub subject: Option<Subject>,
    /// Whose token it is.
    pub client: ClientId,
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
#[boxed]
pub async fn introspect(parts: &Parts, client: &Client, token: &str) -> Result<Option<Introspection>> {
    let (hash, now, own) = (hash(token), parts.clock.now(), &client.id);
    if let Some(token) = store::read!(parts.store, |conn| find(conn, &hash))? {
        let known = token.expires > now && (client.introspect_any || token.client == *own);
        return Ok(known.then_some(Introspection {
            subject: token.subject,
            client: token.client,
            scope: token.scope,
            expires: token.expires,
            access: Some(AccessFacts { issued: token.issued, id: token.id }),
        }));
    }
    let found = store::read!(parts.store, |conn| oauth_refresh_tokens::find_presented(conn, &hash, store::now(now)))?;
    // One that is claimed has tokens on their way out.
    let known =
        found.filter(|(token, seen)| token.expires > now && seen.standing() == Standing::Fresh && token.client == *own);
    Ok(known.map(|(token, _)| Introspection {
        subject: Some(token.subject),
        client: token.client,
        scope: token.scope,
        expires: token.expires,
        access: None,
    }))
}

/// Revokes a client's own token; a refresh token with all its family (RFC 7009 §2.1). An unknown one is no error (§2.2);
/// another client's is [`Error::Denied`] and lives on.
#[boxed]
pub async fn revoke(parts: &Arc<Parts>, client: &Client, token: &str) -> Result<()> {
    let (hash, id) = (hash(token), client.id.clone());
    let access = store::read!(parts.store, |conn| find(conn, &hash))?.map(|token| token.client);
    let refresh = match access {
        Some(_) => None,
        None => store::read!(parts.store, |conn| oauth_refresh_tokens::find(conn, &hash))?,
    };
    let owner = access.as_ref().or(refresh.as_ref().map(|token| &token.client));
    if owner.is_some_and(|owner| *owner != id) {
        return Err(Error::Denied);
    }
    parts
        .detached(async move |parts| {
            let Some(token) = refresh else {
                delete(&mut parts.store.write().await?, &hash, id.as_str()).await?;
                parts.tokens_seen.forget([&hash[..]]);
                return Ok(());
            };
            let tx = begin_holding(&parts, &token.subject).await?;
            Family::of(&token).end(&parts, tx).await
        })
        .await
}
