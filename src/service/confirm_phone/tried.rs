//! Trying a code: the look is counted first, by the database, so that any number of tries at once see no more than ten codes.

use std::net::IpAddr;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::{code, live, standing, unknown};
use crate::domain::confirmation::{Look, Purpose, Tried, judge};
use crate::domain::refusal::Refusal;
use crate::domain::{Error, Result};
use crate::service::Parts;
use crate::service::attempts::{self, Key, Verdict, Window};
use crate::store::at;
use crate::store::confirm_phone_actions::{end, find, look, spend_code, verify};

/// How many tries each message of a phone's day calls for: wrong ones are counted with the right ones.
const TRIES_OF_A_CODE: usize = 2;

/// Which confirmation: the hash of its token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::service) struct TokenHash(pub(super) Vec<u8>);

impl TokenHash {
    pub(in crate::service) fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).to_vec())
    }

    /// As rows have it.
    pub(in crate::service) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Of a token for this purpose; none of any other.
    pub(in crate::service) fn parse(purpose: Purpose, token: &str) -> Option<Self> {
        token.starts_with(purpose.prefix()).then(|| Self::of(token))
    }
}

/// Confirms a phone by the code that was sent to it. Only one try a second of a confirmation is looked at, and of a network and
/// of a phone no more in a day than the messages that they get call for: four digits are guessed by who may try for ever.
pub async fn complete(parts: &Arc<Parts>, (token, typed): (&str, i64), ip: IpAddr) -> Result<()> {
    let row = live(parts, Purpose::Confirm, token).await?;
    if let Verdict::Refused { retry_after, .. } =
        attempts::count(parts, Key::new("confirm phone", token), 1, Window::Second).await?
    {
        return Err(Error::refused(Refusal::TooManyRequests { retry_after }));
    }
    let limits = &parts.settings.limits;
    let of_network = limits.sms_per_hour_and_ip.saturating_mul(24);
    let of_phone = limits.sms_per_day_and_phone.saturating_mul(TRIES_OF_A_CODE);
    let phone = Key::new("codes tried of", &row.phone);
    let mut counted = attempts::count_from(parts, ("codes tried from", ip), of_network, Window::Day).await?;
    if counted == Verdict::Allowed {
        counted = attempts::count(parts, phone, of_phone, Window::Day).await?;
    }
    if let Verdict::Refused { retry_after, .. } = counted {
        return Err(Error::refused(Refusal::TooManyRequests { retry_after }));
    }
    let refusal = match try_code(parts, TokenHash::of(token), typed, Right::Confirms).await? {
        Tried::Right => return Ok(()),
        Tried::Wrong => Refusal::SmsCodeVerificationFailed,
        Tried::Late => Refusal::SmsCodeExpired,
        Tried::TooOften => Refusal::SmsCodeMaxRetriesReached,
        Tried::Gone => return Err(unknown()),
    };
    Err(Error::refused(refusal))
}

/// What the right code does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::service) enum Right {
    /// It confirms the phone to who has the token.
    Confirms,
    /// It is used up: who typed it need not be who has the token, and that one has shown nothing.
    IsSpent,
}

/// Looks at the code of a confirmation; one look too many ends it.
pub(in crate::service) async fn try_code(
    parts: &Arc<Parts>,
    token: TokenHash,
    typed: i64,
    right: Right,
) -> Result<Tried> {
    parts
        .detached(async move |parts| {
            let (now, token) = (parts.clock.now(), token.0);
            let typed = code::mac(&parts, &token, typed)?;
            let given = look(&mut parts.store.write().await?, &token, at(now)).await?;
            let look = match given {
                Some(kept) if bool::from(kept.ct_eq(&typed)) => {
                    // Another code may have been sent meanwhile, or it may be over: then it is the code no more.
                    let mut conn = parts.store.write().await?;
                    let is_same = match right {
                        Right::Confirms => verify(&mut conn, &token, &kept, at(now)).await?,
                        Right::IsSpent => spend_code(&mut conn, &token, &kept, at(now)).await?,
                    };
                    Look::Given { is_same }
                }
                Some(_) => Look::Given { is_same: false },
                None => {
                    let row = find(&mut parts.store.write().await?, &token).await?;
                    Look::Refused(row.as_ref().map(standing))
                }
            };
            let tried = judge(look, now);
            if tried == Tried::TooOften {
                end(&mut parts.store.write().await?, &token, at(now)).await?;
            }
            Ok(tried)
        })
        .await
}
