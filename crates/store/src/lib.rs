//! The database: opened by its address, brought to the newest schema, read, written.
//!
//! One query text serves SQLite and PostgreSQL. Rows stay in here: functions take and give what [`domain`] has. What only one may
//! do (own an account, refresh a link, use a code) is one statement that says whether it was this one. It never sees a plaintext
//! token.
//!
//! ```
//! use fedlink_store::{Store, at, accounts, read};
//! use domain::ids::Subject;
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! let url = format!("sqlite:{}", folder.path().join("fedlink.db").display());
//! let store = Store::new(&url.into(), None, tokio::runtime::Handle::current())?;
//! assert!(!store.migrate().await?.is_empty());
//! let nobody = Subject::parse("42")?;
//! let found = async { read!(store, |conn| accounts::find(conn, &nobody)) };
//! assert!(found.await?.is_none());
//! # Ok(())
//! # }
//! ```

mod address;
mod at_hand;
mod commit;
mod conn;
mod error;
mod filter;
mod home;
mod hosts;
mod migrations;
mod moment;
mod oauth_claims;
mod own;
mod pg_conn;
mod pool;
mod postgres;
mod prepared;
mod private;
mod schema;
mod scrub;
mod sized;
mod sqlite;
mod sqlite_conn;
mod sqlite_file;
#[cfg(test)]
mod tests;
mod together;
mod tx;
mod types;
mod until;

pub mod accounts;
pub mod across;
pub mod attempts;
pub mod audit;
pub mod backlog;
pub mod client_assertions;
pub mod condo_sessions;
pub mod confirm_phone_actions;
pub mod copy;
pub mod erasure;
pub mod flows;
pub mod handed_on;
pub mod imports;
pub mod instances;
pub mod issuer_rules;
pub mod known_places;
pub mod leases;
pub mod links;
pub mod marks;
pub mod moving;
pub mod news;
pub mod oauth_codes;
pub mod oauth_refresh_tokens;
pub mod oauth_tokens;
pub mod organizations;
pub mod outbox;
pub mod partner;
pub mod person;
pub mod provider_minutes;
pub mod provider_rules;
pub mod refusals;
pub mod revocations;
pub mod row_keys;
pub mod served;
pub mod sessions;
pub mod stale;
pub mod token_sets;
pub mod uses;
pub mod vault_keys;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use diesel_async::SimpleAsyncConnection as _;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::runtime::Handle;

pub use conn::Conn;
use conn::{Hold, PostgresHold};
use error::{is_lost_connection, lift, unavailable};
pub use moment::Now;
pub use oauth_claims::{Claim, ClaimSeen};
pub use pool::InUse;
pub use scrub::Scrubbed;
pub use sized::Lists;
pub use tx::{Single, Tx};
pub use until::Until;

use domain::Result;
use domain::refresh::{GRACE, Takeover};

/// The database of one installation.
pub struct Store {
    engine: Engine,
}

enum Engine {
    Sqlite(Box<sqlite::Sqlite>),
    Postgres(Arc<postgres::Postgres>),
}

impl Store {
    /// The database that `url` names: `sqlite:PATH` or `postgres://…`. Nothing is opened yet. Drivers, but for
    /// those of [`Store::read_on_this_thread`], and writers run on `runtime`.
    pub fn new(url: &SecretString, ca_file: Option<&Path>, runtime: Handle) -> Result<Self> {
        let engine = match url.expose_secret().split_once(':') {
            Some(("sqlite", path)) if !path.is_empty() => {
                Engine::Sqlite(Box::new(sqlite::Sqlite::new(&PathBuf::from(path), runtime)))
            }
            Some(("postgres" | "postgresql", _)) => {
                Engine::Postgres(Arc::new(postgres::Postgres::new(url.expose_secret(), ca_file, runtime)?))
            }
            _ => return Err(unavailable("database_url must be sqlite:PATH or postgres://…".to_owned())),
        };
        Ok(Self { engine })
    }

    /// The database file, if it is SQLite.
    pub fn sqlite_path(&self) -> Option<&Path> {
        match &self.engine {
            Engine::Sqlite(sqlite) => Some(sqlite.path()),
            Engine::Postgres(_) => None,
        }
    }

    /// Brings the database to the newest schema; gives the names of the migrations that ran.
    pub async fn migrate(&self) -> Result<Vec<String>> {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.migrate().await,
            Engine::Postgres(postgres) => postgres.migrate().await,
        }
    }

    /// Overwrites what is left of rows that were deleted, where that takes more than time: Postgres does by itself, as it
    /// vacuums and writes on.
    pub async fn scrub(&self) -> Result<Scrubbed> {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.scrub().await,
            Engine::Postgres(_) => Ok(Scrubbed::Whole),
        }
    }

    /// Empties the log that SQLite writes ahead, as far as nobody reads in it: it has all that was deleted of late.
    pub async fn empty_log(&self) -> Result<Scrubbed> {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.empty_log().await,
            Engine::Postgres(_) => Ok(Scrubbed::Whole),
        }
    }

    /// Says whether the database answers.
    pub async fn ping(&self) -> Result<()> {
        crate::read!(self, |conn| answers(conn))
    }

    /// A connection for point reads: in place on SQLite, pipelined on Postgres, over the thread's own connection or a shared one.
    pub async fn read(&self) -> Result<Conn> {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.reader().await,
            Engine::Postgres(postgres) => postgres.reader().await,
        }
    }

    /// For a thread that serves, and has a runtime of its own: its point reads go over a connection of its own. On Postgres it drives
    /// that itself, if there is one left.
    pub fn read_on_this_thread(&self) {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.keep_at_hand(),
            Engine::Postgres(postgres) => postgres.settle(),
        }
    }

    /// A connection to read with instead of one that the server has closed.
    pub async fn read_instead(&self, mut lost: Conn) -> Result<Conn> {
        lost.close();
        match (&self.engine, &lost) {
            (Engine::Postgres(postgres), Conn(Hold::Postgres(PostgresHold::Shared { slot, .. }))) => {
                postgres.reader_instead(*slot).await
            }
            _ => self.read().await,
        }
    }

    /// A connection for a write of a single statement, which is a transaction by itself.
    pub async fn write(&self) -> Result<Conn> {
        match &self.engine {
            Engine::Sqlite(sqlite) => Ok(sqlite.together()),
            Engine::Postgres(postgres) => postgres.writer().await,
        }
    }

    /// For a process that does one thing after the other and serves nobody: SQLite's writes run in place from now on, since handing
    /// each statement to another thread and back takes longer than most of them.
    pub async fn write_in_place(&self) -> Result<()> {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.write_in_place().await,
            Engine::Postgres(_) => Ok(()),
        }
    }

    /// Whether a lease that lapsed may be taken over: not while the database is back only just, and its holder may be
    /// about to store what it got.
    pub fn takeover(&self) -> Takeover {
        match &self.engine {
            Engine::Postgres(postgres) if postgres.was_away_within(GRACE) => Takeover::HeldOff,
            // On SQLite one process serves: nobody else holds anything.
            Engine::Postgres(_) | Engine::Sqlite(_) => Takeover::Allowed,
        }
    }

    /// What a claim is written with: see [`claim!`].
    pub async fn single(&self) -> Result<Single> {
        match &self.engine {
            Engine::Sqlite(sqlite) => Ok(Single::Statement(sqlite.together())),
            Engine::Postgres(_) => self.begin().await.map(Single::Transaction),
        }
    }

    /// The pools of connections, and how much of each somebody has.
    pub fn pools(&self) -> Vec<InUse> {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.pools(),
            Engine::Postgres(postgres) => postgres.pools(),
        }
    }

    /// How many writes wait for SQLite's one writer.
    pub fn writes_waiting(&self) -> usize {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.writes_waiting(),
            Engine::Postgres(_) => 0,
        }
    }

    /// A transaction.
    pub async fn begin(&self) -> Result<Tx> {
        match &self.engine {
            Engine::Sqlite(sqlite) => Tx::begin(sqlite.writer().await?).await.map_err(lift),
            Engine::Postgres(postgres) => match Tx::begin_on(postgres, postgres.own().await?).await.map_err(lift) {
                // Nothing was done yet, and a server that went away takes all connections with it.
                Err(error) if is_lost_connection(&error) => {
                    postgres.close_idle();
                    Tx::begin_on(postgres, postgres.own().await?).await.map_err(lift)
                }
                other => other,
            },
        }
    }
}

async fn answers(conn: &mut Conn) -> Result<()> {
    conn::on!(conn, |c| c.batch_execute("SELECT 1")).map_err(lift)
}

/// Runs a point read, and once more on another connection if the first turns out to have been closed by the server.
#[macro_export]
macro_rules! read {
    ($store:expr, |$conn:ident| $query:expr) => {{
        let mut conn = $store.read().await?;
        let $conn = &mut conn;
        match $query.await {
            Err(error) if $crate::is_lost(&error) => {
                let mut conn = $store.read_instead(conn).await?;
                let $conn = &mut conn;
                $query.await
            }
            other => other,
        }
    }};
}

/// Whether a read that failed so is worth another connection.
pub fn is_lost(error: &domain::Error) -> bool {
    is_lost_connection(error)
}

/// Whether the database refused, rather than anything of ours: it may be in a state whose words we don't know.
pub fn is_of_database(error: &domain::Error) -> bool {
    error::is_of_database(error)
}

/// Whether the database is there and will not have what it is given.
pub fn is_refused(error: &domain::Error) -> bool {
    error::is_refused(error)
}

/// A moment as rows hold it, to the microsecond.
pub fn at(moment: chrono::DateTime<chrono::Utc>) -> types::At {
    types::At(moment)
}

/// The time that leases go by: the database's on Postgres, else `moment`, which is this process's.
pub fn now(moment: chrono::DateTime<chrono::Utc>) -> Now {
    Now(moment)
}
