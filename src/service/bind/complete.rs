//! The app completes a bind with the verifier that only it holds; nothing is stored before.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::{GrantSecrets, hash, provider_of, record_refusal, revoke_grant, unseal};
use crate::domain::caller::{Action, Caller};
use crate::domain::event::Actor;
use crate::domain::ids::{Sid, Subject};
use crate::domain::link::Proof;
use crate::domain::params::Params;
use crate::domain::token::Expiry;
use crate::domain::{Error, Result};
use crate::service::token_sets::{Keeping, keep};
use crate::service::{Parts, links};
use crate::store::flows::{FlowRow, delete, find_by_code, take_pending};
use crate::store::{self, Tx};
use crate::vault::Owner;

/// What an app completes a bind with.
#[derive(Debug)]
pub struct Completion {
    /// What came to the app's callback.
    pub bind_code: SecretString,
    /// RFC 7636 §4.1: what the instruction's challenge was made of.
    pub code_verifier: SecretString,
    /// Whose link it becomes, where the instruction's bearer did not say.
    pub subject: Option<Subject>,
}

/// Completes a bind: stores the link as proven, with its tokens if they are remembered. The code works once: another
/// client's call leaves it alone, a refusal after that burns it: a wrong verifier or subject, an account that is another's.
pub async fn complete(parts: &Arc<Parts>, caller: &Caller, actor: Actor, completion: Completion) -> Result<()> {
    caller.may_somewhere(Action::ChangeLinks)?;
    let caller = caller.clone();
    parts.detached(async move |parts| store_link(&parts, &caller, &actor, completion).await).await
}

async fn store_link(parts: &Parts, caller: &Caller, actor: &Actor, completion: Completion) -> Result<()> {
    let code_hash = hash(&completion.bind_code);
    let waiting = store::read!(parts.store, |conn| find_by_code(conn, &code_hash))?.ok_or(Error::BindCode)?;
    if waiting.client != caller.client.as_str() {
        return Err(Error::Denied);
    }
    let subject = subject(&waiting, completion.subject)?;
    parts.check_subject(&subject)?;
    let mut tx = parts.store.begin().await?;
    let now = store::at(parts.clock.now());
    let row = take_pending(tx.conn(), &code_hash, &caller.client, now).await?.ok_or(Error::BindCode)?;
    if let Err(refusal) = fits(parts, &mut tx, caller, (&row, &completion.code_verifier, &subject)).await {
        return burn(parts, tx, actor, (&row, refusal)).await;
    }
    match link(parts, &mut tx, (caller, actor), (&row, &subject)).await {
        Ok(()) => tx.commit().await,
        Err(refusal @ Error::AlreadyLinked) => {
            // It was a constraint that refused, so on Postgres this transaction is over.
            drop(tx);
            let mut tx = parts.store.begin().await?;
            if !delete(tx.conn(), &row).await? {
                // Used up by another call meanwhile, which has what was granted.
                return Err(refusal);
            }
            burn(parts, tx, actor, (&row, refusal)).await
        }
        Err(error) => Err(error),
    }
}

/// Refuses a completion that is not the flow's own: a wrong verifier, or a subject that isn't to have the link.
async fn fits(
    parts: &Parts,
    tx: &mut Tx,
    caller: &Caller,
    (row, verifier, subject): (&FlowRow, &SecretString, &Subject),
) -> Result<()> {
    if !proves(verifier, &row.code_challenge) {
        return Err(Error::BindCode);
    }
    if row.subject.as_deref().is_some_and(|fixed| fixed != subject.as_str()) {
        return Err(Error::Denied);
    }
    caller.may(Action::ChangeLinks, subject)?;
    links::require_account(parts, tx, caller, subject).await
}

/// The subject the link is to belong to: the instruction's, or else the one named now. Naming none loses nothing.
fn subject(row: &FlowRow, named: Option<Subject>) -> Result<Subject> {
    match (named, &row.subject) {
        (Some(named), _) => Ok(named),
        (None, Some(fixed)) => Subject::parse(fixed.clone()).map_err(Error::internal),
        (None, None) => Err(Error::input("subject", "is required: the instruction was not made for a user")),
    }
}

/// RFC 7636 §4.6.
fn proves(verifier: &SecretString, challenge: &str) -> bool {
    let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.expose_secret().as_bytes()));
    digest.as_bytes().ct_eq(challenge.as_bytes()).into()
}

/// Lets the flow's deletion stand, with a line of record and its tokens queued for revocation, and refuses. A failure of ours uses nothing up.
async fn burn(parts: &Parts, mut tx: Tx, actor: &Actor, (row, refusal): (&FlowRow, Error)) -> Result<()> {
    let detail = match refusal {
        Error::BindCode => "wrong_verifier",
        Error::Denied => "wrong_subject",
        Error::UserNotFound { .. } => "unknown_subject",
        Error::AlreadyLinked => "already_linked",
        ours => return Err(ours),
    };
    revoke_grant(parts, &mut tx, row).await?;
    record_refusal(parts, &mut tx, actor, (row, detail)).await?;
    tx.commit().await?;
    Err(refusal)
}

async fn link(
    parts: &Parts,
    tx: &mut Tx,
    (caller, actor): (&Caller, &Actor),
    (row, subject): (&FlowRow, &Subject),
) -> Result<()> {
    let provider = provider_of(row)?;
    let sid = Sid::parse(row.sid.clone().unwrap_or_default()).map_err(Error::internal)?;
    let making = links::Making {
        subject,
        provider: &provider,
        sid: &sid,
        user_name: row.user_name.clone(),
        proof: Proof::Proven,
        origin: Some(&caller.client),
    };
    let id = links::make(parts, tx, actor, making).await?;
    let Some(sealed) = &row.sealed else { return Ok(()) };
    let grant: GrantSecrets = unseal(parts, row, Some(sid.as_str()), sealed)?;
    keep(parts, tx.conn(), Owner::new(id, subject, &provider, sid.as_str()), &keeping(grant)?).await
}

fn keeping(grant: GrantSecrets) -> Result<Keeping> {
    let params = grant.params.as_ref().map(Params::from_text).transpose()?.unwrap_or_default();
    Ok(Keeping {
        access: Some(grant.access),
        refresh: grant.refresh,
        params,
        scope: grant.scope,
        expires: Expiry::from(grant.expires.and_then(DateTime::from_timestamp_micros)),
        obtained: DateTime::from_timestamp_micros(grant.obtained),
        refreshed: false,
    })
}
