//! A refresh token of ours is traded for the next one, and an access token (RFC 6749 §6).

use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};

use super::{Family, Granting, Refused, begin_holding, is_active};
use crate::domain::Result;
use crate::domain::ids::ClientId;
use crate::domain::scope::Scope;
use crate::service::Parts;
use crate::service::callers::hash;
use crate::settings::Client;
use crate::store;
use crate::store::oauth_refresh_tokens::{RefreshTokenRow, claim, find};

/// Refreshes. Each token works once, and one that comes again ends its family, whoever has it now (RFC 9700 §4.14.2).
/// Another application's attempt, and one for more than was granted, use nothing up.
pub async fn refresh(
    parts: &Arc<Parts>,
    client: &Client,
    token: &SecretString,
    scope: Option<&str>,
) -> Result<Granting> {
    let hash = hash(token.expose_secret());
    let known = store::read!(parts.store, |conn| find(conn, &hash))?;
    let Some(known) = known.filter(|known| known.client == client.id.as_str()) else {
        return Ok(Err(Refused::Grant));
    };
    // Its own scopes never change, so they can be looked at before it is used up.
    let scopes = scopes(client, &known, scope);
    let id = client.id.clone();
    parts.detached(async move |parts| go(&parts, &id, (&known, scopes)).await).await
}

async fn go(
    parts: &Parts,
    client: &ClientId,
    (known, scopes): (&RefreshTokenRow, Option<Vec<Scope>>),
) -> Result<Granting> {
    let (mut tx, subject) = begin_holding(parts, &known.subject).await?;
    let family = Family { id: known.family.0, client: &known.client, subject: &known.subject, scope: &known.scope };
    let now = store::at(parts.clock.now());
    if !claim(tx.conn(), &known.token_hash, client.as_str(), now).await? {
        if find(tx.conn(), &known.token_hash).await?.is_some_and(|token| token.used) {
            family.end_reused(parts, tx, "refresh_token").await?;
        }
        return Ok(Err(Refused::Grant));
    }
    // From here a refusal drops the transaction, so that it uses nothing up.
    if !is_active(&mut tx, &subject).await? {
        return Ok(Err(Refused::Grant));
    }
    let Some(scopes) = scopes else { return Ok(Err(Refused::Scope)) };
    let issued = family.issue(parts, &mut tx, scopes).await?;
    tx.commit().await?;
    Ok(Ok(issued))
}

/// What the next access token opens: what was granted, less what the application has lost since, or the part of it that is
/// asked for. `None` if that is nothing, or more.
fn scopes(client: &Client, known: &RefreshTokenRow, asked: Option<&str>) -> Option<Vec<Scope>> {
    let granted: Vec<Scope> = known.scope.split(' ').filter_map(Scope::parse).collect();
    let held = |scope: &Scope| granted.contains(scope) && client.scopes.contains(scope);
    let asked = asked.map(str::trim).filter(|asked| !asked.is_empty());
    let scopes: Vec<Scope> = match asked {
        None => granted.iter().filter(|scope| held(scope)).cloned().collect(),
        Some(asked) => asked
            .split_ascii_whitespace()
            .map(|scope| Scope::parse(scope).filter(|scope| held(scope)))
            .collect::<Option<_>>()?,
    };
    (!scopes.is_empty()).then_some(scopes)
}
