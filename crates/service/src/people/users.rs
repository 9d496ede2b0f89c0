//! Users as administrators make and change them, and themselves in name: addresses, passwords, what they may do, and their soft deletion.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use uuid::Uuid;

use super::changes::{Change, Editor, change};
use super::granting::connected;
use super::granting::grants;
use crate::{Parts, boxed, endings, paid, passwords};
use domain::access::{UserField, denied};
use domain::account::{Account, AccountType, Claimed, Email, PasswordHash, Phone, check_password};
use domain::event::Event;
use domain::ids::Subject;
use domain::organization::{Granted, RightsSet};
use domain::refusal::Refusal;
use domain::user::User;
use domain::{Error, Result, name};
use store::Tx;
use store::accounts::{find, hold, insert_if_absent, update};

/// What a change of oneself costs of the points that lists are paid with: everybody may write their own name.
const CHANGE: usize = 20;

/// What is to become of a user.
#[derive(Debug, Default)]
pub struct UserChange {
    /// The name.
    pub name: Change<Option<String>>,
    /// The e-mail address.
    pub email: Change<Option<String>>,
    /// Whether it is known to be the user's own.
    pub email_verified: Change<bool>,
    /// The phone number.
    pub phone: Change<Option<String>>,
    /// Whether it is known to be the user's own.
    pub phone_verified: Change<bool>,
    /// The password.
    pub password: Option<SecretString>,
    /// Whether the user sees and changes everything.
    pub is_admin: Change<bool>,
    /// Whether the user sees everything.
    pub is_support: Change<bool>,
    /// Whether a password alone doesn't sign in.
    pub two_factor: Change<bool>,
    /// What is granted.
    pub rights_set: Change<Option<Uuid>>,
    /// A JSON object, as text.
    pub meta: Change<String>,
    /// Since when the user is deleted.
    pub deleted: Change<Option<DateTime<Utc>>>,
}

impl UserChange {
    /// What it says something of.
    fn fields(&self) -> Vec<UserField> {
        let Self { name, email, email_verified, phone, phone_verified, password, is_admin, is_support, .. } = self;
        let Self { two_factor, rights_set, meta, deleted, .. } = self;
        let keeps_others = [email.is_keep(), email_verified.is_keep(), phone.is_keep(), phone_verified.is_keep()]
            .into_iter()
            .chain([password.is_none(), is_admin.is_keep(), is_support.is_keep(), two_factor.is_keep()])
            .chain([meta.is_keep(), deleted.is_keep()])
            .all(|kept| kept);
        [
            (name.is_keep(), UserField::Name),
            (rights_set.is_keep(), UserField::RightsSet),
            (keeps_others, UserField::Other),
        ]
        .into_iter()
        .filter_map(|(is_kept, field)| (!is_kept).then_some(field))
        .collect()
    }

    async fn write(self, tx: &mut Tx, account: &mut Account) -> Result<()> {
        if let Change::To(name) = self.name {
            account.name = name::sent("name", name.as_deref())?;
        }
        if let Change::To(email) = self.email {
            let email = email.map(|text| Email::parse(&text)).transpose()?;
            account.email = Claimed::replaced(account.email.take(), email);
        }
        if let Change::To(phone) = self.phone {
            let phone = phone.map(|text| Phone::parse(&text)).transpose()?;
            account.phone = Claimed::replaced(account.phone.take(), phone);
        }
        // What isn't there was shown by nobody.
        if let Some(email) = &mut account.email {
            self.email_verified.apply(&mut email.verified);
        }
        if let Some(phone) = &mut account.phone {
            self.phone_verified.apply(&mut phone.verified);
        }
        self.is_admin.apply(&mut account.is_admin);
        self.is_support.apply(&mut account.is_support);
        self.two_factor.apply(&mut account.two_factor);
        self.meta.apply(&mut account.meta);
        if let Change::To(rights_set) = self.rights_set {
            if let Some(id) = rights_set {
                let _stands: RightsSet = connected(tx, id, "rightsSet").await?;
            }
            account.rights_set = rights_set;
        }
        self.deleted.apply(&mut account.disabled);
        Ok(())
    }
}

/// Makes a user. For administrators.
#[boxed]
pub async fn create_user(
    parts: &Arc<Parts>,
    by: Editor,
    account_type: AccountType,
    mut change: UserChange,
) -> Result<User> {
    by.access.require_admin()?;
    let hash = hash(parts, &mut change, []).await?;
    change!(parts, |parts, tx| {
        let subject = Subject::parse(parts.entropy.uuid().to_string()).map_err(Error::internal)?;
        let mut account = Account::bare(subject, account_type, parts.clock.now());
        account.password_hash = hash;
        change.write(tx, &mut account).await?;
        insert_if_absent(tx.conn(), &account).await.map_err(taken)?;
        by.sign(&parts, tx, Event::AccountChanged, account.subject.as_str()).await?;
        User::from(account)
    })
}

/// Changes a user, as far as `Access::require_change` lets it. What that ends of what was opened in the user's name is
/// `domain::endings`.
#[boxed]
pub async fn change_user(parts: &Arc<Parts>, by: Editor, id: Subject, mut change: UserChange) -> Result<User> {
    by.access.require_change(&id, &change.fields())?;
    if by.access.user.id == id {
        paid::charge(parts, &by.access.user.id, CHANGE)?;
    }
    let hash = hash(parts, &mut change, [id.as_str()]).await?;
    let forget = id.clone();
    let changed = change!(parts, |parts, tx| {
        hold(tx.conn(), &id).await?;
        let mut account = find(tx.conn(), &id).await?.ok_or_else(denied)?;
        let before = account.credentials();
        account.password_hash = hash.or(account.password_hash);
        let assigns = !change.rights_set.is_keep();
        change.write(tx, &mut account).await?;
        if let Some(set) = account.rights_set.filter(|_| assigns) {
            let set: RightsSet = connected(tx, set, "rightsSet").await?;
            grants(&by.access.rights_to_give(), &Granted::default(), &set.granted)?;
        }
        account.updated = Some(parts.clock.now());
        update(tx.conn(), &account).await.map_err(taken)?;
        let changes = account.credentials().changes_since(&before);
        let own = by.session.as_ref().filter(|_| by.access.user.id == id);
        endings::carry_out(&parts, tx, id.as_str(), &changes, own).await?;
        by.sign(&parts, tx, Event::AccountChanged, id.as_str()).await?;
        User::from(account)
    })?;
    parts.tokens_seen.forget_subject(&forget);
    Ok(changed)
}

/// The hash of the password that is to be set, if one is.
async fn hash<'a>(
    parts: &Parts,
    change: &mut UserChange,
    own: impl IntoIterator<Item = &'a str>,
) -> Result<Option<PasswordHash>> {
    let Some(password) = change.password.take() else { return Ok(None) };
    let told = |field: &Change<Option<String>>| match field {
        Change::To(text) => text.clone(),
        Change::Keep => None,
    };
    let addresses = [told(&change.email), told(&change.phone)];
    let own = own.into_iter().map(str::to_owned).chain(addresses.into_iter().flatten()).collect::<Vec<_>>();
    check_password(password.expose_secret(), own.iter().map(String::as_str))?;
    passwords::hash(&parts.passwords, &parts.entropy, password).await.map(Some)
}

/// An address that another user of the type has.
fn taken(error: Error) -> Error {
    match error {
        Error::Input { field, .. } if field == "email" || field == "phone" => {
            Error::refused(Refusal::Invalid { message: format!("[unique:{field}:multipleFound] user already exists") })
        }
        other => other,
    }
}
