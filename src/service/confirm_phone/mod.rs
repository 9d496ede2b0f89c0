//! Confirming a phone by a code sent to it (`docs/condo-contract.md` 3). A confirmation is known by its token, which is kept as a hash;
//! its code is kept under a key that is not in the database.

mod code;
mod day;
mod factor;
mod given;
mod send;
mod tried;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Days, NaiveTime, TimeDelta, Utc};
use secrecy::{ExposeSecret as _, SecretString};

use super::Parts;
use super::attempts::{self, Verdict, Window};
use domain::account::{Account, Phone};
use domain::budget::Budget;
use domain::confirmation::{self, ACTION_LIFETIME, CODE_LIFETIME, Confirmation, Purpose};
use domain::ids::Subject;
use domain::refusal::Refusal;
use domain::{Error, Result};
use settings::Locale;
use store::accounts;
use store::confirm_phone_actions::{find, insert, renew, spend as spend_row};
use store::{self, Tx, at};

pub(super) use factor::{Factor, second_factor, spend_factor};
pub(super) use given::open as open_budget;
pub use tried::complete;
pub(super) use tried::{Right, TokenHash, budget_of, try_code};

/// Who asks for a code.
#[derive(Clone, Copy, Debug)]
pub struct Asking {
    /// Where they are.
    pub ip: IpAddr,
    /// The language of the message.
    pub locale: Locale,
}

/// Whose phone is to be confirmed, and what for.
#[derive(Debug)]
pub(super) struct Beginning {
    pub(super) purpose: Purpose,
    pub(super) phone: Phone,
    /// The account that it was asked for by; then the number is not told before it is confirmed.
    pub(super) subject: Option<Subject>,
    /// Whether that one's password was right.
    pub(super) after_password: bool,
}

/// A phone as who has the token may see it.
#[derive(Debug)]
pub struct Shown {
    /// The number, or its mask.
    pub phone: String,
    /// Whether it is confirmed.
    pub is_verified: bool,
}

/// Sends a code to a phone, or to that of a user; gives the token. Whose phone it is makes no difference, nor whether it is
/// anybody's.
pub async fn start(
    parts: &Arc<Parts>,
    (phone, user): (Option<&str>, Option<&str>),
    asking: Asking,
) -> Result<SecretString> {
    // The source's own reading: what is empty is not there.
    let given = |text: Option<&'_ str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    let (phone, subject, after_password) = match (given(phone), given(user)) {
        (None, None) => return Err(Error::refused(Refusal::PhoneAndUserIdIsMissing)),
        (Some(_), Some(_)) => return Err(Error::refused(Refusal::ShouldBeOneIdentifierOnly)),
        (Some(phone), None) => (Some(phone), None, false),
        (None, Some(user)) => {
            let subject = Subject::parse(user).ok();
            let account = account_of(parts, subject.as_ref()).await?;
            let after_password = given::is_open(parts, account.as_ref(), asking.ip).await?;
            if !after_password {
                count_question(parts, asking.ip).await?;
            }
            (
                account.and_then(|account| account.phone).map(|phone| phone.address.as_str().to_owned()),
                subject,
                after_password,
            )
        }
    };
    let phone = phone.as_deref().and_then(confirmation::phone);
    let phone = phone.ok_or_else(|| Error::refused(Refusal::WrongPhoneFormat))?;
    begin(parts, Beginning { purpose: Purpose::Confirm, phone, subject, after_password }, asking).await
}

async fn account_of(parts: &Parts, subject: Option<&Subject>) -> Result<Option<Account>> {
    let Some(subject) = subject else { return Ok(None) };
    let account = store::read!(parts.store, |conn| accounts::find(conn, subject))?;
    Ok(account.filter(Account::may_sign_in))
}

/// Whether there is such a user is answered only so often, but to whom the right password has told it.
async fn count_question(parts: &Arc<Parts>, ip: IpAddr) -> Result<()> {
    let limit = parts.settings.limits.sms_per_hour_and_ip;
    match attempts::count_from(parts, ("users asked by", ip), limit, Window::Hour).await? {
        Verdict::Allowed => Ok(()),
        Verdict::Refused { retry_after, .. } => Err(Error::refused(Refusal::TooManyRequests { retry_after })),
    }
}

/// Sends a code and stores its confirmation; gives the token.
pub(super) async fn begin(parts: &Arc<Parts>, new: Beginning, asking: Asking) -> Result<SecretString> {
    let (token, made) = prepare(parts, new, asking).await?;
    parts.detached(async move |parts| insert(&mut parts.store.write().await?, &made).await).await?;
    Ok(token)
}

/// Sends a code. Its confirmation is the caller's to store, which is done once the code is on its way: what could not be sent
/// leaves nothing behind, and can be asked for again at once.
pub(super) async fn prepare(
    parts: &Arc<Parts>,
    new: Beginning,
    asking: Asking,
) -> Result<(SecretString, Confirmation)> {
    let token: SecretString = format!("{}{}", new.purpose.prefix(), parts.entropy.uuid()).into();
    let token_hash = TokenHash::of(token.expose_secret());
    let budget = Budget::of(new.purpose, new.subject.as_ref(), new.after_password);
    let code = send::code(parts, (&token_hash, new.purpose), &new.phone, &budget, asking).await?;
    let now = parts.clock.now();
    let made = Confirmation {
        token_hash: token_hash.0,
        purpose: new.purpose,
        phone: new.phone,
        subject: new.subject,
        code_mac: code.mac,
        code_expires: code.expires.0,
        looks: 0,
        is_verified: false,
        completed: None,
        expires: now + TimeDelta::from_std(ACTION_LIFETIME).map_err(Error::internal)?,
        created: now,
        after_password: code.after_password,
    };
    Ok((token, made))
}

/// Sends another code; the one before is void once it is on its way.
pub async fn resend(parts: &Arc<Parts>, token: &str, asking: Asking) -> Result<()> {
    send_again(parts, (Purpose::Confirm, token), asking).await
}

/// As [`resend`], for a confirmation of this purpose.
pub(super) async fn send_again(parts: &Arc<Parts>, (purpose, token): (Purpose, &str), asking: Asking) -> Result<()> {
    let found = live(parts, purpose, token).await?;
    // Our own page's tokens of this kind are given to nobody without the password. In the dialect an id does.
    let after_password = match (purpose, &found.subject) {
        (Purpose::Confirm, Some(subject)) => {
            given::is_open(parts, account_of(parts, Some(subject)).await?.as_ref(), asking.ip).await?
        }
        _ => found.after_password,
    };
    let budget = Budget::of(purpose, found.subject.as_ref(), after_password);
    let token_hash = TokenHash(found.token_hash);
    let code = send::code(parts, (&token_hash, purpose), &found.phone, &budget, asking).await?;
    let renewed = parts.detached(async move |parts| {
        let now = at(parts.clock.now());
        renew(&mut parts.store.write().await?, &token_hash.0, code, now).await
    });
    if renewed.await? { Ok(()) } else { Err(unknown()) }
}

/// The phone of a confirmation: who asked for it by a user's id may not learn it by that.
pub async fn phone_of(parts: &Parts, token: &str) -> Result<Shown> {
    let found = live(parts, Purpose::Confirm, token).await?;
    let is_secret = found.subject.is_some() && !found.is_verified;
    let phone = if is_secret { confirmation::masked_phone(&found.phone) } else { found.phone.as_str().to_owned() };
    Ok(Shown { phone, is_verified: found.is_verified })
}

/// The phone that this token confirms, if it does, and was not spent.
pub(super) async fn find_verified(parts: &Parts, token: &str) -> Result<Option<Phone>> {
    let found = look_up(parts, Purpose::Confirm, token).await?;
    Ok(found.filter(|found| found.is_verified).map(|found| found.phone))
}

/// Spends a token, if it confirms a phone: of any number at once one gets it.
pub(super) async fn spend(parts: &Parts, tx: &mut Tx, token: &str) -> Result<Option<Phone>> {
    let Some(token_hash) = TokenHash::parse(Purpose::Confirm, token) else { return Ok(None) };
    spend_row(tx.conn(), &token_hash.0, at(parts.clock.now())).await
}

/// The confirmation of this token, if it can be used.
async fn look_up(parts: &Parts, purpose: Purpose, token: &str) -> Result<Option<Confirmation>> {
    let Some(token_hash) = TokenHash::parse(purpose, token) else { return Ok(None) };
    let found = store::read!(parts.store, |conn| find(conn, &token_hash.0))?;
    Ok(found.filter(|found| found.is_live(parts.clock.now())))
}

async fn live(parts: &Parts, purpose: Purpose, token: &str) -> Result<Confirmation> {
    look_up(parts, purpose, token).await?.ok_or_else(unknown)
}

fn unknown() -> Error {
    Error::refused(Refusal::UnableToFindConfirmPhoneAction)
}

/// How long it is to the end of the calendar day, UTC.
pub(super) fn to_midnight(parts: &Parts) -> Duration {
    let now = parts.clock.now();
    let midnight = (now.date_naive() + Days::new(1)).and_time(NaiveTime::MIN).and_utc();
    (midnight - now).to_std().unwrap_or_default()
}

/// When a code that is sent now ends.
fn code_end(parts: &Parts) -> Result<DateTime<Utc>> {
    Ok(parts.clock.now() + TimeDelta::from_std(CODE_LIFETIME).map_err(Error::internal)?)
}
