//! The client that a JWT stands for: its own assertion (RFC 7523 §2.2), or what its platform gave the program.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use chrono::{DateTime, Utc};

use super::seen::{Purpose, Seen, hash};
use super::{find_client, refused};
use crate::Parts;
use domain::ids::ClientId;
use domain::jwt::REMEMBERED_FOR;
use domain::{Error, Result};
use settings::Client;
use store::client_assertions::use_up;

/// What a client shows.
pub struct Asserted<'a> {
    /// The client it says it is; an assertion of its own names it itself.
    pub client: Option<&'a str>,
    /// The JWT.
    pub assertion: &'a str,
}

/// The client that a JWT stands for. A wrong one counts as a wrong secret does, whatever is wrong with it;
/// [`Error::ProviderUnavailable`] if nobody can tell for the moment, since its signer's keys can't be had.
pub async fn by_assertion<'p>(
    parts: &'p Arc<Parts>,
    asserted: Asserted<'_>,
    from: impl FnOnce() -> IpAddr,
) -> Result<&'p Client> {
    match prove(parts, asserted).await {
        Err(Error::Denied) => Err(refused(parts, None, "client assertion", from())),
        other => other,
    }
}

async fn prove<'p>(
    parts: &'p Arc<Parts>,
    Asserted { client: named, assertion: token }: Asserted<'_>,
) -> Result<&'p Client> {
    let (issuer, subject) = parts.upstream.claimed_client(token).ok_or(Error::Denied)?;
    let is_own = issuer == subject && named.is_none_or(|named| named == issuer);
    let id = if is_own { issuer.as_str() } else { named.ok_or(Error::Denied)? };
    let client = find_client(parts, id).ok_or(Error::Denied)?;
    if is_own {
        own(parts, client, token).await?;
    } else {
        workload(parts, client, token).await?;
    }
    Ok(client)
}

/// An assertion is used up last of all, and by whatever request brings it, whatever becomes of that.
async fn own(parts: &Arc<Parts>, client: &Client, token: &str) -> Result<()> {
    let (client, token) = (client.id.clone(), token.to_owned());
    // Its keys may have to be asked for: not by a worker that serves others meanwhile.
    parts
        .detached(async move |parts| {
            let id = parts.upstream.client_assertion(&client, &token).await?;
            let until = store::at(parts.clock.now() + REMEMBERED_FOR);
            let is_unused = use_up(&mut parts.store.write().await?, &client, &hash(&id), until).await?;
            if is_unused {
                return Ok(());
            }
            tracing::info!(%client, "a client's assertion is refused: it was used before");
            Err(Error::Denied)
        })
        .await
}

/// A workload's token is what it has to show each time, until the platform gives it another.
async fn workload(parts: &Arc<Parts>, client: &Client, token: &str) -> Result<()> {
    let key = (Purpose::Workload(client.id.clone()), hash(token));
    let seen = parts.tokens_seen.get(&key, parts.decided, parts.clock.monotonic());
    if seen.is_some_and(|seen| seen.expires > parts.clock.now()) {
        return Ok(());
    }
    let revocations = parts.tokens_seen.revocations();
    let (id, token) = (client.id.clone(), token.to_owned());
    let expires = parts.detached(async move |parts| parts.upstream.workload(&id, &token).await).await?;
    let seen = Arc::new(proven(&client.id, expires, parts.decided));
    parts.tokens_seen.remember(&key, &seen, revocations, parts.clock.monotonic());
    Ok(())
}

fn proven(client: &ClientId, expires: DateTime<Utc>, decided: u64) -> Seen {
    Seen {
        client: client.clone(),
        subject: None,
        scopes: Vec::new(),
        lets_client_act: true,
        actor: None,
        expires,
        decided,
        caller: OnceLock::new(),
    }
}
