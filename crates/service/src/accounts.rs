//! Accounts: the subjects we hold a record of, the addresses and passwords they sign in by.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;

use super::audit::{About, record};
use super::links::remove as remove_link;
use super::{Parts, endings, passwords};
use crate::boxed;
pub use domain::account::Claimed;
use domain::account::{self, AccountType, Email, Phone, check_password};
use domain::endings::Change;
use domain::event::{Actor, Event};
use domain::ids::{ClientId, Subject};
use domain::{Error, Result, name};
use store::accounts::{delete, find, hold, insert_if_absent, set_disabled, set_password as set_hash};
use store::confirm_phone_actions::delete_of_nobody;
use store::{self, Scrubbed, Tx, links};

/// An account to make.
#[derive(Debug)]
pub struct New {
    /// The user's id.
    pub subject: Subject,
    /// What kind of user it is.
    pub account_type: AccountType,
    /// The user's name.
    pub name: Option<String>,
    /// The user's e-mail address.
    pub email: Option<Claimed<Email>>,
    /// The user's phone number.
    pub phone: Option<Claimed<Phone>>,
    /// What to sign in with; without one nobody signs in.
    pub password: Option<SecretString>,
    /// The issuer whose tokens stand for the user; none if the account is ours alone.
    pub issuer: Option<String>,
    /// What the user is in the Condo dialect.
    pub standing: Standing,
}

/// What a user is in the Condo dialect, beside what kind of user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Sees and changes everything.
    pub is_admin: bool,
    /// Sees everything.
    pub is_support: bool,
    /// Signs in there with a second factor beside the password.
    pub two_factor: bool,
}

impl New {
    /// An account of which nothing is known but whose it is.
    pub fn bare(subject: Subject, account_type: AccountType) -> Self {
        Self {
            subject,
            account_type,
            name: None,
            email: None,
            phone: None,
            password: None,
            issuer: None,
            standing: Standing::default(),
        }
    }

    fn account(self, created: DateTime<Utc>) -> account::Account {
        account::Account {
            issuer: self.issuer,
            name: self.name,
            email: self.email,
            phone: self.phone,
            is_admin: self.standing.is_admin,
            is_support: self.standing.is_support,
            two_factor: self.standing.two_factor,
            ..account::Account::bare(self.subject, self.account_type, created)
        }
    }
}

/// An account as its keeper sees it.
#[derive(Debug, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own that the keeper reads")]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// The user's id.
    pub subject: String,
    /// What kind of user it is.
    #[serde(rename = "type")]
    pub account_type: String,
    /// The user's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The user's e-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Whether it signs the user in.
    pub email_verified: bool,
    /// The user's phone number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Whether it signs the user in.
    pub phone_verified: bool,
    /// Whether there is a password.
    pub has_password: bool,
    /// The issuer whose tokens stand for the user; none if the account is ours alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Whether the user sees and changes everything in the Condo dialect.
    #[serde(skip_serializing_if = "is_not")]
    pub admin: bool,
    /// Whether the user sees everything there.
    #[serde(skip_serializing_if = "is_not")]
    pub support: bool,
    /// Whether a password alone doesn't sign in there.
    #[serde(skip_serializing_if = "is_not")]
    pub two_factor: bool,
    /// Since when nobody may sign in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled: Option<DateTime<Utc>>,
    /// When it was made.
    pub created: DateTime<Utc>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_not(value: &bool) -> bool {
    !*value
}

/// Makes an account; [`Error::Input`] if the subject has one, or another of the type has the address.
#[boxed]
pub async fn create(parts: &Arc<Parts>, mut new: New) -> Result<()> {
    new.name = name::sent("name", new.name.as_deref())?;
    if let Some(issuer) = &new.issuer {
        check_issuer(parts, issuer, &new.subject)?;
    }
    let password = new.password.take();
    let mut account = new.account(parts.clock.now());
    if let Some(password) = password {
        check_password(password.expose_secret(), account.own_names())?;
        account.password_hash = Some(passwords::hash(&parts.passwords, &parts.entropy, password).await?);
    }
    parts
        .detached(async move |parts| {
            let mut tx = parts.store.begin().await?;
            if !insert(&parts, &mut tx, &Actor::default(), &account).await? {
                return Err(Error::input("id", "has an account already"));
            }
            tx.commit().await
        })
        .await
}

/// Refuses an account that no token of the issuer's could be for.
pub(super) fn check_issuer(parts: &Parts, issuer: &str, subject: &Subject) -> Result<()> {
    let known = parts.settings.issuers.iter().find(|known| known.issuer == issuer);
    let Some(known) = known else {
        return Err(Error::input("issuer", "is none of [[issuers]] in the settings, letter by letter"));
    };
    if subject.as_str().starts_with(&known.subject_prefix) {
        Ok(())
    } else {
        Err(Error::input(
            "id",
            format!("must begin with {:?}, as the ids of this issuer's users do", known.subject_prefix),
        ))
    }
}

/// Makes an account unless the subject has one, in a transaction of the caller's; says whether it did.
pub(super) async fn register(
    parts: &Parts,
    tx: &mut Tx,
    subject: &Subject,
    account_type: AccountType,
    name: Option<String>,
) -> Result<bool> {
    let new = New { name, ..New::bare(subject.clone(), account_type) };
    insert(parts, tx, &Actor::default(), &new.account(parts.clock.now())).await
}

/// The account of a user whom an issuer vouches for to this application, made now if the subject has none. Whose it is, is for
/// the caller to look at: several make it at once, and one of another's may have been there first.
pub(super) async fn make_of_issuer(
    parts: &Arc<Parts>,
    issuer: &str,
    client: &ClientId,
    subject: &Subject,
) -> Result<account::Account> {
    let new = New { issuer: Some(issuer.to_owned()), ..New::bare(subject.clone(), AccountType::Resident) };
    let account = new.account(parts.clock.now());
    let actor = Actor { client: Some(client.as_str().to_owned()), ..Actor::default() };
    let subject = subject.clone();
    parts
        .detached(async move |parts| {
            let mut tx = parts.store.begin().await?;
            insert(&parts, &mut tx, &actor, &account).await?;
            let stands = find(tx.conn(), &subject).await?;
            tx.commit().await?;
            stands.ok_or_else(|| Error::internal("an account that was just made is gone"))
        })
        .await
}

/// Makes an account unless the subject has one, with a line of audit; says whether it did.
pub(super) async fn insert(parts: &Parts, tx: &mut Tx, actor: &Actor, account: &account::Account) -> Result<bool> {
    let made = insert_if_absent(tx.conn(), account).await?;
    if made {
        let about = About { subject: Some(account.subject.as_str()), ..About::default() };
        record(parts, tx, Event::AccountCreated, actor, about).await?;
    }
    Ok(made)
}

/// The account of a subject; [`Error::UserNotFound`] if it has none.
#[boxed]
pub async fn show(parts: &Parts, subject: &Subject) -> Result<Account> {
    let account = get(parts, subject).await?;
    let (email, phone) = (account.email.as_ref(), account.phone.as_ref());
    Ok(Account {
        email: email.map(|email| email.address.as_str().to_owned()),
        email_verified: email.is_some_and(|email| email.verified),
        phone: phone.map(|phone| phone.address.as_str().to_owned()),
        phone_verified: phone.is_some_and(|phone| phone.verified),
        subject: account.subject.as_str().to_owned(),
        account_type: account.account_type.as_str().to_owned(),
        name: account.name,
        has_password: account.password_hash.is_some(),
        issuer: account.issuer,
        admin: account.is_admin,
        support: account.is_support,
        two_factor: account.two_factor,
        disabled: account.disabled,
        created: account.created,
    })
}

async fn get(parts: &Parts, subject: &Subject) -> Result<account::Account> {
    store::read!(parts.store, |conn| find(conn, subject))?.ok_or(Error::UserNotFound { hint: None })
}

/// Gives an account another password, and ends what the old one has opened; [`Error::UserNotFound`] if there is none.
#[boxed]
pub async fn set_password(parts: &Arc<Parts>, subject: Subject, password: SecretString) -> Result<()> {
    let account = get(parts, &subject).await?;
    check_password(password.expose_secret(), account.own_names())?;
    let password_hash = passwords::hash(&parts.passwords, &parts.entropy, password).await?;
    parts
        .detached(async move |parts| {
            let mut tx = parts.store.begin().await?;
            hold(tx.conn(), &subject).await?;
            if !set_hash(tx.conn(), &subject, &password_hash).await? {
                return Err(Error::UserNotFound { hint: None });
            }
            close(&parts, tx, &subject, Change::Password, Event::PasswordSet).await
        })
        .await
}

/// Lets nobody sign in as this account any more, and ends what was opened in its name; [`Error::UserNotFound`] if there is
/// none. Its links stay.
#[boxed]
pub async fn disable(parts: &Arc<Parts>, subject: Subject) -> Result<()> {
    parts
        .detached(async move |parts| {
            let mut tx = parts.store.begin().await?;
            hold(tx.conn(), &subject).await?;
            if !set_disabled(tx.conn(), &subject, Some(parts.clock.now())).await? {
                return Err(Error::UserNotFound { hint: None });
            }
            close(&parts, tx, &subject, Change::Disabled, Event::AccountDisabled).await
        })
        .await
}

/// Lets a disabled account sign in again; [`Error::UserNotFound`] if there is none.
#[boxed]
pub async fn enable(parts: &Arc<Parts>, subject: Subject) -> Result<()> {
    parts
        .detached(async move |parts| {
            let mut tx = parts.store.begin().await?;
            hold(tx.conn(), &subject).await?;
            if !set_disabled(tx.conn(), &subject, None).await? {
                return Err(Error::UserNotFound { hint: None });
            }
            close(&parts, tx, &subject, Change::Enabled, Event::AccountEnabled).await
        })
        .await
}

/// Ends what a change ends that the transaction has made, not by the account's own holder, and that `event` names.
pub(super) async fn close(parts: &Parts, mut tx: Tx, subject: &Subject, change: Change, event: Event) -> Result<()> {
    endings::carry_out(parts, &mut tx, subject.as_str(), &[change], None).await?;
    let about = About { subject: Some(subject.as_str()), ..About::default() };
    record(parts, &mut tx, event, &Actor::default(), about).await?;
    tx.commit().await?;
    parts.tokens_seen.forget_subject(subject);
    Ok(())
}

/// Deletes an account with all its links, and all that is kept of its user but the audit record; [`Error::UserNotFound`] if
/// there is none.
#[boxed]
pub async fn remove(parts: &Arc<Parts>, subject: Subject) -> Result<()> {
    parts
        .detached(async move |parts| {
            let mut tx = parts.store.begin().await?;
            hold(tx.conn(), &subject).await?;
            if !take_out(&mut tx, &subject).await? {
                return Err(Error::UserNotFound { hint: None });
            }
            unlink_all(&parts, &mut tx, &subject).await?;
            close(&parts, tx, &subject, Change::Deleted, Event::AccountDeleted).await?;
            scrub(&parts).await;
            Ok(())
        })
        .await
}

/// Deletes the account of a subject that is held, and what nobody else needs of its addresses; says whether there was one.
pub(super) async fn take_out(tx: &mut Tx, subject: &Subject) -> Result<bool> {
    let Some(addresses) = delete(tx.conn(), subject).await? else { return Ok(false) };
    for address in addresses {
        delete_of_nobody(tx.conn(), &address).await?;
    }
    Ok(true)
}

/// Removes all links of a subject that is held; gives how many there were.
pub(super) async fn unlink_all(parts: &Parts, tx: &mut Tx, subject: &Subject) -> Result<usize> {
    let links = links::hold_all(tx.conn(), subject).await?;
    for link in &links {
        remove_link(parts, tx, link).await?;
        let about = About {
            subject: Some(subject.as_str()),
            provider: Some(&link.provider),
            sid: Some(link.sid.as_str()),
            detail: Some("account_deleted"),
        };
        record(parts, tx, Event::Unlinked, &Actor::default(), about).await?;
    }
    Ok(links.len())
}

/// Overwrites what is left of what was deleted. It is deleted, whatever becomes of this.
pub(super) async fn scrub(parts: &Parts) {
    match parts.store.scrub().await {
        Ok(Scrubbed::Whole) => {}
        Ok(Scrubbed::LogWaits) => tracing::warn!(
            "the database's log is being read, and still has what was deleted: `serve` empties it within minutes"
        ),
        Ok(Scrubbed::PagesStay) => tracing::warn!(
            "the database is large: a page may have kept a copy of what was deleted until it is vacuumed"
        ),
        Err(error) => tracing::warn!(%error, "what was deleted could not be overwritten: vacuum the database"),
    }
}
