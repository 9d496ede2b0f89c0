//! Trying a code: the look is counted first, by the database, so that any number of tries at once see no more than ten codes.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;

use super::code;
use super::live::{live, unknown};
use crate::attempts::{self, Key, Verdict, Window};
use crate::door::{Origin, write_refusal};
use crate::meters::Limit;
use crate::{Parts, boxed};
use domain::account::AddressKind;
use domain::budget::{Budget, looks_in_a_day};
use domain::confirmation::{Confirmation, Look, Purpose, Tried, judge};
use domain::refusal::Refusal;
use domain::{Error, Result};
use store::confirm_phone_actions::{end, find, look, spend_code, verify};
use store::{self, at};

/// Confirms an address of this kind by the code that was sent to it.
#[boxed]
pub async fn complete(parts: &Arc<Parts>, kind: AddressKind, token: &str, typed: i64, origin: &Origin) -> Result<()> {
    let purpose = Purpose::confirming(kind);
    let found = live(parts, purpose, token).await?;
    let budget = budget_of(purpose, &found);
    let refusal = match try_code(parts, &found, &budget, Typed { code: typed, right: Right::Confirms }, origin).await? {
        Tried::Right => return Ok(()),
        Tried::Wrong => Refusal::CodeVerificationFailed(kind),
        Tried::Late => Refusal::CodeExpired(kind),
        Tried::TooOften => Refusal::CodeMaxRetriesReached(kind),
        Tried::Gone => return Err(unknown(purpose)),
    };
    Err(Error::refused(refusal))
}

/// The allowance that attempts at a confirmation's code draw on.
pub(crate) fn budget_of(purpose: Purpose, tried: &Confirmation) -> Budget {
    Budget::of(purpose, tried.subject.as_ref(), tried.after_password)
}

/// What the right code does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Right {
    /// It confirms the address to who has the token.
    Confirms,
    /// It is used up: who typed it need not be who has the token, and that one has shown nothing.
    IsSpent,
}

/// Digits that somebody typed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Typed {
    /// As a number.
    pub(crate) code: i64,
    /// What the right ones do.
    pub(crate) right: Right,
}

/// Looks at the code of a confirmation; one look too many ends it. Only one look a second is given of a confirmation, and of a
/// network, and of an address or an account, no more in a day than their messages call for: [`Error::TooManyAttempts`].
pub(crate) async fn try_code(
    parts: &Arc<Parts>,
    tried: &Confirmation,
    budget: &Budget,
    typed: Typed,
    origin: &Origin,
) -> Result<Tried> {
    if let Verdict::Refused { first, retry_after } = count_look(parts, tried, budget, origin).await? {
        if first {
            tracing::warn!(ip = %origin.ip, "too many codes were tried: refused for {} s", retry_after.as_secs());
            let is_sign_in =
                matches!(tried.purpose, Purpose::SignIn | Purpose::SecondFactor) || typed.right == Right::IsSpent;
            let subject = match budget {
                Budget::Accounts(subject) => Some(subject.as_str().to_owned()),
                Budget::Anybodys => None,
            };
            if is_sign_in {
                write_refusal(parts, origin, subject, "too_many_attempts").await?;
            }
        }
        parts.meters.reached(Limit::Codes);
        return Err(Error::TooManyAttempts { retry_after });
    }
    let token = tried.token_hash.clone();
    parts.detached(async move |parts| look_at(&parts, token, typed).await).await
}

/// `first` is never of a second: those are many.
async fn count_look(parts: &Arc<Parts>, tried: &Confirmation, budget: &Budget, origin: &Origin) -> Result<Verdict> {
    let to = tried.address.kind();
    let (kinds, limits) = (budget.kinds(to), &parts.settings.limits);
    let this = Key::new(kinds.second, &URL_SAFE_NO_PAD.encode(&tried.token_hash));
    if let Verdict::Refused { retry_after, .. } = attempts::count(parts, this, 1, Window::Second).await? {
        return Ok(Verdict::Refused { first: false, retry_after });
    }
    let of_network = limits.codes_per_hour_and_ip(to).saturating_mul(24);
    let counted = attempts::count_from(parts, kinds.looks_from, origin.ip, of_network, Window::Day).await?;
    if counted != Verdict::Allowed {
        return Ok(counted);
    }
    // Four digits and six are no looks at the same.
    let whose = Key::new(kinds.looks, &format!("{}{}", tried.purpose.prefix(), budget.party(tried.address.as_str())));
    let of_day = looks_in_a_day(tried.purpose, limits.codes_per_day_and_address(to));
    attempts::count(parts, whose, of_day, Window::Day).await
}

async fn look_at(parts: &Parts, token: Vec<u8>, typed: Typed) -> Result<Tried> {
    let Typed { code: typed, right } = typed;
    let now = parts.clock.now();
    let typed = code::mac(parts, &token, typed)?;
    let given = store::claim!(parts.store, |conn| look(conn, &token, at(now)))?;
    let look = match given {
        Some(kept) if bool::from(kept.ct_eq(&typed)) => {
            // Another code may have been sent meanwhile, or it may be over: then it is the code no more.
            let is_same = match right {
                Right::Confirms => store::claim!(parts.store, |conn| verify(conn, &token, &kept, at(now)))?,
                Right::IsSpent => store::claim!(parts.store, |conn| spend_code(conn, &token, &kept, at(now)))?,
            };
            Look::Given { is_same }
        }
        Some(_) => Look::Given { is_same: false },
        None => {
            let found = find(&mut parts.store.write().await?, &token).await?;
            Look::Refused(found.as_ref().map(Confirmation::standing))
        }
    };
    let tried = judge(look, now);
    if tried == Tried::TooOften {
        end(&mut parts.store.write().await?, &token, at(now)).await?;
    }
    Ok(tried)
}
