//! Gives links that were marked dead another try, on an operator's word.

use std::sync::Arc;

use crate::service::Parts;
use crate::service::audit::{About, record};
use domain::event::{Actor, Event};
use domain::ids::{ProviderId, Sid, Subject};
use domain::token_set::DeadSet;
use domain::{Error, Result};
use store::marks::{self, list_dead, revive};

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
        if !revive(tx.conn(), marked).await? {
            continue;
        }
        revived += 1;
        let about = About {
            subject: Some(&marked.subject),
            provider: Some(provider),
            sid: Some(&marked.sid),
            detail: Some(marked.health.as_str()),
        };
        record(parts, &mut tx, Event::Retried, &Actor::default(), about).await?;
    }
    tx.commit().await?;
    Ok(revived)
}
