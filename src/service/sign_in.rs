//! Signing in with a password at our own page, and out again. Whatever is wrong with a try, the answer and the work are the
//! same: who has an account is nobody's business.

use std::net::IpAddr;
use std::sync::Arc;

use secrecy::SecretString;

use super::attempts::{self, Key, SIGN_IN_FROM, Verdict, Window};
use super::audit::{About, record};
use super::confirm_phone::Asking;
use super::sessions::{self, SessionCookie};
use super::sign_in_code::{self, Asked};
use super::{Parts, passwords};
use crate::domain::account::{AccountType, Login};
use crate::domain::entry::{Entry, Means};
use crate::domain::event::{Actor, Event};
use crate::domain::ids::Subject;
use crate::domain::refusal::Refusal;
use crate::domain::{Error, Result};
use crate::settings::Locale;
use crate::store::accounts::{AccountRow, find, find_by_address, hold};
use crate::store::{self, Tx};

/// Where a try comes from.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The browser's address, as far as proxies that we trust tell it.
    pub ip: IpAddr,
    /// What the browser says it is.
    pub agent: Option<String>,
}

/// A try to sign in.
#[derive(Debug)]
pub struct Try {
    /// What was typed: an id, or a verified address.
    pub login: String,
    /// The password.
    pub password: SecretString,
    /// Where it comes from.
    pub origin: Origin,
    /// The session cookie that the browser had so far.
    pub old: Option<SecretString>,
    /// The language of a code that is sent.
    pub locale: Locale,
}

/// What a try comes to.
#[derive(Debug)]
pub enum SignIn {
    /// They are in.
    In(SessionCookie),
    /// The password is right, and the account wants a code to its phone as well.
    Code(Asked),
    /// There is no such account, it may not sign in, or the password is another.
    Refused,
}

/// Signs in. [`Error::TooManyAttempts`]: this network, or this login, had as many tries as it gets in an hour; or the account's
/// phone as many codes.
pub async fn sign_in(parts: &Arc<Parts>, attempt: Try) -> Result<SignIn> {
    let login = Login::new(&attempt.login);
    let by_login = Key::new("sign-in as", login.normal());
    // The network first: one that is out of tries must not use up those of the people it names.
    admit_from(parts, &attempt.origin).await?;
    admit(parts, by_login.clone(), &attempt.origin).await?;
    let named = named(parts, &login).await?;
    let hash = |account: &AccountRow| account.password_hash.clone().filter(|_| account.disabled_at.is_none());
    let usable: Vec<(&AccountRow, String)> =
        named.iter().filter_map(|account| Some((account, hash(account)?))).collect();
    let hashes = usable.iter().map(|(_, hash)| hash.clone()).collect();
    // An address may be the login of an account of each type, so it always takes as long as if it were.
    let rounds = if login.address.is_some() { AccountType::ALL.len() } else { 1 };
    let found = passwords::find(parts, attempt.password, hashes, rounds).await?;
    let Some((account, hash)) = found.and_then(|place| usable.into_iter().nth(place)) else {
        refused(parts, &attempt.origin, &named).await?;
        return Ok(SignIn::Refused);
    };
    let subject = Subject::parse(account.subject.clone()).map_err(Error::internal)?;
    if account.standing().judge(Means::Password) == Entry::PhoneToo {
        let asking = Asking { ip: attempt.origin.ip, locale: attempt.locale };
        return Ok(SignIn::Code(sign_in_code::ask_second(parts, (subject, hash), asking).await?));
    }
    let checked = Checked { subject, hash, tries: by_login, origin: attempt.origin, old: attempt.old };
    parts.detached(async move |parts| let_in(&parts, checked).await).await
}

/// Ends the session of this cookie, if there is one.
pub async fn sign_out(parts: &Arc<Parts>, cookie: SecretString, origin: Origin) -> Result<()> {
    parts
        .detached(async move |parts| {
            let mut tx = parts.store.begin().await?;
            if let Some(session) = sessions::look(&parts, tx.conn(), &cookie).await? {
                let about = About { subject: Some(session.subject.as_str()), ..About::default() };
                record(&parts, &mut tx, Event::SignedOut, &actor(&origin), about).await?;
            }
            sessions::end(&mut tx, &cookie).await?;
            tx.commit().await
        })
        .await
}

/// Whose password it was.
struct Checked {
    subject: Subject,
    hash: String,
    tries: Key,
    origin: Origin,
    old: Option<SecretString>,
}

async fn let_in(parts: &Parts, checked: Checked) -> Result<SignIn> {
    let Checked { subject, hash, tries, origin, old } = checked;
    let mut tx = parts.store.begin().await?;
    hold(tx.conn(), &subject).await?;
    // Meanwhile it may have got another password, which has ended all sessions: this one must not come after. Or a second
    // factor.
    let now = find(tx.conn(), &subject).await?;
    let opens = |now: &AccountRow| now.standing().judge(Means::Password) == Entry::Open;
    if !now.is_some_and(|now| opens(&now) && now.password_hash == Some(hash)) {
        return Ok(SignIn::Refused);
    }
    let cookie = sessions::open(parts, &mut tx, &subject, old.as_ref()).await?;
    attempts::forget(&mut tx, &tries).await?;
    let about = About { subject: Some(subject.as_str()), ..About::default() };
    record(parts, &mut tx, Event::SignedIn, &actor(&origin), about).await?;
    tx.commit().await?;
    Ok(SignIn::In(cookie))
}

/// Counts the try with all others of its networks, by whichever way: [`Error::TooManyAttempts`] if it is one too many.
pub(super) async fn admit_from(parts: &Arc<Parts>, origin: &Origin) -> Result<()> {
    let limit = parts.settings.limits.sign_in_per_hour;
    let counted = attempts::count_from(parts, (SIGN_IN_FROM, origin.ip), limit, Window::Hour).await?;
    judged(parts, counted, origin).await
}

/// Counts the try with all others of this key: [`Error::TooManyAttempts`] if it is one too many.
pub(super) async fn admit(parts: &Arc<Parts>, key: Key, origin: &Origin) -> Result<()> {
    let limit = parts.settings.limits.sign_in_per_hour;
    let counted = attempts::count(parts, key, limit, Window::Hour).await?;
    judged(parts, counted, origin).await
}

/// A window has one line of audit, however many it refuses.
async fn judged(parts: &Arc<Parts>, verdict: Verdict, origin: &Origin) -> Result<()> {
    let Verdict::Refused { first, retry_after } = verdict else { return Ok(()) };
    if first {
        tracing::warn!(ip = %origin.ip, "too many tries to sign in: refused for {} s", retry_after.as_secs());
        write_refusal(parts, origin, (None, "too_many_attempts")).await?;
    }
    Err(Error::TooManyAttempts { retry_after })
}

/// Counts a try of the Condo dialect (`wire/condo.md` 4.5) by whom it comes from, and then for everybody whom it concerns:
/// [`Refusal::TooManyRequests`] with the longest wait if it is one too many for any of them. The source counts all even where
/// the network is out of tries; here that one must not use up those of the people it names.
pub(super) async fn admit_all(parts: &Arc<Parts>, keys: Vec<Key>, origin: &Origin) -> Result<()> {
    let refused = |error| match error {
        Error::TooManyAttempts { retry_after } => Error::refused(Refusal::TooManyRequests { retry_after }),
        other => other,
    };
    admit_from(parts, origin).await.map_err(refused)?;
    let mut wait = None;
    for key in keys {
        match admit(parts, key, origin).await {
            Err(Error::TooManyAttempts { retry_after }) => wait = wait.max(Some(retry_after)),
            other => other?,
        }
    }
    wait.map_or(Ok(()), |retry_after| Err(Error::refused(Refusal::TooManyRequests { retry_after })))
}

/// The accounts that a login names: the one of that id, then those with the address, staff first.
async fn named(parts: &Parts, login: &Login) -> Result<Vec<AccountRow>> {
    let mut named = Vec::new();
    if let Ok(subject) = Subject::parse(login.text.clone()) {
        named.extend(store::read!(parts.store, |conn| find(conn, &subject))?);
    }
    if let Some(address) = &login.address {
        let mut found = store::read!(parts.store, |conn| find_by_address(conn, address))?;
        found.sort_by_key(|account| AccountType::ALL.iter().position(|kind| kind.as_str() == account.account_type));
        found.retain(|account| named.iter().all(|known| known.subject != account.subject));
        named.extend(found);
    }
    Ok(named)
}

async fn refused(parts: &Arc<Parts>, origin: &Origin, named: &[AccountRow]) -> Result<()> {
    let why = match named {
        // What was typed is not kept: it may have been a password.
        [] => (None, "unknown_user"),
        [one] if one.disabled_at.is_some() => (Some(one.subject.clone()), "account_disabled"),
        [one] if one.password_hash.is_none() => (Some(one.subject.clone()), "no_password"),
        [one] => (Some(one.subject.clone()), "wrong_password"),
        _ => (None, "wrong_password"),
    };
    write_refusal(parts, origin, why).await
}

/// Writes down that a try was refused: whose, if it is known, and why.
pub(super) async fn write_refusal(
    parts: &Arc<Parts>,
    origin: &Origin,
    (subject, why): (Option<String>, &'static str),
) -> Result<()> {
    let actor = actor(origin);
    parts
        .detached(async move |parts| {
            let mut tx: Tx = parts.store.begin().await?;
            let about = About { subject: subject.as_deref(), detail: Some(why), ..About::default() };
            record(&parts, &mut tx, Event::SignInRefused, &actor, about).await?;
            tx.commit().await
        })
        .await
}

/// Who tries, as the audit record has it.
pub fn actor(origin: &Origin) -> Actor {
    Actor { client: None, claimed_ip: Some(origin.ip.to_string()), claimed_agent: origin.agent.clone() }
}
