//! SQLite: readers that run in place, one writer off the workers, WAL with every commit on the disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use diesel::result::QueryResult;
use diesel::sqlite::SqliteConnection;
use diesel_migrations::MigrationHarness as _;
use tokio::runtime::Handle;

use super::at_hand::{Database, Reader};
use super::conn::{Conn, SqliteHold};
use super::error::lift;
use super::own::{Offload, Own};
use super::pool::{InUse, Pool};
use super::scrub::{self, Scrubbed};
use super::sqlite_file::{READER, WRITER, establish, narrow};
use super::together::Together;
use super::until::keep_time;
use domain::threads::Nice;
use domain::{Error, Result};

/// More readers than any number of workers has at once; a limit all the same, so that a leak shows.
const READERS: usize = 256;

/// How many may list at once: on threads of their own, and so few that those who serve have the cores.
pub(super) const LISTS: usize = 2;

/// A SQLite database file.
pub(super) struct Sqlite {
    database: Database,
    path: PathBuf,
    runtime: Handle,
    readers: Arc<Pool<SqliteConnection>>,
    /// Readers for what a caller sizes, and the threads that those run on.
    lists: Arc<Pool<Own>>,
    threads: Nice,
    writer: Together,
}

impl Sqlite {
    /// The database at `path`; nothing is opened yet.
    pub(super) fn new(path: &Path, runtime: Handle) -> Self {
        let writer = Together::new(path.to_owned(), runtime.clone());
        let (readers, lists) = (Pool::new(READERS), Pool::new(LISTS));
        let threads = Nice::new("lists", LISTS);
        Self { database: Database::new(), path: path.to_owned(), runtime, readers, lists, threads, writer }
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Its pools.
    pub(super) fn pools(&self) -> Vec<InUse> {
        vec![self.readers.in_use("reads"), self.writer.in_use("writes"), self.lists.in_use("lists")]
    }

    /// How many writes wait.
    pub(super) fn writes_waiting(&self) -> usize {
        self.writer.writes_waiting()
    }

    /// A connection for point reads, which run in place.
    pub(super) async fn reader(&self) -> Result<Conn> {
        let open = || establish(&self.path, READER);
        let reader = if let Some(mut lent) = self.database.lend() {
            lent.open(open).map_err(lift)?;
            Reader::AtHand(lent)
        } else {
            let (place, idle) = self.readers.place().await.map_err(lift)?;
            Reader::Pooled(place.fill(idle.map_or_else(open, Ok).map_err(lift)?))
        };
        Ok(SqliteHold::Reader(reader).into())
    }

    /// The calling thread keeps a connection for its point reads.
    pub(super) fn keep_at_hand(&self) {
        self.database.keep();
    }

    /// A connection for reads that a caller sizes, which run where they can take nothing from anybody.
    pub(super) async fn lists(&self) -> Result<Conn> {
        let (place, idle) = self.lists.place().await.map_err(lift)?;
        if let Some(conn) = idle {
            return Ok(SqliteHold::Own(place.fill(conn)).into());
        }
        let threads = self.threads.handle().map_err(Error::internal)?;
        let path = self.path.clone();
        let opening = threads.spawn_blocking(move || {
            let mut conn = establish(&path, READER)?;
            keep_time(&mut conn)?;
            Ok(conn)
        });
        let conn = opening.await.map_err(Error::internal)?.map_err(lift)?;
        Ok(SqliteHold::Own(place.fill(Own::with_runtime(conn, Offload::To(threads.clone())))).into())
    }

    /// The one connection for writes, which run off the workers, for a transaction.
    pub(super) async fn writer(&self) -> Result<Conn> {
        Ok(SqliteHold::Own(self.writer.alone().await.map_err(lift)?).into())
    }

    /// Has all writes run where they are asked for.
    pub(super) async fn write_in_place(&self) -> Result<()> {
        self.writer.write_in_place().await.map_err(lift)
    }

    /// The same connection, for writes that are transactions by themselves: they share the way to the disk.
    pub(super) fn together(&self) -> Conn {
        SqliteHold::Together(self.writer.clone()).into()
    }

    /// Overwrites what is left of rows that were deleted.
    pub(super) async fn scrub(&self) -> Result<Scrubbed> {
        self.off_the_workers(scrub::whole).await
    }

    /// Empties the log, as far as nobody reads in it.
    pub(super) async fn empty_log(&self) -> Result<Scrubbed> {
        self.off_the_workers(scrub::log).await
    }

    async fn off_the_workers(
        &self,
        work: impl FnOnce(&mut SqliteConnection) -> QueryResult<Scrubbed> + Send + 'static,
    ) -> Result<Scrubbed> {
        let mut writer = self.writer.alone().await.map_err(lift)?;
        let done = writer.enter().map_err(lift)?.spawn_blocking(work).await;
        match done {
            // Whatever it was in the middle of ends with the connection.
            Err(_) => writer.close(),
            Ok(_) => writer.leave(),
        }
        done.map_err(lift)
    }

    /// Brings the file to the newest schema; gives the names of the migrations that ran.
    pub(super) async fn migrate(&self) -> Result<Vec<String>> {
        let path = self.path.clone();
        let run = move || {
            let mut conn = establish(&path, WRITER).map_err(lift)?;
            narrow(&mut conn).map_err(lift)?;
            // Two processes that start together: the second waits here and finds nothing to do.
            conn.immediate_transaction(|conn| {
                conn.run_pending_migrations(super::migrations::SQLITE_MIGRATIONS)
                    .map(|ran| ran.iter().map(ToString::to_string).collect())
                    .map_err(diesel::result::Error::QueryBuilderError)
            })
            .map_err(lift)
        };
        self.runtime.spawn_blocking(run).await.map_err(Error::internal)?
    }
}
