//! From SQLite to Postgres, whole, while neither is served.

use std::path::Path;

use tokio::runtime::Handle;

use crate::keys;
use domain::clock::SharedClock;
use domain::instance::LIVE;
use domain::{Error, Result};
use settings::KeyringSource;
use store::Store;

/// Copies the SQLite database at `file` into `to`, an empty one of Postgres, whose instances will have this keyring. `step` is told how
/// many rows are copied, of how many. Gives the number of rows; [`Error::Input`] says why it can't.
pub async fn copy(
    file: &Path,
    to: &Store,
    keyring: &KeyringSource,
    clock: &SharedClock,
    step: impl FnMut(u64, u64),
) -> Result<u64> {
    if to.sqlite_path().is_some() {
        return Err(Error::input("database_url", "must name the PostgreSQL database that is copied into"));
    }
    // Opened, it would be made.
    if !file.is_file() {
        return Err(Error::input("the SQLite database", format!("is no file: {}", file.display())));
    }
    let from = Store::new(&format!("sqlite:{}", file.display()).into(), None, Handle::current())?;
    to.migrate().await?;
    refuse_served(&from, "the SQLite database", clock).await?;
    refuse_served(to, "the PostgreSQL database", clock).await?;
    keys::check_keyring(&from, keyring, clock).await?;
    store::copy::copy(&from, to, step).await
}

async fn refuse_served(store: &Store, which: &'static str, clock: &SharedClock) -> Result<()> {
    let now = store::now(clock.now());
    let live = store::read!(store, |conn| store::instances::list_within(conn, LIVE, now))?;
    let Some(first) = live.first() else { return Ok(()) };
    let name = &first.name;
    let why = format!(
        "is served by {name}, or was less than 2 minutes ago and not stopped in order: stop it, then run this again"
    );
    Err(Error::input(which, why))
}
