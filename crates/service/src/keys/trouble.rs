//! What stands in the way of the keyring, in words that say what to do.

use std::path::PathBuf;

use domain::Error;

/// What stands in the way of the keyring.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error(
        "the database has rows sealed with key {0}, which the keyring does not have; put back the keyring that made it, or see `fedlink keys give-up {0}`"
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
    #[error("there is no keyring to go on with: if it can't be put back, make a new one with `fedlink keys add` first")]
    NoneToGoOnWith,
    #[error("key {id} is not lost: {holder} has it")]
    NotLost { id: String, holder: String },
}

impl From<Trouble> for Error {
    fn from(trouble: Trouble) -> Self {
        Self::internal(trouble)
    }
}
