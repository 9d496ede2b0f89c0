//! Signing in with a password at our own page, and out again. Whatever is wrong with a try, the answer and the work are the
//! same: who has an account is nobody's business.

use std::sync::Arc;

use secrecy::SecretString;

use super::attempts::{self, Key};
use super::audit::{About, record};
use super::confirmations::Asking;
use super::door::{Origin, actor};
use super::looked::{Found, Typed, named_by, refused};
use super::sessions::{self, SessionCookie};
use super::sign_in_code::{self, Asked};
use super::tries::{self, Candidate};
use super::{Parts, places};
use crate::boxed;
use domain::account::{Account, AccountType, Login, PasswordHash};
use domain::entry::{Entry, Means};
use domain::event::Event;
use domain::ids::Subject;
use domain::{Error, Result};
use settings::Locale;
use store::accounts::{find, hold};

/// A sign-in attempt by password.
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

/// The outcome of an attempt.
#[derive(Debug)]
pub enum SignIn {
    /// They are in.
    In(SessionCookie),
    /// The password is right, and the account wants a code to its phone as well.
    Code(Asked),
    /// There is no such account, it may not sign in, or the password is another.
    Refused,
}

/// Signs in with a password. [`Error::TooManyAttempts`] if the limit of the network, of each account that the login may name, or
/// of codes to the account's phone is reached.
#[boxed]
pub async fn sign_in(parts: &Arc<Parts>, attempt: Try) -> Result<SignIn> {
    let login = Login::new(&attempt.login);
    let drawn = tries::drawn(parts, named(parts, &login).await?, &attempt.origin).await?;
    let accounts: Vec<Account> = drawn.iter().filter_map(|one| one.account().cloned()).collect();
    // An address may be the login of an account of each type, so it always takes as long as if it were.
    let rounds = if login.address.is_some() { AccountType::ALL.len() } else { 1 };
    let typed = Typed { password: &attempt.password, origin: &attempt.origin };
    let looked = typed.look_among(parts, drawn, rounds).await?;
    let Some(Found { subject, hash, tries }) = looked.found else {
        if looked.at_all {
            refused(parts, &attempt.origin, &accounts).await?;
        }
        return looked.wait.map_or(Ok(SignIn::Refused), |retry_after| Err(Error::TooManyAttempts { retry_after }));
    };
    let wants_phone = |account: &Account| account.standing().judge(Means::Password) == Entry::CodeToo;
    let wants_phone = accounts.iter().any(|account| account.subject == subject && wants_phone(account));
    if wants_phone {
        let asking = Asking { ip: attempt.origin.ip, locale: attempt.locale };
        return Ok(SignIn::Code(sign_in_code::ask_second(parts, subject, hash, asking).await?));
    }
    let checked = Checked { subject, hash, tries, origin: attempt.origin, old: attempt.old };
    parts.detached(async move |parts| let_in(&parts, checked).await).await
}

/// Ends the session of this cookie, if there is one.
#[boxed]
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

/// The account whose password matched.
struct Checked {
    subject: Subject,
    hash: PasswordHash,
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
    let opens = |now: &Account| now.standing().judge(Means::Password) == Entry::Open;
    if !now.is_some_and(|now| opens(&now) && now.password_hash == Some(hash)) {
        return Ok(SignIn::Refused);
    }
    let mut cookie = sessions::open(parts, &mut tx, &subject, old.as_ref()).await?;
    cookie.device = Some(places::remember(parts, &mut tx, &subject, &origin).await?);
    attempts::forget(&mut tx, &tries).await?;
    let about = About { subject: Some(subject.as_str()), ..About::default() };
    record(parts, &mut tx, Event::SignedIn, &actor(&origin), about).await?;
    tx.commit().await?;
    Ok(SignIn::In(cookie))
}

/// The accounts that a login may name: by id, then by address, staff first.
async fn named(parts: &Parts, login: &Login) -> Result<Vec<Candidate>> {
    let account = match Subject::parse(login.text.clone()) {
        Ok(subject) => store::read!(parts.store, |conn| find(conn, &subject))?,
        Err(_no_id) => None,
    };
    let mut named = vec![Candidate::of_id(&login.text, account)];
    if let Some(address) = &login.address {
        named.extend(named_by(parts, address).await?);
    }
    Ok(named)
}
