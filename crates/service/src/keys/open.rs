//! The keyring found at start, and held against what the database knows of keys.

use std::path::Path;

use super::record::{Record, Summary};
use super::trouble::Trouble;
use crate::boxed;
use domain::clock::SharedClock;
use domain::entropy::SharedEntropy;
use domain::{Error, Result};
use settings::KeyringSource;
use store::{Store, at, vault_keys};
use vault::{Keyring, KeyringError, KeyringFile, Vault};

/// Opens the vault with the keyring that the settings name, and puts its active key on record. Refuses a keyring that
/// lacks a key on record, or has another of that id: it would lock out what is sealed.
#[boxed]
pub async fn open_vault(
    store: &Store,
    source: &KeyringSource,
    clock: &SharedClock,
    entropy: &SharedEntropy,
) -> Result<Vault> {
    let record = Record::read(&mut store.read().await?, clock.now()).await?;
    let keyring = match source {
        KeyringSource::Text(text) => Keyring::parse(&text.0).map_err(Error::internal)?,
        KeyringSource::File(path) => match Keyring::load(path) {
            Err(KeyringError::Missing(path)) => match (record.first(), store.sqlite_path()) {
                (Some(id), _) => return Err(Trouble::Missing(id.to_owned()).into()),
                (None, None) => return Err(Trouble::NotMadeHere(path).into()),
                (None, Some(_)) => make(&path, entropy)?,
            },
            other => other.map_err(Error::internal)?,
        },
    };
    let summary = Summary::of(&keyring);
    record.admits(&summary, None)?;
    if !record.knows(&summary.active) {
        let mut tx = store.begin().await?;
        vault_keys::lock(tx.conn()).await?;
        Record::read(tx.conn(), clock.now()).await?.admits(&summary, None)?;
        vault_keys::insert_if_absent(tx.conn(), &summary.active, summary.active_check(), at(clock.now())).await?;
        tx.commit().await?;
    }
    Ok(Vault::new(keyring, entropy.clone()))
}

/// Refuses a keyring that lacks a key which a database has on record; writes nothing.
#[boxed]
pub async fn check_keyring(store: &Store, source: &KeyringSource, clock: &SharedClock) -> Result<()> {
    let keyring = match source {
        KeyringSource::Text(text) => Keyring::parse(&text.0),
        KeyringSource::File(path) => Keyring::load(path),
    };
    let summary = Summary::of(&keyring.map_err(Error::internal)?);
    Ok(Record::read(&mut store.read().await?, clock.now()).await?.admits(&summary, None)?)
}

/// The first keyring of a SQLite database; or another's, if two processes start at once.
fn make(path: &Path, entropy: &SharedEntropy) -> Result<Keyring> {
    let file = KeyringFile::lock(path).map_err(Error::internal)?;
    if file.keyring().map_err(Error::internal)?.is_none() {
        file.add(&**entropy).map_err(Error::internal)?;
        tracing::info!(path = %path.display(), "made a keyring; keep a copy away from the database");
    }
    Keyring::load(path).map_err(Error::internal)
}

/// A new keyring's text, with one random active key.
pub fn generate(entropy: &SharedEntropy) -> secrecy::SecretString {
    Keyring::generate(&**entropy)
}
