//! A code is asked for, sent and sent again; what came of it is looked at and spent.

use std::net::IpAddr;
use std::sync::Arc;

use chrono::TimeDelta;
use secrecy::{ExposeSecret as _, SecretString};

use super::live::{Asking, TokenHash, live, look_up, not_one, unknown};
use super::send::ToConfirm;
use super::{given, send};
use crate::attempts::{self, Verdict, Window};
use crate::{Parts, boxed};
use domain::account::{Account, Address, AddressKind, Email};
use domain::budget::Budget;
use domain::confirmation::{self, ACTION_LIFETIME, Confirmation, Purpose};
use domain::ids::Subject;
use domain::refusal::Refusal;
use domain::{Error, Result};
use store::accounts;
use store::confirm_phone_actions::{insert, renew, spend as spend_row};
use store::{self, Tx, at};

/// The address to confirm, and the purpose.
#[derive(Debug)]
pub(crate) struct Beginning {
    pub(crate) purpose: Purpose,
    pub(crate) address: Address,
    /// The account that it was asked for by; then the address is not told before it is confirmed.
    pub(crate) subject: Option<Subject>,
    /// Whether that one's password was right.
    pub(crate) after_password: bool,
}

/// An address as who has the token may see it.
#[derive(Debug)]
pub struct Shown {
    /// The address, or its mask.
    pub address: String,
    /// Whether it is confirmed.
    pub is_verified: bool,
}

/// Whose address is to be confirmed, as the dialect names it.
#[derive(Clone, Copy, Debug)]
pub struct Whose<'a> {
    /// The address itself.
    pub address: Option<&'a str>,
    /// A user's id.
    pub user: Option<&'a str>,
}

/// Sends a code to an address of this kind, or to that of a user; gives the token. Whose address it is makes no difference, nor
/// whether it is anybody's.
pub async fn start(parts: &Arc<Parts>, kind: AddressKind, whose: Whose<'_>, asking: Asking) -> Result<SecretString> {
    // The source's own reading: what is empty is not there.
    let given = |text: Option<&'_ str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    let (address, subject, after_password) = match (given(whose.address), given(whose.user)) {
        (None, None) => return Err(Error::refused(Refusal::AddressAndUserIdIsMissing(kind))),
        (Some(_), Some(_)) => return Err(Error::refused(Refusal::ShouldBeOneIdentifierOnly(kind))),
        (Some(address), None) => (Some(address), None, false),
        (None, Some(user)) => {
            let subject = Subject::parse(user).ok();
            let account = account_of(parts, subject.as_ref()).await?;
            let after_password = given::is_open(parts, account.as_ref(), asking.ip).await?;
            if !after_password {
                count_question(parts, kind, asking.ip).await?;
            }
            (account.and_then(|account| account.address(kind)), subject, after_password)
        }
    };
    let address = address.and_then(|text| read(kind, &text)).ok_or_else(|| not_one(kind))?;
    begin(parts, Beginning { purpose: Purpose::confirming(kind), address, subject, after_password }, asking).await
}

fn read(kind: AddressKind, text: &str) -> Option<Address> {
    match kind {
        AddressKind::Email => Email::parse(text).ok().map(Address::Email),
        AddressKind::Phone => confirmation::phone(text).map(Address::Phone),
    }
}

async fn account_of(parts: &Parts, subject: Option<&Subject>) -> Result<Option<Account>> {
    let Some(subject) = subject else { return Ok(None) };
    let account = store::read!(parts.store, |conn| accounts::find(conn, subject))?;
    Ok(account.filter(Account::may_sign_in))
}

/// Whether there is such a user is answered only so often, but to whom the right password has told it.
async fn count_question(parts: &Arc<Parts>, kind: AddressKind, ip: IpAddr) -> Result<()> {
    let question = match kind {
        AddressKind::Email => "users' mailboxes asked by",
        AddressKind::Phone => "users asked by",
    };
    let limit = parts.settings.limits.codes_per_hour_and_ip(kind);
    match attempts::count_from(parts, question, ip, limit, Window::Hour).await? {
        Verdict::Allowed => Ok(()),
        Verdict::Refused { retry_after, .. } => Err(Error::refused(Refusal::TooManyRequests { retry_after })),
    }
}

/// Sends a code and stores its confirmation; gives the token.
pub(crate) async fn begin(parts: &Arc<Parts>, new: Beginning, asking: Asking) -> Result<SecretString> {
    let (token, made) = prepare(parts, new, asking).await?;
    parts.detached(async move |parts| insert(&mut parts.store.write().await?, &made).await).await?;
    Ok(token)
}

/// Sends a code. Its confirmation is the caller's to store, which is done once the code is on its way: what could not be sent
/// leaves nothing behind, and can be asked for again at once.
pub(crate) async fn prepare(
    parts: &Arc<Parts>,
    new: Beginning,
    asking: Asking,
) -> Result<(SecretString, Confirmation)> {
    let token: SecretString = format!("{}{}", new.purpose.prefix(), parts.entropy.uuid()).into();
    let token_hash = TokenHash::of(token.expose_secret());
    let budget = Budget::of(new.purpose, new.subject.as_ref(), new.after_password);
    let to_confirm = ToConfirm { token_hash: &token_hash, purpose: new.purpose };
    let code = send::code(parts, to_confirm, &new.address, &budget, asking).await?;
    let now = parts.clock.now();
    let made = Confirmation {
        token_hash: token_hash.0,
        purpose: new.purpose,
        address: new.address,
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

/// Sends another code for a confirmation of this purpose; the one before is void once it is on its way.
#[boxed]
pub async fn send_again(parts: &Arc<Parts>, purpose: Purpose, token: &str, asking: Asking) -> Result<()> {
    let found = live(parts, purpose, token).await?;
    // Our own page's tokens of this kind are given to nobody without the password. In the dialect an id does.
    let after_password = match (purpose, &found.subject) {
        (Purpose::ConfirmPhone | Purpose::ConfirmEmail, Some(subject)) => {
            given::is_open(parts, account_of(parts, Some(subject)).await?.as_ref(), asking.ip).await?
        }
        _ => found.after_password,
    };
    let budget = Budget::of(purpose, found.subject.as_ref(), after_password);
    let token_hash = TokenHash(found.token_hash);
    let to_confirm = ToConfirm { token_hash: &token_hash, purpose };
    let code = send::code(parts, to_confirm, &found.address, &budget, asking).await?;
    let renewed = parts.detached(async move |parts| {
        let now = at(parts.clock.now());
        renew(&mut parts.store.write().await?, &token_hash.0, code, now).await
    });
    if renewed.await? { Ok(()) } else { Err(unknown(purpose)) }
}

/// The address of a confirmation: who asked for it by a user's id may not learn it by that.
#[boxed]
pub async fn address_of(parts: &Parts, purpose: Purpose, token: &str) -> Result<Shown> {
    let found = live(parts, purpose, token).await?;
    let is_secret = found.subject.is_some() && !found.is_verified;
    let address = if is_secret { confirmation::masked(&found.address) } else { found.address.as_str().to_owned() };
    Ok(Shown { address, is_verified: found.is_verified })
}

/// The address that this token confirms, if it does, and was not spent.
pub(crate) async fn find_verified(parts: &Parts, purpose: Purpose, token: &str) -> Result<Option<Address>> {
    let found = look_up(parts, purpose, token).await?;
    Ok(found.filter(|found| found.is_verified).map(|found| found.address))
}

/// Spends a token, if it confirms an address; says whether it did: of any number at once one gets it.
pub(crate) async fn spend(parts: &Parts, tx: &mut Tx, purpose: Purpose, token: &str) -> Result<bool> {
    let Some(token_hash) = TokenHash::parse(purpose, token) else { return Ok(false) };
    spend_row(tx.conn(), &token_hash.0, at(parts.clock.now())).await
}
