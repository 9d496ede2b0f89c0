//! Sends a code, within the limits of address, network, account and installation.

use std::net::IpAddr;
use std::sync::Arc;

use super::live::{Asking, TokenHash, code_end, not_one, to_midnight};
use super::{code, day};
use crate::Parts;
use crate::attempts::{self, Key, Verdict, Window};
use crate::meters::Limit;
use domain::account::{Address, AddressKind};
use domain::budget::Budget;
use domain::confirmation::{Code, Message, Purpose};
use domain::refusal::Refusal;
use domain::{Error, Result};
use store::at;
use store::confirm_phone_actions::NewCode;

/// The confirmation that a code is for.
#[derive(Clone, Copy)]
pub(super) struct ToConfirm<'a> {
    pub(super) token_hash: &'a TokenHash,
    pub(super) purpose: Purpose,
}

/// Sends a code to an address, on this budget; gives it as it is kept.
pub(super) async fn code(
    parts: &Arc<Parts>,
    to_confirm: ToConfirm<'_>,
    address: &Address,
    budget: &Budget,
    asking: Asking,
) -> Result<NewCode> {
    let ToConfirm { token_hash, purpose } = to_confirm;
    let to = address.kind();
    let lock = parts.meters.within(Limit::messages(to), admit(parts, address, budget, asking.ip).await)?;
    let code = Code::drawn(purpose, || parts.entropy.bytes::<4>());
    let mac = code::mac(parts, &token_hash.0, code.number().into())?;
    let host = parts.settings.public_url.host_str().unwrap_or_default();
    let message = Message {
        to: address.clone(),
        subject: code::subject(to, host, asking.locale),
        text: code::text(code, purpose, host, asking.locale),
        code,
    };
    let sent = parts.detached(async move |parts| {
        let Err(why) = parts.upstream.messages(to).send(message).await else { return Ok(()) };
        match to {
            AddressKind::Email => tracing::warn!(%why, "an e-mail was not sent"),
            AddressKind::Phone => tracing::warn!(%why, "an SMS was not sent"),
        }
        // Nobody waits a minute for what never came.
        let mut tx = parts.store.begin().await?;
        attempts::forget(&mut tx, &lock).await?;
        tx.commit().await?;
        Err(Error::refused(Refusal::MessageNotSent(to)))
    });
    sent.await?;
    Ok(NewCode { mac, expires: at(code_end(parts)?), after_password: budget.is_after_password() })
}

/// Refuses a message in the source's order: the address's of the day, the network's of an hour, the address's one a minute. Gives
/// the key of the minute. The source counts the address's day first, whatever comes after; here only messages that are sent
/// count, or anybody could use up a stranger's day in a second. After a right password it is the account's day and minute, and
/// no network's: whoever is near could use that up.
async fn admit(parts: &Arc<Parts>, address: &Address, budget: &Budget, ip: IpAddr) -> Result<Key> {
    let to = address.kind();
    if !parts.upstream.messages(to).is_there() {
        return Err(Error::refused(Refusal::MessagesNotConfigured(to)));
    }
    // Each costs money, most where nobody's phone is.
    if matches!(address, Address::Phone(phone) if !parts.settings.sms_reach.includes(phone)) {
        return Err(not_one(to));
    }
    let per_day = parts.settings.limits.codes_per_day_and_address(to);
    let (kinds, whose) = (budget.kinds(to), budget.party(address.as_str()));
    let today = Key::new(kinds.day, whose);
    if attempts::is_used_up(parts, &today, per_day).await? {
        return Err(of_address_is_spent(parts, to));
    }
    let is_anybodys = *budget == Budget::Anybodys;
    if is_anybodys {
        count_for_network(parts, to, ip).await?;
        if to == AddressKind::Phone {
            day::check(parts, ip).await?;
        }
    }
    let lock = Key::new(kinds.minute, whose);
    if let Verdict::Refused { retry_after, .. } = attempts::count(parts, lock.clone(), 1, Window::Minute).await? {
        return Err(Error::refused(Refusal::TooManyRequests { retry_after }));
    }
    // Of those that wait for the same minute one gets here.
    if attempts::count(parts, today, per_day, Window::Day).await? != Verdict::Allowed {
        return Err(of_address_is_spent(parts, to));
    }
    // What a message costs is the SMS's.
    if is_anybodys && to == AddressKind::Phone {
        day::draw(parts, ip).await?;
    }
    Ok(lock)
}

async fn count_for_network(parts: &Arc<Parts>, to: AddressKind, ip: IpAddr) -> Result<()> {
    let kind = match to {
        AddressKind::Email => "e-mail for",
        AddressKind::Phone => "SMS for",
    };
    let limit = parts.settings.limits.codes_per_hour_and_ip(to);
    match (attempts::count_from(parts, kind, ip, limit, Window::Hour).await?, to) {
        (Verdict::Allowed, _) => Ok(()),
        (Verdict::Refused { retry_after, .. }, AddressKind::Email) => {
            Err(Error::refused(Refusal::TooManyRequests { retry_after }))
        }
        (Verdict::Refused { retry_after, .. }, AddressKind::Phone) => {
            Err(Error::refused(Refusal::SmsForIpDayLimitReached { retry_after }))
        }
    }
}

/// The source has no other words for an e-mail address.
fn of_address_is_spent(parts: &Parts, to: AddressKind) -> Error {
    Error::refused(match to {
        AddressKind::Email => Refusal::TooManyRequests { retry_after: to_midnight(parts) },
        AddressKind::Phone => Refusal::SmsForPhoneDayLimitReached,
    })
}
