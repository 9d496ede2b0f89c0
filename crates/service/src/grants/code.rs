//! A code that a user's browser brought is redeemed for tokens (RFC 6749 §4.1.3).

use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};

use super::claimed::{Attempt, Brought, Claimed, Held, hand_out};
use super::{Family, Granting, Refused, begin_holding, is_active};
use crate::callers::hash;
use crate::{Parts, boxed};
use domain::event::Event;
use domain::ids::ClientId;
use domain::issued::AuthorizationCode;
use domain::presented::{Presented, Verdict, judge};
use domain::{Result, pkce};
use settings::Client;
use store::oauth_codes::{delete, find_presented};
use store::{self, ClaimSeen, Conn, Tx, oauth_codes};

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

/// Redeems a code. Another application's attempt leaves it alone; one of its own uses it up, whatever else is wrong. A code whose
/// tokens went out and that comes again ends all that came of it: of two that redeem it at once, the second has it from
/// somewhere. One that brought nobody any tokens may be redeemed again.
#[boxed]
pub async fn redeem(parts: &Arc<Parts>, client: &Client, redemption: Redemption) -> Result<Granting> {
    let id = client.id.clone();
    let attempt = Attempt::new(parts);
    hand_out(parts, &attempt, async move |parts| {
        loop {
            if let Some(end) = go(&parts, &id, &redemption, &attempt).await? {
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
    client: &ClientId,
    redemption: &Redemption,
    attempt: &Attempt,
) -> Result<Option<Brought>> {
    let hash = hash(redemption.code.expose_secret());
    let known = store::read!(parts.store, |conn| find_code(conn, parts, &hash))?;
    let Some((known, seen)) = known.filter(|(known, _)| known.client == *client) else {
        return Ok(Some(Err(Refused::Grant)));
    };
    if look(parts, redemption, &known, &seen) == Verdict::Wait {
        return Ok(None);
    }
    let mut tx = begin_holding(parts, &known.subject).await?;
    let Some((code, seen)) = find_code(tx.conn(), parts, &hash).await? else { return Ok(Some(Err(Refused::Grant))) };
    match look(parts, redemption, &code, &seen) {
        Verdict::Wait => return Ok(None),
        Verdict::Refuse => return Ok(Some(Err(Refused::Grant))),
        Verdict::Burn => return burn(parts, tx, &code, &seen, redemption).await.map(Some),
        Verdict::Reused => {
            delete(tx.conn(), &hash).await?;
            family(&code).end_reused(parts, tx, "code").await?;
            return Ok(Some(Err(Refused::Grant)));
        }
        Verdict::Claim => {}
    }
    let claim = attempt.claim(&seen);
    if !oauth_codes::claim(tx.conn(), &hash, claim, store::now(parts.clock.now())).await? {
        return Ok(None);
    }
    family(&code).forget(&mut tx, claim.void).await?;
    if !is_active(&mut tx, &code.subject).await? {
        delete(tx.conn(), &hash).await?;
        tx.commit().await?;
        return Ok(Some(Err(Refused::Grant)));
    }
    let scopes = code.scopes().collect();
    let issued = family(&code).issue(parts, &mut tx, claim.id, scopes).await?;
    // From here on it counts, whether or not we hear that it does.
    let claimed = Claimed::new(parts, Held::Code(hash), claim.id);
    tx.commit().await?;
    Ok(Some(Ok((issued, claimed))))
}

async fn find_code(conn: &mut Conn, parts: &Parts, hash: &[u8]) -> Result<Option<(AuthorizationCode, ClaimSeen)>> {
    find_presented(conn, hash, store::now(parts.clock.now())).await
}

fn look(parts: &Parts, redemption: &Redemption, code: &AuthorizationCode, seen: &ClaimSeen) -> Verdict {
    judge(Presented {
        standing: seen.standing(),
        is_late: code.expires <= parts.clock.now(),
        is_proved: wrong(code, redemption).is_none(),
    })
}

/// What is wrong with the proof, if anything is.
fn wrong(code: &AuthorizationCode, redemption: &Redemption) -> Option<&'static str> {
    if !pkce::proves(&redemption.code_verifier, &code.code_challenge) {
        return Some("wrong_verifier");
    }
    (code.redirect_uri != redemption.redirect_uri).then_some("wrong_redirect_uri")
}

/// The right application with a wrong proof: somebody put a stolen code into its hands (RFC 9700 §4.5).
async fn burn(
    parts: &Parts,
    mut tx: Tx,
    code: &AuthorizationCode,
    seen: &ClaimSeen,
    redemption: &Redemption,
) -> Result<Brought> {
    delete(tx.conn(), &code.code_hash).await?;
    family(code).forget(&mut tx, seen.id()).await?;
    let detail = wrong(code, redemption).unwrap_or("wrong_proof");
    family(code).note(parts, &mut tx, Event::CodeRefused, detail).await?;
    tx.commit().await?;
    Ok(Err(Refused::Grant))
}

fn family(code: &AuthorizationCode) -> Family<'_> {
    Family { id: code.family, client: &code.client, subject: &code.subject, scope: &code.scope }
}
