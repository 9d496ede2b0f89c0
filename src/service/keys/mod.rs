//! The keyring: found at start, changed under a serving fleet, and held against what the database knows of keys.
//!
//! A key's life: *added*, it only opens; *activated* once every serving instance has it, it is on record and seals; after
//! the next key has been activated and the rows are *rewrapped*, it is *dropped*. What keeps that safe, whoever crashes or
//! starts in between:
//!
//! - Rows name keys on record alone: a foreign key says so. A keyring that holds every key on record opens every row, so
//!   start need not look at the rows.
//! - A key goes on record before anything is sealed with it, and off it only when no row names it; a writer that is late
//!   with a dropped key is refused by the database, so it can hide no row.
//! - Whoever starts, reloads, activates or drops reads the record and writes his part in one transaction that keeps the
//!   others out: an instance that starts while a key is activated either reports in time to be asked for, or finds
//!   itself without a key on record and does not start.
//! - The record is changed before the file where a key goes, and where it becomes the active one: a command that is cut
//!   off in between leaves a file that holds too much, and can be run again.

mod presence;
mod record;
mod rewrap;
mod rotate;

use std::path::{Path, PathBuf};

pub use presence::{Presence, beat, forget_others, join, leave, reload, report};
pub use rewrap::{Progress, Rewrapped, rewrap};
pub use rotate::{Keeper, KeyState, Listed};

use record::{Record, Summary};

use domain::clock::SharedClock;
use domain::entropy::SharedEntropy;
use domain::{Error, Result};
use settings::KeyringSource;
use store::{Store, at, vault_keys};
use vault::{Keyring, KeyringError, KeyringFile, Vault};

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
    NotMadeHere(PathBuf),
    #[error("key {0} was dropped, and the keyring would seal with it: it is an old one; take that of another instance")]
    Dropped(String),
    #[error(
        "key {id} can't seal yet, since not every serving instance has it: {lacking}; give them the keyring, send each SIGHUP, and `fedlink keys activate {id}`"
    )]
    NotEverywhere { id: String, lacking: String },
    #[error(
        "the keyring is in the environment, which only you can change: {0} there, and restart the instances one by one"
    )]
    Environment(String),
    #[error("neither the keyring nor the database has a key {0}")]
    Unknown(String),
    #[error("key {0} is active: it seals; activate another first")]
    Active(String),
    #[error(
        "the database has never seen key {0}, which is the keyring's active one; is it the keyring's database? If so, serve with it first"
    )]
    OtherDatabase(String),
    #[error("still sealing with key {id}: {names}; give them the keyring and send each SIGHUP first")]
    StillSeals { id: String, names: String },
    #[error("rows still name key {id}: {rows}; `fedlink keys rewrap` first")]
    StillWraps { id: String, rows: String },
}

impl From<Trouble> for Error {
    fn from(trouble: Trouble) -> Self {
        Self::internal(trouble)
    }
}

/// Opens the vault with the keyring that the settings name, and puts its active key on record. Refuses a keyring that
/// lacks a key on record, or has another of that id: it would lock out what is sealed.
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
