//! A sign-in of somebody who is a user already: nothing of what the partner tells changes anything.

use secrecy::ExposeSecret as _;

use super::super::audit::{About, record};
use super::super::condo_sessions::{self, PARTNER, SignedIn, Ticket};
use super::super::reached::reached_phone;
use super::super::{Parts, confirmations};
use super::arrival::{Arrival, Step, parameter};
use domain::account::{Account, Address, AddressKind};
use domain::confirmation::{Purpose, masked};
use domain::entry::{Blocked, Entry, Means};
use domain::event::Event;
use domain::ids::Subject;
use domain::refusal::Refusal;
use domain::{Error, Result};
use store::Tx;
use store::accounts::{find, hold};
use store::partner::find_owner;

/// Signs the identity's owner in, as the account stands by now. [`Refusal::ExternalIdentityBlocked`] if a partner's word does
/// not open it; [`Refusal::PhoneConfirmationRequired`] if it takes the account's own phone as well.
pub(super) async fn enter(parts: &Parts, arrival: &Arrival, owner: String) -> Result<Step> {
    let subject = Subject::parse(owner).map_err(Error::internal)?;
    let mut tx = parts.store.begin().await?;
    hold(tx.conn(), &subject).await?;
    // It may have been unlinked meanwhile, and signs nobody in then.
    if find_owner(tx.conn(), &arrival.key).await?.as_deref() != Some(subject.as_str()) {
        return Ok(Step::Again);
    }
    let refused = match find(tx.conn(), &subject).await? {
        None => Some((Blocked::Disabled.as_str(), Refusal::ExternalIdentityBlocked)),
        Some(account) => match account.standing().judge(Means::Partner) {
            Entry::Open => None,
            Entry::CodeToo => show_phone(parts, &mut tx, arrival, &account).await?,
            Entry::Blocked(why) => Some((why.as_str(), Refusal::ExternalIdentityBlocked)),
        },
    };
    if let Some((why, refusal)) = refused {
        let about = About { detail: Some(why), ..about(arrival, &subject) };
        record(parts, &mut tx, Event::SignInRefused, &arrival.actor(), about).await?;
        tx.commit().await?;
        return Err(Error::refused(refusal));
    }
    let signed_in = SignedIn { subject: &subject, source: PARTNER, provider: &arrival.partner, client_id: None };
    Ok(Step::Done(open(parts, tx, arrival, signed_in).await?))
}

/// Takes a confirmation of the account's own phone beside the partner's word, which lets in once; or why it doesn't. One of
/// another phone is not spent.
async fn show_phone(
    parts: &Parts,
    tx: &mut Tx,
    arrival: &Arrival,
    account: &Account,
) -> Result<Option<(&'static str, Refusal)>> {
    let own = account.verified_phone().cloned().map(Address::Phone);
    let Some(token) = arrival.confirmed(AddressKind::Phone)? else {
        // Who comes with a partner's token learns no number by it that the partner doesn't tell, and none that gets no codes.
        let reached = reached_phone(parts, account);
        let is_told = arrival.profile.phone.as_ref() == reached;
        let phone = reached.cloned().map(Address::Phone);
        let phone = phone.map(|own| if is_told { own.as_str().to_owned() } else { masked(&own) });
        let refusal = Refusal::PhoneConfirmationRequired { phone };
        return Ok(Some((Blocked::SecondFactor.as_str(), refusal)));
    };
    let token = token.expose_secret();
    let is_own = own.is_some() && confirmations::find_verified(parts, Purpose::ConfirmPhone, token).await? == own;
    if is_own && confirmations::spend(parts, tx, Purpose::ConfirmPhone, token).await? {
        return Ok(None);
    }
    Ok(Some(("wrong_second_factor", Refusal::InvalidParameter(parameter(AddressKind::Phone)))))
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
