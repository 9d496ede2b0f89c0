//! Sends a code, within the limits of phone, network, account and installation.

use std::net::IpAddr;
use std::sync::Arc;

use super::live::{Asking, TokenHash, code_end};
use super::{code, day};
use crate::service::Parts;
use crate::service::attempts::{self, Key, Verdict, Window};
use crate::service::meters::Limit;
use domain::account::Phone;
use domain::budget::Budget;
use domain::confirmation::{Code, Purpose, ShortMessage};
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

/// Sends a code to a phone, on this budget; gives it as it is kept.
pub(super) async fn code(
    parts: &Arc<Parts>,
    to_confirm: ToConfirm<'_>,
    phone: &Phone,
    budget: &Budget,
    asking: Asking,
) -> Result<NewCode> {
    let ToConfirm { token_hash, purpose } = to_confirm;
    let lock = parts.meters.within(Limit::Sms, admit(parts, phone, budget, asking.ip).await)?;
    let code = Code::drawn(purpose, || parts.entropy.bytes::<4>());
    let mac = code::mac(parts, &token_hash.0, code.number().into())?;
    let host = parts.settings.public_url.host_str().unwrap_or_default();
    let message = ShortMessage { to: phone.clone(), text: code::text(code, purpose, host, asking.locale), code };
    let sent = parts.detached(async move |parts| {
        let Err(why) = parts.upstream.sms().send(message).await else { return Ok(()) };
        tracing::warn!(%why, "an SMS was not sent");
        // Nobody waits a minute for what never came.
        let mut tx = parts.store.begin().await?;
        attempts::forget(&mut tx, &lock).await?;
        tx.commit().await?;
        Err(Error::refused(Refusal::SmsNotSent))
    });
    sent.await?;
    Ok(NewCode { mac, expires: at(code_end(parts)?), after_password: budget.is_after_password() })
}

/// Refuses a message in the source's order: the phone's of the day, the network's of an hour, the phone's one a minute. Gives
/// the key of the minute. The source counts the phone's day first, whatever comes after; here only messages that are sent
/// count, or anybody could use up a stranger's day in a second. After a right password it is the account's day and minute, and
/// no network's: whoever is near could use that up.
async fn admit(parts: &Arc<Parts>, phone: &Phone, budget: &Budget, ip: IpAddr) -> Result<Key> {
    if !parts.upstream.sms().is_there() {
        return Err(Error::refused(Refusal::SmsNotConfigured));
    }
    // Each costs money, most where nobody's phone is.
    if !parts.settings.sms_reach.includes(phone) {
        return Err(Error::refused(Refusal::WrongPhoneFormat));
    }
    let limits = &parts.settings.limits;
    let (kinds, whose) = (budget.kinds(), budget.party(phone.as_str()));
    let today = Key::new(kinds.day, whose);
    if attempts::is_used_up(parts, &today, limits.sms_per_day_and_phone).await? {
        return Err(Error::refused(Refusal::SmsForPhoneDayLimitReached));
    }
    let is_anybodys = *budget == Budget::Anybodys;
    if is_anybodys {
        let counted = attempts::count_from(parts, "SMS for", ip, limits.sms_per_hour_and_ip, Window::Hour).await?;
        if let Verdict::Refused { retry_after, .. } = counted {
            return Err(Error::refused(Refusal::SmsForIpDayLimitReached { retry_after }));
        }
        day::check(parts, ip).await?;
    }
    let lock = Key::new(kinds.minute, whose);
    if let Verdict::Refused { retry_after, .. } = attempts::count(parts, lock.clone(), 1, Window::Minute).await? {
        return Err(Error::refused(Refusal::TooManyRequests { retry_after }));
    }
    // Of those that wait for the same minute one gets here.
    if attempts::count(parts, today, limits.sms_per_day_and_phone, Window::Day).await? != Verdict::Allowed {
        return Err(Error::refused(Refusal::SmsForPhoneDayLimitReached));
    }
    if is_anybodys {
        day::draw(parts, ip).await?;
    }
    Ok(lock)
}
