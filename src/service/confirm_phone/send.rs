//! Sending a code: as often as may be, and no oftener, whoever asks.

use std::net::IpAddr;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::tried::TokenHash;
use super::{Asking, code, code_end};
use crate::domain::account::Phone;
use crate::domain::confirmation::{Code, Purpose, ShortMessage};
use crate::domain::refusal::Refusal;
use crate::domain::{Error, Result};
use crate::service::Parts;
use crate::service::attempts::{self, Key, Verdict, Window};

/// Sends a code to a phone; gives it as it is kept, and when it ends.
pub(super) async fn code(
    parts: &Arc<Parts>,
    (token_hash, purpose): (&TokenHash, Purpose),
    phone: &Phone,
    asking: Asking,
) -> Result<(Vec<u8>, DateTime<Utc>)> {
    let lock = admit(parts, phone, asking.ip).await?;
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
    Ok((mac, code_end(parts)?))
}

/// Refuses a message in the source's order: the phone's of the day, the network's of an hour, the phone's one a minute. Gives
/// the key of the minute. The source counts the phone's day first, whatever comes after; here only messages that are sent
/// count, or anybody could use up a stranger's day in a second.
async fn admit(parts: &Arc<Parts>, phone: &Phone, ip: IpAddr) -> Result<Key> {
    if !parts.upstream.sms().is_there() {
        return Err(Error::refused(Refusal::SmsNotConfigured));
    }
    let limits = &parts.settings.limits;
    let today = Key::new("SMS of the day to", phone.as_str());
    if attempts::is_used_up(parts, &today, limits.sms_per_day_and_phone).await? {
        return Err(Error::refused(Refusal::SmsForPhoneDayLimitReached));
    }
    if is_too_many(attempts::count_from(parts, ("SMS for", ip), limits.sms_per_hour_and_ip, Window::Hour).await?) {
        return Err(Error::refused(Refusal::SmsForIpDayLimitReached));
    }
    let lock = Key::new("SMS to", phone.as_str());
    if let Verdict::Refused { retry_after, .. } = attempts::count(parts, lock.clone(), 1, Window::Minute).await? {
        return Err(Error::refused(Refusal::TooManyRequests { retry_after }));
    }
    // Of those that wait for the same minute one gets here.
    if is_too_many(attempts::count(parts, today, limits.sms_per_day_and_phone, Window::Day).await?) {
        return Err(Error::refused(Refusal::SmsForPhoneDayLimitReached));
    }
    Ok(lock)
}

fn is_too_many(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Refused { .. })
}
