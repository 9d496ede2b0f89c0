//! Service users of the Condo dialect: programs that sign in by a password that only they are told (`docs/condo-contract.md` 4.6).

use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};

use super::{Parts, accounts, passwords};
use crate::boxed;
use domain::access::Access;
use domain::account::{Account, AccountType, Claimed, Email};
use domain::entropy::SharedEntropy;
use domain::event::Actor;
use domain::ids::Subject;
use domain::refusal::Refusal;
use domain::{Error, Result, name};

/// The right that lets somebody make service users who is no administrator.
const RIGHT: &str = "canExecuteRegisterNewServiceUser";
/// How long a password is: 190 bits.
const LENGTH: usize = 32;
const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/// Random bytes from here up are not used: the rest is a whole number of rounds through the letters, so that none is likelier.
const FAIR: u8 = 248;

/// A service user to make.
#[derive(Debug)]
pub struct New {
    /// What people read.
    pub name: String,
    /// The e-mail address that it signs in by.
    pub email: String,
    /// What its makers want to keep with it: a JSON object.
    pub meta: Option<serde_json::Value>,
}

/// A service user that was just made.
#[derive(Debug)]
pub struct Made {
    /// Its id.
    pub id: Subject,
    /// The address that it signs in by.
    pub email: String,
    /// Its password: told this once, and kept as a hash.
    pub password: SecretString,
}

/// Lets through who may make service users.
pub fn allow(access: &Access) -> Result<()> {
    access.require(RIGHT)
}

/// Makes a service user; [`Refusal::UserAlreadyExists`] if one has the address.
#[boxed]
pub async fn register(parts: &Arc<Parts>, access: &Access, new: New, actor: Actor) -> Result<Made> {
    allow(access)?;
    let name = name::required("name", &new.name)?;
    let email = Email::parse(&new.email).map_err(|_no_address| Error::refused(Refusal::WrongEmailValue))?;
    let meta = match new.meta {
        None | Some(serde_json::Value::Null) => "{}".to_owned(),
        Some(meta @ serde_json::Value::Object(_)) => meta.to_string(),
        Some(_) => return Err(Error::input("meta", "must be a JSON object")),
    };
    let password = password(&parts.entropy);
    let id = Subject::parse(parts.entropy.uuid().to_string())?;
    let account = Account {
        name: Some(name),
        // Who makes it answers for the address; nothing is ever sent there.
        email: Some(Claimed { address: email.clone(), verified: true }),
        password_hash: Some(passwords::hash(&parts.passwords, &parts.entropy, password.expose_secret().into()).await?),
        meta,
        ..Account::bare(id.clone(), AccountType::Service, parts.clock.now())
    };
    parts
        .detached(async move |parts| {
            let mut tx = parts.store.begin().await?;
            match accounts::insert(&parts, &mut tx, &actor, &account).await {
                Ok(true) => tx.commit().await,
                Ok(false) => Err(Error::internal("a random id is taken")),
                Err(Error::Input { field, .. }) if field == "email" => {
                    Err(Error::refused(Refusal::UserAlreadyExists { field: "email" }))
                }
                Err(other) => Err(other),
            }
        })
        .await?;
    Ok(Made { id, email: email.as_str().to_owned(), password })
}

fn password(entropy: &SharedEntropy) -> SecretString {
    let mut password = String::with_capacity(LENGTH);
    while password.len() < LENGTH {
        let drawn = entropy.bytes::<LENGTH>().into_iter().filter(|byte| *byte < FAIR);
        let letters = drawn.filter_map(|byte| LETTERS.get(usize::from(byte) % LETTERS.len()).copied());
        password.extend(letters.map(char::from).take(LENGTH - password.len()));
    }
    password.into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use domain::entropy::SeededEntropy;

    #[test]
    fn no_letter_of_a_password_is_likelier_than_another() {
        let entropy = SeededEntropy::shared(7);
        let mut seen = BTreeMap::new();
        for _ in 0..2000 {
            let password = password(&entropy);
            assert_eq!(password.expose_secret().len(), LENGTH);
            for letter in password.expose_secret().chars() {
                *seen.entry(letter).or_insert(0) += 1;
            }
        }
        // 64,000 letters, 1032 of each; without `FAIR` the first eight would come 1250 times.
        assert_eq!(seen.len(), LETTERS.len());
        assert!(seen.values().all(|count| (880..1190).contains(count)), "{seen:?}");
        assert!(seen.keys().all(char::is_ascii_alphanumeric));
        assert_eq!(usize::from(FAIR) % LETTERS.len(), 0);
    }
}
