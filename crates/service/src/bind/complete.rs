//! The app completes a bind with the verifier that only it holds; nothing is stored before.

use std::sync::Arc;

use secrecy::SecretString;

use super::link::{By, link};
use super::{record_refusal, revoke_grant};
use crate::{Parts, boxed, links};
use domain::caller::{Action, Caller};
use domain::event::Actor;
use domain::flow::{Flow, hash};
use domain::ids::Subject;
use domain::{Error, Result};
use store::flows::{delete, find_by_code, take_pending};
use store::{self, Tx};

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
#[boxed]
pub async fn complete(parts: &Arc<Parts>, caller: &Caller, actor: Actor, completion: Completion) -> Result<()> {
    caller.may_somewhere(Action::ChangeLinks)?;
    let caller = caller.clone();
    parts.detached(async move |parts| store_link(&parts, &caller, &actor, completion).await).await
}

async fn store_link(parts: &Parts, caller: &Caller, actor: &Actor, completion: Completion) -> Result<()> {
    let code_hash = hash(&completion.bind_code);
    let waiting = store::read!(parts.store, |conn| find_by_code(conn, &code_hash))?.ok_or(Error::BindCode)?;
    if waiting.client != caller.client {
        return Err(Error::Denied);
    }
    let subject = subject(&waiting, completion.subject)?;
    parts.check_subject(&subject)?;
    let mut tx = parts.store.begin().await?;
    let now = parts.clock.now();
    let flow = take_pending(tx.conn(), &code_hash, &caller.client, now).await?.ok_or(Error::BindCode)?;
    let fits = async {
        flow.is_completed_by(&completion.code_verifier, &subject)?;
        may_complete(parts, &mut tx, caller, &subject).await
    };
    if let Err(refusal) = fits.await {
        return burn(parts, tx, actor, &flow, refusal).await;
    }
    let by = By { client: &caller.client, actor };
    match link(parts, &mut tx, by, &flow, &subject).await {
        Ok(()) => tx.commit().await,
        Err(refusal @ (Error::AlreadyLinked | Error::Input { .. })) => {
            // It may have been a constraint that refused, and then on Postgres this transaction is over.
            drop(tx);
            let mut tx = parts.store.begin().await?;
            if !delete(tx.conn(), &flow).await? {
                // Used up by another call meanwhile, which has what was granted.
                return Err(refusal);
            }
            burn(parts, tx, actor, &flow, refusal).await
        }
        Err(error) => Err(error),
    }
}

/// Refuses a subject that this caller may not link, or that may not have a link.
async fn may_complete(parts: &Parts, tx: &mut Tx, caller: &Caller, subject: &Subject) -> Result<()> {
    caller.may(Action::ChangeLinks, subject)?;
    links::require_account(parts, tx, caller, subject).await?;
    match store::accounts::find(tx.conn(), subject).await? {
        Some(account) if !account.may_sign_in() => Err(Error::input("subject", "has an account that is disabled")),
        _ => Ok(()),
    }
}

/// The subject the link is to belong to: the instruction's, or else the one named now. Naming none loses nothing.
fn subject(flow: &Flow, named: Option<Subject>) -> Result<Subject> {
    named
        .or_else(|| flow.subject.clone())
        .ok_or_else(|| Error::input("subject", "is required: the instruction was not made for a user"))
}

/// Lets the flow's deletion stand, with a line of record and its tokens queued for revocation, and refuses. A failure of ours uses nothing up.
async fn burn(parts: &Parts, mut tx: Tx, actor: &Actor, flow: &Flow, refusal: Error) -> Result<()> {
    let detail = match refusal {
        Error::BindCode => "wrong_verifier",
        Error::Denied => "wrong_subject",
        Error::UserNotFound { .. } => "unknown_subject",
        Error::AlreadyLinked => "already_linked",
        Error::Input { ref field, .. } if field == "fp" => "provider_gone",
        Error::Input { .. } => "disabled_account",
        ours => return Err(ours),
    };
    revoke_grant(parts, &mut tx, flow).await?;
    record_refusal(parts, &mut tx, actor, flow, detail).await?;
    tx.commit().await?;
    Err(refusal)
}
