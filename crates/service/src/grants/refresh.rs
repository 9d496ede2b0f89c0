//! A refresh token of ours is traded for the next one, and an access token (RFC 6749 §6).

use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};

use super::claimed::{Attempt, Brought, Claimed, Held, hand_out};
use super::{Family, Granting, Refused, begin_holding, is_active};
use crate::callers::hash;
use crate::{Parts, boxed};
use domain::Result;
use domain::issued::RefreshToken;
use domain::presented::{Presented, Verdict, judge};
use domain::scope::{Scope, each_once};
use settings::Client;
use store::oauth_refresh_tokens::{find, find_presented};
use store::{self, ClaimSeen, Conn, oauth_refresh_tokens};

/// Refreshes. Each token works once, and one whose tokens went out and that comes again ends its family, whoever has it now
/// (RFC 9700 §4.14.2). One that brought nobody any may be sent again. Another application's attempt, and one for more than was
/// granted, use nothing up.
#[boxed]
pub async fn refresh(
    parts: &Arc<Parts>,
    client: &Client,
    token: &SecretString,
    scope: Option<&str>,
) -> Result<Granting> {
    let hash = hash(token.expose_secret());
    let known = store::read!(parts.store, |conn| find(conn, &hash))?;
    let Some(known) = known.filter(|known| known.client == client.id) else {
        return Ok(Err(Refused::Grant));
    };
    // Its own scopes never change, so they can be looked at before it is used up.
    let scopes = scopes(client, &known, scope);
    let attempt = Attempt::new(parts);
    hand_out(parts, &attempt, async move |parts| {
        loop {
            if let Some(end) = go(&parts, hash, &known, scopes.as_ref(), &attempt).await? {
                return Ok(end);
            }
            attempt.wait(&parts).await?;
        }
    })
    .await
}

/// `None`: another call is about to hand out its tokens, or has died.
async fn go(
    parts: &Arc<Parts>,
    hash: [u8; 32],
    known: &RefreshToken,
    scopes: Option<&Vec<Scope>>,
    attempt: &Attempt,
) -> Result<Option<Brought>> {
    let seen = store::read!(parts.store, |conn| find_token(conn, parts, &hash))?;
    if seen.is_some_and(|(token, seen)| look(parts, &token, &seen) == Verdict::Wait) {
        return Ok(None);
    }
    let mut tx = begin_holding(parts, &known.subject).await?;
    let family = Family::of(known);
    let Some((token, seen)) = find_token(tx.conn(), parts, &hash).await? else { return Ok(Some(Err(Refused::Grant))) };
    match look(parts, &token, &seen) {
        Verdict::Wait => return Ok(None),
        Verdict::Refuse | Verdict::Burn => return Ok(Some(Err(Refused::Grant))),
        Verdict::Reused => {
            family.end_reused(parts, tx, "refresh_token").await?;
            return Ok(Some(Err(Refused::Grant)));
        }
        Verdict::Claim => {}
    }
    // A refusal drops the transaction, so that it uses nothing up.
    if !is_active(&mut tx, &known.subject).await? {
        return Ok(Some(Err(Refused::Grant)));
    }
    let Some(scopes) = scopes else { return Ok(Some(Err(Refused::Scope))) };
    let claim = attempt.claim(&seen);
    if !oauth_refresh_tokens::claim(tx.conn(), &hash, claim, store::now(parts.clock.now())).await? {
        return Ok(None);
    }
    family.forget(&mut tx, claim.void).await?;
    let issued = family.issue(parts, &mut tx, claim.id, scopes.clone()).await?;
    // From here on it counts, whether or not we hear that it does.
    let claimed = Claimed::new(parts, Held::RefreshToken(hash), claim.id);
    tx.commit().await?;
    Ok(Some(Ok((issued, claimed))))
}

async fn find_token(conn: &mut Conn, parts: &Parts, hash: &[u8]) -> Result<Option<(RefreshToken, ClaimSeen)>> {
    find_presented(conn, hash, store::now(parts.clock.now())).await
}

/// Who holds it and its application's secret has all the proof there is.
fn look(parts: &Parts, token: &RefreshToken, seen: &ClaimSeen) -> Verdict {
    let is_late = token.expires <= parts.clock.now();
    judge(Presented { standing: seen.standing(), is_late, is_proved: true })
}

/// What the next access token opens: what was granted, less what the application has lost since, or the part of it that is
/// asked for. `None` if that is nothing, or more.
fn scopes(client: &Client, known: &RefreshToken, asked: Option<&str>) -> Option<Vec<Scope>> {
    let granted = each_once(known.scopes().map(Some)).unwrap_or_default();
    let held = |scope: &Scope| granted.contains(scope) && client.scopes.contains(scope);
    let asked = asked.map(str::trim).filter(|asked| !asked.is_empty());
    let scopes: Vec<Scope> = match asked {
        None => granted.iter().filter(|scope| held(scope)).cloned().collect(),
        Some(asked) => {
            each_once(asked.split_ascii_whitespace().map(|scope| Scope::parse(scope).filter(|scope| held(scope))))?
        }
    };
    (!scopes.is_empty()).then_some(scopes)
}
