//! Signing in at our own page by a code to a verified phone: instead of a password, or after it. A code is sent to whatever
//! number is typed, so that neither the answer nor its time tells whose it is; who has the phone learns that.

use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};

use super::Parts;
use super::audit::{About, record};
use super::confirmations::{self, Asking, Beginning, Right, TokenHash, Typed};
use super::door::{Origin, actor, write_refusal};
use super::places;
use super::reached::{self, reached_phone};
use super::sessions::{self, SessionCookie};
use crate::boxed;
use domain::account::{Account, AccountType, Address, AddressKind, PasswordHash};
use domain::confirmation::{self, Confirmation, Purpose, Tried};
use domain::entry::{Entry, Means};
use domain::event::Event;
use domain::ids::Subject;
use domain::refusal::Refusal;
use domain::{Error, Result};
use store::accounts::{find, find_by_address, hold};
use store::confirm_phone_actions::{find as find_action, insert, spend};
use store::{self, at};

/// A code on its way.
#[derive(Debug)]
pub struct Sent {
    /// What the form with the code brings back.
    pub token: SecretString,
    /// The masked number.
    pub phone: String,
}

/// What asking for a code comes to.
#[derive(Debug)]
pub enum Asked {
    /// It was sent.
    Sent(Sent),
    /// What was typed is no phone number; or the account has none that is verified; or no code is sent there, or to anybody.
    NoPhone,
    /// It could not be sent, for the moment.
    NotSent,
    /// There is nothing any more that a code could be for.
    Gone,
}

/// A code that somebody typed.
#[derive(Debug)]
pub struct CodeTry {
    /// What came with the form.
    pub token: SecretString,
    /// What was typed; none where the code was right before, and there were several accounts.
    pub code: String,
    /// Which of them.
    pub account: Option<AccountType>,
    /// Where it comes from.
    pub origin: Origin,
    /// The session cookie that the browser had so far.
    pub old: Option<SecretString>,
}

/// What a code comes to.
#[derive(Debug)]
pub enum Judged {
    /// They are in.
    In(SessionCookie),
    /// It is another code.
    Wrong,
    /// It is too old; another can be sent.
    Late,
    /// There were too many tries, or it took too long: it begins anew.
    Gone,
    /// It is right, and no account signs in with this phone alone.
    Nobody,
    /// It is right, and there is an account of each of these types.
    Several(Vec<AccountType>),
}

/// Whether codes can be sent at all.
pub fn is_there(parts: &Parts) -> bool {
    reached::is_there(parts, AddressKind::Phone)
}

/// Sends a code to sign in with to the number that was typed. [`Error::TooManyAttempts`]: the number, or the network, got as
/// many as it may.
#[boxed]
pub async fn ask(parts: &Arc<Parts>, typed: &str, asking: Asking) -> Result<Asked> {
    let Some(phone) = confirmation::phone(typed) else { return Ok(Asked::NoPhone) };
    let address = Address::Phone(phone);
    let masked = confirmation::masked(&address);
    let new = Beginning { purpose: Purpose::SignIn, address, subject: None, after_password: false };
    let begun = confirmations::begin(parts, new, asking).await;
    asked(parts, begun.map(|token| Sent { token, phone: masked }))
}

/// Sends another code.
#[boxed]
pub async fn ask_again(parts: &Arc<Parts>, token: SecretString, asking: Asking) -> Result<Asked> {
    let Some((purpose, row)) = look_up(parts, &token).await? else { return Ok(Asked::Gone) };
    let sent = confirmations::send_again(parts, purpose, token.expose_secret(), asking).await;
    let phone = confirmation::masked(&row.address);
    asked(parts, sent.map(|()| Sent { token, phone }))
}

/// Sends a code to an account whose password was right, and is not enough. The account's confirmation is stored only as long as
/// that password is its.
pub(super) async fn ask_second(
    parts: &Arc<Parts>,
    subject: Subject,
    hash: PasswordHash,
    asking: Asking,
) -> Result<Asked> {
    let account = store::read!(parts.store, |conn| find(conn, &subject))?;
    let phone = account.as_ref().and_then(|account| reached_phone(parts, account)).cloned();
    let Some(phone) = phone else { return Ok(Asked::NoPhone) };
    let address = Address::Phone(phone);
    let masked = confirmation::masked(&address);
    let asked_by = Some(subject.clone());
    let new = Beginning { purpose: Purpose::SecondFactor, address, subject: asked_by, after_password: true };
    let prepared = confirmations::prepare(parts, new, asking).await;
    let (token, row) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => return asked(parts, Err(error)),
    };
    let stored = parts.detached(async move |parts| {
        let mut tx = parts.store.begin().await?;
        hold(tx.conn(), &subject).await?;
        let now = find(tx.conn(), &subject).await?;
        if now.is_none_or(|now| now.usable_password() != Some(&hash)) {
            return Ok(false);
        }
        insert(tx.conn(), &row).await?;
        tx.commit().await?;
        Ok(true)
    });
    Ok(if stored.await? { Asked::Sent(Sent { token, phone: masked }) } else { Asked::Gone })
}

/// The masked number that the code of this token was sent to; none if there is nothing to be typed any more.
#[boxed]
pub async fn phone_of(parts: &Parts, token: &SecretString) -> Result<Option<String>> {
    Ok(look_up(parts, token).await?.map(|(_, row)| confirmation::masked(&row.address)))
}

/// Whether a form's token is one that a password has led to.
pub fn is_after_password(token: &SecretString) -> bool {
    TokenHash::parse(Purpose::SecondFactor, token.expose_secret()).is_some()
}

/// Signs in by a code. [`Error::TooManyAttempts`]: this code was looked at in this second, or this network, phone or account had
/// as many looks as it gets in a day. Tries of passwords are none of these.
#[boxed]
pub async fn sign_in(parts: &Arc<Parts>, attempt: CodeTry) -> Result<Judged> {
    let Some((purpose, row)) = look_up(parts, &attempt.token).await? else { return Ok(Judged::Gone) };
    if !row.is_verified {
        let typed = Typed { code: attempt.code.trim().parse().unwrap_or(-1), right: Right::Confirms };
        let budget = confirmations::budget_of(purpose, &row);
        let tried = confirmations::try_code(parts, &row, &budget, typed, &attempt.origin).await?;
        let judged = match tried {
            Tried::Right => None,
            Tried::Wrong => Some((Judged::Wrong, "wrong_code")),
            Tried::Late => Some((Judged::Late, "code_expired")),
            Tried::TooOften => Some((Judged::Gone, "too_many_codes")),
            Tried::Gone => Some((Judged::Gone, "code_gone")),
        };
        if let Some((judged, why)) = judged {
            write_refusal(parts, &attempt.origin, subject_text(&row), why).await?;
            return Ok(judged);
        }
    }
    let subject = match chosen(parts, purpose, &row, attempt.account).await? {
        Chosen::One(subject) => subject,
        Chosen::Several(types) => return Ok(Judged::Several(types)),
        Chosen::Nobody => {
            write_refusal(parts, &attempt.origin, subject_text(&row), "no_account_for_phone").await?;
            return Ok(Judged::Nobody);
        }
    };
    let (origin, old) = (attempt.origin, attempt.old);
    let confirmed = Confirmed { purpose, row, subject, origin, old };
    parts.detached(async move |parts| let_in(&parts, confirmed).await).await
}

/// Whose phone it was.
struct Confirmed {
    purpose: Purpose,
    row: Confirmation,
    subject: Subject,
    origin: Origin,
    old: Option<SecretString>,
}

async fn let_in(parts: &Parts, confirmed: Confirmed) -> Result<Judged> {
    let Confirmed { purpose, row, subject, origin, old } = confirmed;
    let mut tx = parts.store.begin().await?;
    hold(tx.conn(), &subject).await?;
    // Meanwhile the phone may have gone to somebody else, or the account may want a password as well.
    let now = find(tx.conn(), &subject).await?;
    if !now.is_some_and(|now| may_sign_in(&now, purpose, &row.address)) {
        return Ok(Judged::Gone);
    }
    if !spend(tx.conn(), &row.token_hash, at(parts.clock.now())).await? {
        return Ok(Judged::Gone);
    }
    let mut cookie = sessions::open(parts, &mut tx, &subject, old.as_ref()).await?;
    cookie.device = Some(places::remember(parts, &mut tx, &subject, &origin).await?);
    let detail = Some(if purpose == Purpose::SecondFactor { "password_and_code" } else { "code" });
    let about = About { subject: Some(subject.as_str()), detail, ..About::default() };
    record(parts, &mut tx, Event::SignedIn, &actor(&origin), about).await?;
    tx.commit().await?;
    Ok(Judged::In(cookie))
}

enum Chosen {
    One(Subject),
    Several(Vec<AccountType>),
    Nobody,
}

async fn chosen(parts: &Parts, purpose: Purpose, row: &Confirmation, wanted: Option<AccountType>) -> Result<Chosen> {
    if let (Purpose::SecondFactor, Some(subject)) = (purpose, &row.subject) {
        return Ok(Chosen::One(subject.clone()));
    }
    let mut found = store::read!(parts.store, |conn| find_by_address(conn, &row.address))?;
    found.retain(|account| may_sign_in(account, purpose, &row.address));
    if let Some(wanted) = wanted {
        found.retain(|account| account.account_type == wanted);
    }
    match found.as_slice() {
        [] => Ok(Chosen::Nobody),
        [one] => Ok(Chosen::One(one.subject.clone())),
        several => {
            let is_one = |wanted: &AccountType| several.iter().any(|account| account.account_type == *wanted);
            Ok(Chosen::Several(AccountType::ALL.into_iter().filter(is_one).collect()))
        }
    }
}

/// Whether an account signs in with this phone: alone, only one to which a password alone would do as well.
fn may_sign_in(account: &Account, purpose: Purpose, phone: &Address) -> bool {
    let means = if purpose == Purpose::SecondFactor { Means::PasswordAndCode } else { Means::Phone };
    account.has_verified(phone) && account.standing().judge(means) == Entry::Open
}

/// The confirmation that a form's token stands for, if it is one for signing in, and not over.
async fn look_up(parts: &Parts, token: &SecretString) -> Result<Option<(Purpose, Confirmation)>> {
    for purpose in [Purpose::SignIn, Purpose::SecondFactor] {
        if let Some(hash) = TokenHash::parse(purpose, token.expose_secret()) {
            let row = store::read!(parts.store, |conn| find_action(conn, hash.bytes()))?;
            let row = row.filter(|row| row.is_live(parts.clock.now()));
            return Ok(row.map(|row| (purpose, row)));
        }
    }
    Ok(None)
}

fn subject_text(confirmation: &Confirmation) -> Option<String> {
    confirmation.subject.as_ref().map(|subject| subject.as_str().to_owned())
}

/// What our own page makes of the dialect's refusals.
fn asked(parts: &Parts, sent: Result<Sent>) -> Result<Asked> {
    let retry_after = match sent {
        Ok(sent) => return Ok(Asked::Sent(sent)),
        Err(Error::Refused(Refusal::MessageNotSent(_))) => return Ok(Asked::NotSent),
        Err(Error::Refused(Refusal::WrongPhoneFormat)) => return Ok(Asked::NoPhone),
        Err(Error::Refused(Refusal::UnableToFindConfirmAction(_))) => return Ok(Asked::Gone),
        Err(Error::Refused(
            Refusal::TooManyRequests { retry_after } | Refusal::SmsForIpDayLimitReached { retry_after },
        )) => retry_after,
        Err(Error::Refused(Refusal::SmsForPhoneDayLimitReached)) => confirmations::to_midnight(parts),
        Err(other) => return Err(other),
    };
    Err(Error::TooManyAttempts { retry_after })
}
