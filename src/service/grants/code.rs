//! A code that a user's browser brought is redeemed for tokens (RFC 6749 §4.1.3).

use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};

use super::{Family, Granting, Refused, begin_holding, is_active};
use crate::domain::event::Event;
use crate::domain::ids::ClientId;
use crate::domain::scope::Scope;
use crate::domain::{Result, pkce};
use crate::service::Parts;
use crate::service::callers::hash;
use crate::settings::Client;
use crate::store::oauth_codes::{CodeRow, claim, delete, find};
use crate::store::{self, Tx};

/// What an application redeems.
#[derive(Debug)]
pub struct Redemption {
    /// What came to its redirect URI.
    pub code: SecretString,
    /// That redirect URI, as it stood in the authorization request.
    pub redirect_uri: String,
    /// RFC 7636 §4.5.
    pub code_verifier: SecretString,
}

/// Redeems a code. Another application's attempt leaves it alone; one of its own uses it up, whatever else is wrong. A used
/// code that comes again ends all that came of it: of two that redeem it at once, the second has it from somewhere.
pub async fn redeem(parts: &Arc<Parts>, client: &Client, redemption: Redemption) -> Result<Granting> {
    let id = client.id.clone();
    parts.detached(async move |parts| go(&parts, &id, &redemption).await).await
}

async fn go(parts: &Parts, client: &ClientId, redemption: &Redemption) -> Result<Granting> {
    let hash = hash(redemption.code.expose_secret());
    let known = store::read!(parts.store, |conn| find(conn, &hash))?;
    let Some(known) = known.filter(|known| known.client == client.as_str()) else {
        return Ok(Err(Refused::Grant));
    };
    let (mut tx, subject) = begin_holding(parts, &known.subject).await?;
    let now = store::at(parts.clock.now());
    let Some(code) = claim(tx.conn(), &hash, client.as_str(), now).await? else {
        return too_late(parts, tx, &hash).await;
    };
    if !pkce::proves(&redemption.code_verifier, &code.code_challenge) {
        return burn(parts, tx, (&code, "wrong_verifier")).await;
    }
    if code.redirect_uri != redemption.redirect_uri {
        return burn(parts, tx, (&code, "wrong_redirect_uri")).await;
    }
    if !is_active(&mut tx, &subject).await? {
        tx.commit().await?;
        return Ok(Err(Refused::Grant));
    }
    let scopes = code.scope.split(' ').filter_map(Scope::parse).collect();
    let issued = family(&code).issue(parts, &mut tx, scopes).await?;
    tx.commit().await?;
    Ok(Ok(issued))
}

/// It could not be used: it is late, or used before.
async fn too_late(parts: &Parts, mut tx: Tx, hash: &[u8]) -> Result<Granting> {
    if let Some(code) = find(tx.conn(), hash).await?.filter(|code| code.used) {
        delete(tx.conn(), hash).await?;
        family(&code).end_reused(parts, tx, "code").await?;
    }
    Ok(Err(Refused::Grant))
}

/// The right application with a wrong proof: somebody put a stolen code into its hands (RFC 9700 §4.5).
async fn burn(parts: &Parts, mut tx: Tx, (code, detail): (&CodeRow, &'static str)) -> Result<Granting> {
    delete(tx.conn(), &code.code_hash).await?;
    family(code).note(parts, &mut tx, Event::CodeRefused, detail).await?;
    tx.commit().await?;
    Ok(Err(Refused::Grant))
}

fn family(code: &CodeRow) -> Family<'_> {
    Family { id: code.family.0, client: &code.client, subject: &code.subject, scope: &code.scope }
}
