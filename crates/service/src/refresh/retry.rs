//! Gives links that were marked dead another try, on the word of an operator, or of an application for its support.

use std::sync::Arc;

use crate::audit::{About, record};
use crate::links::require_account;
use crate::{Parts, boxed};
use domain::caller::{Action, Caller};
use domain::event::{Actor, Event};
use domain::ids::{ProviderId, Sid, Subject};
use domain::token_set::DeadSet;
use domain::{Error, Result};
use store::marks::{self, find_dead, list_dead, revive};
use store::{Tx, links};

/// Links of one transaction.
const BATCH: i64 = 100;

/// Which dead links an operator wants tried again.
#[derive(Debug)]
pub struct Which {
    /// At this provider.
    pub provider: ProviderId,
    /// Of this subject only.
    pub subject: Option<Subject>,
    /// This account only.
    pub sid: Option<Sid>,
}

/// Makes the dead links that fit count as failing in passing, so that the next caller asks the provider again; gives how
/// many. Links whose refresh token is gone are left as they are.
#[boxed]
pub async fn retry(parts: &Arc<Parts>, asked: &Which) -> Result<usize> {
    if !parts.settings.providers.contains_key(&asked.provider) {
        return Err(Error::input("provider", format!("{} is no configured provider", asked.provider)));
    }
    let which = marks::Which { provider: &asked.provider, subject: asked.subject.as_ref(), sid: asked.sid.as_ref() };
    let (mut after, mut revived) = (None, 0);
    loop {
        let dead = store::read!(parts.store, |conn| list_dead(conn, which, after, BATCH))?;
        let Some(last) = dead.last() else { return Ok(revived) };
        after = Some(last.link);
        revived += revive_all(parts, &asked.provider, &dead).await?;
    }
}

async fn revive_all(parts: &Parts, provider: &ProviderId, dead: &[DeadSet]) -> Result<usize> {
    let mut tx = parts.store.begin().await?;
    let mut revived = 0;
    for marked in dead {
        if revive_one(parts, &mut tx, &Actor::default(), provider, marked).await? {
            revived += 1;
        }
    }
    tx.commit().await?;
    Ok(revived)
}

/// Gives one another try, with its line in the audit record; says whether it was still dead.
async fn revive_one(
    parts: &Parts,
    tx: &mut Tx,
    actor: &Actor,
    provider: &ProviderId,
    marked: &DeadSet,
) -> Result<bool> {
    if !revive(tx.conn(), marked).await? {
        return Ok(false);
    }
    let about = About {
        subject: Some(&marked.subject),
        provider: Some(provider),
        sid: Some(&marked.sid),
        detail: Some(marked.health.as_str()),
    };
    record(parts, tx, Event::Retried, actor, about).await?;
    Ok(true)
}

/// Which link an application wants tried again, as the path names it.
#[derive(Debug)]
pub struct Retrying {
    /// Whose link.
    pub subject: Subject,
    /// The provider's type.
    pub fp_type: String,
    /// The provider's name.
    pub fp_name: String,
    /// The account's id there.
    pub sid: Sid,
}

/// Does for one link what [`retry`] does for many. [`Error::LinkNotFound`] if the subject has no such, whether or not there is
/// such a provider; [`Error::NothingToRetry`] if it is not dead, or its refresh token is gone, or nobody would refresh it.
#[boxed]
pub async fn retry_link(parts: &Arc<Parts>, caller: &Caller, actor: Actor, retrying: Retrying) -> Result<()> {
    caller.may(Action::RetryLink, &retrying.subject)?;
    parts.check_subject(&retrying.subject)?;
    let caller = caller.clone();
    parts
        .detached(async move |parts| {
            let mut tx = parts.store.begin().await?;
            require_account(&parts, &mut tx, &caller, &retrying.subject).await?;
            let provider = ProviderId::parse(&retrying.fp_type, &retrying.fp_name)
                .map_err(|_no_such_provider_so_no_such_link| Error::LinkNotFound)?;
            let held = links::hold(tx.conn(), &retrying.subject, &provider, &retrying.sid).await?;
            let held = held.ok_or(Error::LinkNotFound)?;
            let dead = find_dead(tx.conn(), held.id).await?;
            let dead = dead.filter(|_| parts.settings.providers.contains_key(&provider));
            let dead = dead.ok_or(Error::NothingToRetry)?;
            if !revive_one(&parts, &mut tx, &actor, &provider, &dead).await? {
                return Err(Error::NothingToRetry);
            }
            tx.commit().await
        })
        .await
}
