//! Signing in with a password through the Condo dialect, and out again (`docs/condo-contract.md` 4). Whatever is wrong with a try, the
//! answer and the work are the same, as at our own page (`service::sign_in`).

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};

use super::attempts::sign_in_by;
use super::audit::{About, record};
use super::condo_sessions::{CondoSession, SidHash, SignedIn, Ticket, end, open};
use super::confirmations::{Factor, open_budget, phone_factor, spend_factor, token_factor};
use super::door::{Origin, actor, admit as admit_by, admit_from, too_many, write_refusal};
use super::looked::{Typed, named_by, refused};
use super::meters::Limit;
use super::places::{self, DeviceCookie};
use super::reached::{reached_email, reached_phone};
use super::tries::{self, Candidate, Drawn};
use super::{Parts, passwords};
use crate::boxed;
use domain::account::{Account, AccountType, Address, AddressKind, Email, PasswordHash};
use domain::confirmation::masked;
use domain::entry::{Entry, Means};
use domain::event::Event;
use domain::ids::Subject;
use domain::refusal::{AuthDetails, Refusal};
use domain::sender::{self, Details, Sender};
use domain::user::User;
use domain::{Error, Result};
use store::accounts::{find, find_by_login, hold};

/// A try to sign in.
#[derive(Debug)]
pub struct Try {
    /// By which kind of address.
    pub kind: AddressKind,
    /// The address; none if what was typed can't be one.
    pub address: Option<Address>,
    /// As what kind of user.
    pub account_type: AccountType,
    /// The password.
    pub password: SecretString,
    /// What shows, beside the password, that it is them.
    pub second_factor: Option<SecondFactor>,
    /// In which version of the data, and from which device. Looked at after the try is counted.
    pub sender: (i32, Sender),
    /// By which mutation: the session notes it.
    pub mutation: &'static str,
    /// Where it comes from.
    pub origin: Origin,
    /// The session that came with the request: it ends with the one that begins.
    pub session: Option<CondoSession>,
}

/// A second factor as it was passed.
#[derive(Debug)]
pub enum SecondFactor {
    /// A token that confirms the user's phone, or the code that was sent to it.
    Phone(SecretString),
    /// A token that confirms the user's e-mail address.
    Email(SecretString),
}

/// Who has signed in.
#[derive(Debug)]
pub struct Opened {
    /// The user.
    pub user: User,
    /// What the client keeps.
    pub ticket: Ticket,
    /// What the browser is known by from now on, if it is one.
    pub device: DeviceCookie,
}

/// A try to sign in by an e-mail address and a password alone, as whatever kind of user.
#[derive(Debug)]
pub struct PlainTry {
    /// The address; none if what was typed can't be one.
    pub email: Option<Email>,
    /// The password.
    pub password: SecretString,
    /// By which mutation: the session notes it.
    pub mutation: &'static str,
    /// Where it comes from.
    pub origin: Origin,
    /// The session that came with the request: it ends with the one that begins.
    pub session: Option<CondoSession>,
}

/// Signs in the user of the address whose password it is; staff first, where several have the same. Refuses as [`sign_in`] does,
/// whatever is wrong: the source tells who has an account here. Who is signed in where it comes from is counted before the network.
#[boxed]
pub async fn sign_in_plainly(parts: &Arc<Parts>, attempt: PlainTry) -> Result<Opened> {
    let wrong = || Error::refused(Refusal::WrongCredentials(AddressKind::Email));
    let too_many = |retry_after| Error::refused(Refusal::TooManyRequests { retry_after });
    let origin = &attempt.origin;
    if let Some(retry_after) = waits_as_user(parts, attempt.session.as_ref(), origin).await? {
        return Err(too_many(retry_after));
    }
    let Some(address) = attempt.email.map(Address::Email) else {
        return Err(match tries::waiting(admit_from(parts, origin).await)? {
            Some(retry_after) => too_many(retry_after),
            None => wrong(),
        });
    };
    let drawn = tries::drawn(parts, named_by(parts, &address).await?, origin).await?;
    let accounts: Vec<Account> = drawn.iter().filter_map(|one| one.account().cloned()).collect();
    // As many comparisons as there may be users of the address, however many there are.
    let typed = Typed { password: &attempt.password, origin };
    let looked = typed.look_among(parts, drawn, AccountType::ALL.len()).await?;
    let Some(found) = looked.found else {
        if looked.at_all {
            refused(parts, origin, &accounts).await?;
        }
        return Err(looked.wait.map_or_else(wrong, too_many));
    };
    let checked = Checked {
        subject: found.subject,
        address,
        kind: AddressKind::Email,
        hash: found.hash,
        factor: None,
        mutation: attempt.mutation,
        origin: attempt.origin,
        old: attempt.session.map(|session| session.sid_hash),
    };
    enter(parts, checked).await
}

/// Signs in. [`Refusal::TooManyRequests`] if the network, the user, or the account of the address had as many tries as they get
/// in this hour, good ones among them; [`Refusal::WrongCredentials`] whatever is wrong with this one;
/// [`Refusal::NotEnoughAuthFactors`] if the password is right and is not enough.
#[boxed]
pub async fn sign_in(parts: &Arc<Parts>, attempt: Try) -> Result<Opened> {
    let account = match &attempt.address {
        None => None,
        Some(address) => store::read!(parts.store, |conn| find_by_login(conn, attempt.account_type, address))?,
    };
    let named = attempt.address.as_ref();
    let named = named.map(|address| Candidate::of_address(attempt.account_type, address, account, true));
    let drawn = admit(parts, &attempt, named).await?;
    sender::check(attempt.sender.0, &attempt.sender.1, Details::Example)?;
    let (Some(address), Some(drawn)) = (attempt.address, drawn) else {
        return Err(Error::refused(match attempt.kind {
            AddressKind::Email => Refusal::WrongEmailValue,
            AddressKind::Phone => Refusal::WrongPhoneFormat,
        }));
    };
    let account = drawn.account();
    let hash = account.and_then(Account::usable_password).cloned();
    // One comparison, be there an account or not.
    let line = drawn.line(&attempt.origin);
    let found = passwords::find(&parts.passwords, line, attempt.password, hash.iter().cloned().collect(), 1).await;
    let found = parts.meters.within(Limit::Passwords, found)?;
    let (Some(account), Some(hash), Some(_)) = (account, hash, found) else {
        refused(parts, &attempt.origin, account.map_or(&[], std::slice::from_ref)).await?;
        return Err(Error::refused(Refusal::WrongCredentials(attempt.kind)));
    };
    let factor = match &attempt.second_factor {
        None => None,
        Some(passed) => {
            let Some(factor) = look_at(parts, account, passed, &attempt.origin).await? else {
                let subject = Some(account.subject.as_str().to_owned());
                write_refusal(parts, &attempt.origin, subject, "wrong_second_factor").await?;
                return Err(Error::refused(Refusal::WrongCredentials(attempt.kind)));
            };
            Some(factor)
        }
    };
    let checked = Checked {
        subject: account.subject.clone(),
        address,
        kind: attempt.kind,
        hash,
        factor,
        mutation: attempt.mutation,
        origin: attempt.origin,
        old: attempt.session.map(|session| session.sid_hash),
    };
    enter(parts, checked).await
}

/// Lets somebody in whose password it was, whatever becomes of the caller.
async fn enter(parts: &Arc<Parts>, checked: Checked) -> Result<Opened> {
    parts
        .detached(async move |parts| {
            let (subject, hash, ip) = (checked.subject.clone(), checked.hash.clone(), checked.origin.ip);
            let opened = let_in(&parts, checked).await;
            // Who is told that the password is right can have a code sent, whatever others have sent themselves.
            if matches!(&opened, Err(Error::Refused(Refusal::NotEnoughAuthFactors(_)))) {
                open_budget(&parts, &subject, hash.as_str(), ip).await?;
            }
            opened
        })
        .await
}

/// Counts the try for the user who is signed in where it comes from: how long to wait if it is one too many for them.
async fn waits_as_user(
    parts: &Arc<Parts>,
    session: Option<&CondoSession>,
    origin: &Origin,
) -> Result<Option<Duration>> {
    match session.and_then(|session| session.user.as_ref()) {
        None => Ok(None),
        Some(user) => tries::waiting(admit_by(parts, sign_in_by(&user.id), origin).await),
    }
}

/// Counts the try for everybody whom it concerns: [`Refusal::TooManyRequests`] with the longest wait if it is one too many for
/// any of them. The source counts all even where the network is out of tries; here that one must not use up those of the
/// people it names, nor those of who is known there.
async fn admit(parts: &Arc<Parts>, attempt: &Try, named: Option<Candidate>) -> Result<Option<Drawn>> {
    let origin = &attempt.origin;
    let drawn = tries::drawn(parts, named.into_iter().collect(), origin).await?;
    if drawn.iter().all(Drawn::is_of_network) {
        admit_from(parts, origin).await.map_err(too_many)?;
    }
    let by_user = waits_as_user(parts, attempt.session.as_ref(), origin).await?;
    let (mut left, wait) = tries::admit(parts, drawn, origin).await?;
    match by_user.max(wait) {
        None => Ok(left.pop()),
        Some(retry_after) => Err(Error::refused(Refusal::TooManyRequests { retry_after })),
    }
}

async fn look_at(
    parts: &Arc<Parts>,
    account: &Account,
    passed: &SecondFactor,
    origin: &Origin,
) -> Result<Option<(Factor, Address)>> {
    // The one that is told of: an address that nobody has shown to be the user's own is a claim, or a slip of the hand.
    match passed {
        SecondFactor::Phone(value) => {
            let Some(phone) = account.verified_phone() else { return Ok(None) };
            let factor = phone_factor(parts, account.subject.clone(), phone, value.expose_secret(), origin).await?;
            Ok(factor.map(|factor| (factor, Address::Phone(phone.clone()))))
        }
        SecondFactor::Email(value) => {
            let Some(email) = account.verified_email() else { return Ok(None) };
            let address = Address::Email(email.clone());
            let factor = token_factor(parts, &address, value.expose_secret()).await?;
            Ok(factor.map(|factor| (factor, address)))
        }
    }
}

/// Whose password and second factor it was.
struct Checked {
    subject: Subject,
    address: Address,
    kind: AddressKind,
    hash: PasswordHash,
    /// What was shown beside it, and of which address.
    factor: Option<(Factor, Address)>,
    mutation: &'static str,
    origin: Origin,
    old: Option<SidHash>,
}

impl Checked {
    fn means(&self) -> Means {
        if self.factor.is_some() { Means::PasswordAndCode } else { Means::Password }
    }
}

async fn let_in(parts: &Arc<Parts>, checked: Checked) -> Result<Opened> {
    let wrong = || Error::refused(Refusal::WrongCredentials(checked.kind));
    let mut tx = parts.store.begin().await?;
    hold(tx.conn(), &checked.subject).await?;
    // Meanwhile it may have got another password or address, or lost its place: a session must not come after that.
    let Some(now) = find(tx.conn(), &checked.subject).await?.filter(|now| still_stands(now, &checked)) else {
        return Err(wrong());
    };
    if let Some((factor, _)) = &checked.factor
        && !spend_factor(parts, &mut tx, factor).await?
    {
        return Err(wrong());
    }
    match now.standing().judge(checked.means()) {
        Entry::Open => {}
        Entry::CodeToo => {
            drop(tx);
            let subject = Some(now.subject.as_str().to_owned());
            write_refusal(parts, &checked.origin, subject, "second_factor_missing").await?;
            return Err(Error::refused(Refusal::NotEnoughAuthFactors(Box::new(auth_details(parts, &now)))));
        }
        Entry::Blocked(_) => return Err(wrong()),
    }
    let signed_in = SignedIn { subject: &checked.subject, source: "gql", provider: checked.mutation, client_id: None };
    let ticket = open(parts, &mut tx, signed_in, checked.old.as_ref()).await?;
    let device = places::remember(parts, &mut tx, &checked.subject, &checked.origin).await?;
    let about = About { subject: Some(checked.subject.as_str()), detail: Some(checked.mutation), ..About::default() };
    record(parts, &mut tx, Event::SignedIn, &actor(&checked.origin), about).await?;
    tx.commit().await?;
    Ok(Opened { user: now.into(), ticket, device })
}

fn still_stands(now: &Account, checked: &Checked) -> bool {
    let is_login = now.password_hash.as_ref() == Some(&checked.hash) && now.is_condo_login(&checked.address);
    // A factor was of an address that may be another's by now.
    is_login && checked.factor.as_ref().is_none_or(|(_, address)| now.has_verified(address))
}

/// What can be used for a second factor: the addresses that are known to be the user's, and that codes are sent to. A client must
/// not be sent down a way that has no end.
fn auth_details(parts: &Parts, account: &Account) -> AuthDetails {
    let email = reached_email(parts, account).cloned().map(Address::Email);
    let phone = reached_phone(parts, account).cloned().map(Address::Phone);
    let told = |address: Option<Address>| address.as_ref().map(masked);
    AuthDetails { user_id: account.subject.as_str().to_owned(), email: told(email), phone: told(phone) }
}

/// Ends a session; says whether it was still there.
#[boxed]
pub async fn sign_out(parts: &Arc<Parts>, session: &CondoSession, origin: Origin) -> Result<bool> {
    let (sid_hash, user) = (session.sid_hash.clone(), session.user.as_ref().map(|user| user.id.clone()));
    parts
        .detached(async move |parts| {
            let mut tx = parts.store.begin().await?;
            if !end(&mut tx, &sid_hash).await? {
                return Ok(false);
            }
            if let Some(user) = &user {
                let about = About { subject: Some(user.as_str()), detail: Some("condo"), ..About::default() };
                record(&parts, &mut tx, Event::SignedOut, &actor(&origin), about).await?;
            }
            tx.commit().await?;
            Ok(true)
        })
        .await
}
