//! The keyring at start: found or, on SQLite alone and before anything is sealed, made; held against the store's record.

use subtle::ConstantTimeEq as _;

use crate::clock::SharedClock;
use crate::domain::{Error, Result};
use crate::entropy::SharedEntropy;
use crate::settings::KeyringSource;
use crate::store::{self, Store, vault_keys};
use crate::vault::{Keyring, KeyringError, Vault};

/// What stands in the way of the keyring.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(
        "the database has rows sealed with key {0}, which the keyring does not have; put back the keyring that made it"
    )]
    Missing(String),
    #[error(
        "key {0} of the keyring is not the key of that id the database was sealed with; put back the keyring that made it"
    )]
    Another(String),
    #[error(
        "there is no keyring at {0}; on PostgreSQL it is never made by itself, since every instance needs the same: make it with `fedlink keys add`"
    )]
    NotMadeHere(std::path::PathBuf),
}

/// Opens the vault with the keyring that the settings name, and puts its keys on record. Refuses a keyring that lacks a
/// key the store knows, or has another of that id: it would lock out what is sealed.
pub async fn open_vault(
    store: &Store,
    source: &KeyringSource,
    clock: &SharedClock,
    entropy: &SharedEntropy,
) -> Result<Vault> {
    let recorded = vault_keys::list(&mut store.read().await?).await?;
    let keyring = match source {
        KeyringSource::Text(text) => Keyring::parse(&text.0).map_err(Error::internal)?,
        KeyringSource::File(path) => match Keyring::load(path) {
            Err(KeyringError::Missing(path)) => match (recorded.first(), store.sqlite_path()) {
                (Some((id, _)), _) => return Err(Error::internal(Trouble::Missing(id.clone()))),
                (None, None) => return Err(Error::internal(Trouble::NotMadeHere(path))),
                (None, Some(_)) => {
                    tracing::info!(path = %path.display(), "made a keyring; keep a copy away from the database");
                    Keyring::create(&path, &**entropy).map_err(Error::internal)?
                }
            },
            other => other.map_err(Error::internal)?,
        },
    };
    let vault = Vault::new(keyring, entropy.clone());
    for (id, check_value) in &recorded {
        let held = vault.keys().find(|(held, _)| held == id);
        let (_, held) = held.ok_or_else(|| Error::internal(Trouble::Missing(id.clone())))?;
        if !bool::from(held.ct_eq(check_value)) {
            return Err(Error::internal(Trouble::Another(id.clone())));
        }
    }
    let known = |id: &str| recorded.iter().any(|(recorded, _)| recorded == id);
    let new: Vec<_> = vault.keys().filter(|(id, _)| !known(id)).map(|(id, value)| (id.to_owned(), value)).collect();
    if !new.is_empty() {
        let mut conn = store.write().await?;
        for (id, value) in new {
            vault_keys::insert_if_absent(&mut conn, &id, &value, store::at(clock.now())).await?;
        }
    }
    Ok(vault)
}

/// A new keyring's text, with one random active key.
pub fn generate(entropy: &SharedEntropy) -> secrecy::SecretString {
    Keyring::generate(&**entropy)
}

/// Makes a keyring file with one random active key; an existing one is left alone and is an error.
pub fn create(path: &std::path::Path, entropy: &SharedEntropy) -> Result<()> {
    Keyring::create(path, &**entropy).map(|_| ()).map_err(Error::internal)
}
