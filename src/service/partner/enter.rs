//! A sign-in of somebody who is a user already: nothing of what the partner tells changes anything.

use super::super::Parts;
use super::super::audit::{About, record};
use super::super::condo_sessions::{self, PARTNER, SignedIn, Ticket};
use super::{Arrival, Step};
use crate::domain::event::Event;
use crate::domain::ids::Subject;
use crate::domain::refusal::Refusal;
use crate::domain::{Error, Result};
use crate::store::Tx;
use crate::store::accounts::{find, hold};
use crate::store::partner::find_owner;

/// Signs the identity's owner in; [`Refusal::ExternalIdentityBlocked`] if that is somebody deleted.
pub(super) async fn enter(parts: &Parts, arrival: &Arrival, owner: String) -> Result<Step> {
    let subject = Subject::parse(owner).map_err(Error::internal)?;
    let mut tx = parts.store.begin().await?;
    hold(tx.conn(), &subject).await?;
    // It may have been unlinked meanwhile, and signs nobody in then.
    if find_owner(tx.conn(), &arrival.key).await?.as_deref() != Some(subject.as_str()) {
        return Ok(Step::Again);
    }
    let account = find(tx.conn(), &subject).await?;
    if account.is_none_or(|account| account.disabled_at.is_some()) {
        let about = About { detail: Some("account_disabled"), ..about(arrival, &subject) };
        record(parts, &mut tx, Event::SignInRefused, &arrival.actor(), about).await?;
        tx.commit().await?;
        return Err(Error::refused(Refusal::ExternalIdentityBlocked));
    }
    let signed_in = SignedIn { subject: &subject, source: PARTNER, provider: &arrival.partner, client_id: None };
    Ok(Step::Done(open(parts, tx, arrival, signed_in).await?))
}

/// Opens the session, and makes all of the transaction true.
pub(super) async fn open(parts: &Parts, mut tx: Tx, arrival: &Arrival, signed_in: SignedIn<'_>) -> Result<Ticket> {
    let about = about(arrival, signed_in.subject);
    record(parts, &mut tx, Event::SignedIn, &arrival.actor(), about).await?;
    let ticket = condo_sessions::open(parts, &mut tx, signed_in, arrival.old.as_ref()).await?;
    tx.commit().await?;
    Ok(ticket)
}

/// What the audit says of a sign-in.
fn about<'a>(arrival: &'a Arrival, subject: &'a Subject) -> About<'a> {
    About {
        subject: Some(subject.as_str()),
        provider: Some(&arrival.client.identity),
        sid: Some(arrival.sid().as_str()),
        detail: Some("partner"),
    }
}
