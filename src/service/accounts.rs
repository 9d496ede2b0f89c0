//! Accounts: the subjects we hold a record of.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::Parts;
use super::audit::{About, record};
use super::links::remove as remove_link;
use crate::domain::account::AccountType;
use crate::domain::event::{Actor, Event};
use crate::domain::ids::{ProviderId, Subject};
use crate::domain::{Error, Result};
use crate::store::accounts::{AccountRow, delete, find, hold, insert_if_absent};
use crate::store::{Tx, at, links};

/// An account as its keeper sees it.
#[derive(Debug, Serialize)]
pub struct Account {
    /// The user's id.
    pub subject: String,
    /// What kind of user it is.
    #[serde(rename = "type")]
    pub account_type: String,
    /// The user's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// When it was made.
    pub created: DateTime<Utc>,
}

/// Makes an account; [`Error::Input`] if the subject has one.
pub async fn create(
    parts: &Arc<Parts>,
    subject: Subject,
    account_type: AccountType,
    name: Option<String>,
) -> Result<()> {
    parts
        .detached(async move |parts| {
            let mut tx = parts.store.begin().await?;
            if !register(&parts, &mut tx, &subject, account_type, name).await? {
                return Err(Error::input("id", "has an account already"));
            }
            tx.commit().await
        })
        .await
}

/// Makes an account unless the subject has one, in a transaction of the caller's; says whether it did.
pub(super) async fn register(
    parts: &Parts,
    tx: &mut Tx,
    subject: &Subject,
    account_type: AccountType,
    name: Option<String>,
) -> Result<bool> {
    let row = AccountRow {
        subject: subject.as_str().to_owned(),
        issuer: None,
        account_type: account_type.as_str().to_owned(),
        name,
        created: at(parts.clock.now()),
        email: None,
        email_verified: false,
        phone: None,
        phone_verified: false,
        password_hash: None,
        disabled_at: None,
    };
    let made = insert_if_absent(tx.conn(), &row).await?;
    if made {
        let about = About { subject: Some(subject.as_str()), ..About::default() };
        record(parts, tx, Event::AccountCreated, &Actor::default(), about).await?;
    }
    Ok(made)
}

/// The account of a subject; [`Error::UserNotFound`] if it has none.
pub async fn show(parts: &Parts, subject: &Subject) -> Result<Account> {
    let mut conn = parts.store.read().await?;
    let row = find(&mut conn, subject).await?.ok_or(Error::UserNotFound { hint: None })?;
    Ok(Account { subject: row.subject, account_type: row.account_type, name: row.name, created: row.created.0 })
}

/// Deletes an account with all its links; [`Error::UserNotFound`] if there is none.
pub async fn remove(parts: &Arc<Parts>, subject: Subject) -> Result<()> {
    parts
        .detached(async move |parts| {
            let mut tx = parts.store.begin().await?;
            hold(tx.conn(), &subject).await?;
            if !delete(tx.conn(), &subject).await? {
                return Err(Error::UserNotFound { hint: None });
            }
            let actor = Actor::default();
            for link in links::hold_all(tx.conn(), &subject).await? {
                remove_link(&parts, &mut tx, &link).await?;
                let provider = ProviderId::parse(&link.fp_type, &link.fp_name).ok();
                let about = About {
                    subject: Some(subject.as_str()),
                    provider: provider.as_ref(),
                    sid: Some(&link.sid),
                    detail: Some("account_deleted"),
                };
                record(&parts, &mut tx, Event::Unlinked, &actor, about).await?;
            }
            let about = About { subject: Some(subject.as_str()), ..About::default() };
            record(&parts, &mut tx, Event::AccountDeleted, &actor, about).await?;
            tx.commit().await
        })
        .await
}
