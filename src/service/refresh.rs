//! One refresh of one link, from the stored refresh token to the stored answer (DESIGN 10). A provider that rotates has
//! already forgotten the old token when it answers, so an answer is written before anything else is done with it.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;
use tokio::sync::SemaphorePermit;

use super::Parts;
use super::audit::{About, record};
use super::flights::Landing;
use super::token_sets::{Keeping, open_key, owner, swap};
use crate::domain::event::{Actor, Event};
use crate::domain::ids::{LinkId, ProviderId};
use crate::domain::link::Health;
use crate::domain::token::{Expiry, Grant, backoff};
use crate::domain::{Error, Result};
use crate::store;
use crate::store::token_sets::{OwnerRow, TokenRow, find, record_failure, record_refusal};
use crate::upstream::{Outcome, Passing};
use crate::vault::Column;

/// How long to wait before trying again to store an answer when the database is away.
const STORE_AGAIN: Duration = Duration::from_millis(250);

/// Refreshes a link and says how it ended; whatever went wrong is in the log.
pub(super) async fn fly(parts: &Arc<Parts>, provider: &ProviderId, (link, version): (LinkId, i64)) -> Landing {
    // The permit comes before the row is read, so that a queue doesn't age what was read.
    let Some(permits) = parts.flights.permits(provider) else { return Landing::Gone };
    let Ok(permit) = permits.acquire().await else { return Landing::Broken };
    match refresh(parts, provider, (link, version), permit).await {
        Ok(landing) => landing,
        Err(Error::StorageUnavailable(error)) => {
            tracing::warn!(%link, %error, "a refresh could not use the database");
            Landing::StorageAway
        }
        Err(error) => {
            tracing::error!(%link, %provider, error = %Chain(&error), "a refresh failed");
            Landing::Broken
        }
    }
}

async fn refresh(
    parts: &Parts,
    provider: &ProviderId,
    (link, version): (LinkId, i64),
    permit: SemaphorePermit<'_>,
) -> Result<Landing> {
    let Some((owner_row, row)) = store::read!(parts.store, |conn| find(conn, link))? else {
        return Ok(Landing::Gone);
    };
    // While we waited for the permit, or before we were called, somebody else may have written, failed or been refused.
    if row.version != version || Health::parse(&row.health).is_some_and(Health::is_dead) {
        return Ok(Landing::Read);
    }
    if let Some(retry_at) = row.retry_at.filter(|retry_at| retry_at.0 > parts.clock.now()) {
        return Ok(Landing::Rest(retry_at.0));
    }
    let Some(sealed) = &row.sealed_refresh else { return Ok(Landing::Read) };
    let Some(client) = parts.upstream.provider(provider) else { return Ok(Landing::Gone) };
    let spent = parts.vault.open(&open_key(parts, &row)?, &owner(link, &owner_row).place(Column::Refresh), sealed)?;
    let outcome = client.refresh(&spent).await;
    // The permit is for asking; an answer that waits for the database holds up nobody else's.
    drop(permit);
    match outcome {
        Outcome::Granted(answer) => {
            tracing::info!(%link, %provider, "refreshed");
            Ok(land(parts, link, (owner_row, row), &spent, answer.grant).await)
        }
        Outcome::Refused(_) => refused(parts, provider, link, (&owner_row, &row)).await,
        Outcome::TryLater(Passing { retry_after, reason, .. }) => {
            tracing::warn!(%link, %provider, %reason, "a refresh failed in passing");
            passing(parts, link, &row, retry_after).await
        }
    }
}

/// Stores a granted answer, however often the database has to be asked: it is the only copy of the refresh token there is.
async fn land(parts: &Parts, link: LinkId, read: (OwnerRow, TokenRow), spent: &SecretString, grant: Grant) -> Landing {
    let mut keeping = Keeping {
        access: Some(grant.access_token),
        refresh: grant.refresh_token,
        scope: grant.scope,
        expires: grant.expires,
        obtained: Some(parts.clock.now()),
        refreshed: true,
    };
    let (owner_row, mut row) = read;
    let mut held = false;
    loop {
        match store_answer(parts, link, (&owner_row, &mut row), spent, &mut keeping).await {
            Ok(Some(landing)) => return landing,
            Ok(None) => {}
            // Whatever the database says, short of "written": no words of its are worth throwing the token away.
            Err(error) if store::is_of_database(&error) => {
                if !std::mem::replace(&mut held, true) {
                    tracing::error!(%link, error = %Chain(&error), "holding a refreshed token until the database is back");
                }
                tokio::time::sleep(STORE_AGAIN).await;
            }
            Err(error) => {
                tracing::error!(%link, error = %Chain(&error), "a refreshed token could not be stored");
                return Landing::Broken;
            }
        }
    }
}

/// Tries once to store an answer over `row`; `None`: somebody else wrote meanwhile and `row` is now what they wrote.
async fn store_answer(
    parts: &Parts,
    link: LinkId,
    (owner_row, row): (&OwnerRow, &mut TokenRow),
    spent: &SecretString,
    keeping: &mut Keeping,
) -> Result<Option<Landing>> {
    let mut conn = parts.store.write().await?;
    let owner = owner(link, owner_row);
    if swap(parts, &mut conn, owner, (row, keeping)).await? {
        return Ok(Some(Landing::Read));
    }
    let Some((_, now_there)) = find(&mut conn, link).await? else {
        tracing::warn!(%link, "unlinked during a refresh; the new tokens are dropped");
        return Ok(Some(Landing::Gone));
    };
    *row = now_there;
    let key = open_key(parts, row)?;
    let stored = match &row.sealed_refresh {
        Some(sealed) => Some(parts.vault.open(&key, &owner.place(Column::Refresh), sealed)?),
        None => None,
    };
    if !stored.is_some_and(|stored| same(&stored, spent)) {
        // Linked again meanwhile: theirs is a grant of its own and the newer one.
        return Ok(Some(Landing::Read));
    }
    // The refresh token we spent is still stored: ours must replace it. Of the access tokens the longer-lived stays; where
    // one states no expiry, ours, which is the newer as far as anybody knows.
    if let (Some(sealed), Some(theirs), Some(ours)) = (&row.sealed_access, row.expires_at, keeping.expires.known())
        && theirs.0 > ours
    {
        keeping.access = Some(parts.vault.open(&key, &owner.place(Column::Access), sealed)?);
        keeping.expires = Expiry::At(theirs.0);
    }
    Ok(None)
}

/// Whether two tokens are the same, in constant time.
fn same(one: &SecretString, other: &SecretString) -> bool {
    one.expose_secret().as_bytes().ct_eq(other.expose_secret().as_bytes()).into()
}

/// Marks the link, unless its tokens changed while we asked: then the loser of a race uses the winner's token.
async fn refused(
    parts: &Parts,
    provider: &ProviderId,
    link: LinkId,
    (owner, row): (&OwnerRow, &TokenRow),
) -> Result<Landing> {
    let mut tx = parts.store.begin().await?;
    if record_refusal(tx.conn(), link, row.version, store::at(parts.clock.now())).await? {
        tracing::warn!(%link, %provider, "the provider refused the refresh token for good");
        let about = About {
            subject: Some(&owner.0),
            provider: Some(provider),
            sid: Some(&owner.3),
            detail: Some(Health::NeedsConsent.as_str()),
        };
        record(parts, &mut tx, Event::ConsentNeeded, &Actor::default(), about).await?;
        tx.commit().await?;
    }
    Ok(Landing::Read)
}

/// Records a failure that may pass, and when to ask again.
async fn passing(parts: &Parts, link: LinkId, row: &TokenRow, retry_after: Option<Duration>) -> Result<Landing> {
    let [jitter] = parts.entropy.bytes::<1>();
    let wait = backoff(row.failures.saturating_add(1), jitter).max(retry_after.unwrap_or_default());
    let retry_at = later(parts.clock.now(), wait);
    let mut conn = parts.store.write().await?;
    let recorded = record_failure(&mut conn, link, row.version, store::at(retry_at)).await?;
    // Somebody linked again while we asked: their tokens are no part of this failure.
    Ok(if recorded { Landing::Rest(retry_at) } else { Landing::Read })
}

/// `moment` and `wait` more; a wait beyond the calendar is a day.
fn later(moment: DateTime<Utc>, wait: Duration) -> DateTime<Utc> {
    moment + TimeDelta::from_std(wait).unwrap_or(TimeDelta::days(1)).min(TimeDelta::days(1))
}

/// An error with its causes, on one line.
struct Chain<'a>(&'a dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
