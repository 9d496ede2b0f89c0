//! SQLite: readers that run in place, one writer off the workers, WAL with every commit on the disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::result::Error::DatabaseError;
use diesel::result::QueryResult;
use diesel::sqlite::SqliteConnection;
use diesel::{Connection as _, QueryableByName, RunQueryDsl as _};
use diesel_migrations::MigrationHarness as _;
use tokio::runtime::Handle;

use super::conn::{Conn, SqliteHold};
use super::error::lift;
use super::pool::Pool;
use super::private::{make, narrow_all};
use super::scrub::{self, Scrubbed};
use super::sized::keep_time;
use super::sqlite_conn::{Offload, SqliteConn};
use super::together::{Together, unsent};
use domain::threads::Nice;
use domain::{Error, Result};

/// More readers than any number of workers has at once; a limit all the same, so that a leak shows.
const READERS: usize = 256;

/// How many may list at once: on threads of their own, and so few that those who serve have the cores.
pub(super) const LISTS: usize = 2;

/// Every connection: wait for a lock before anything else, since even changing the journal mode takes one.
pub(super) const EVERY: &str = "PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = ON;";
/// What SQLite says where another process has a lock (`sqlite3_errstr(SQLITE_BUSY)`).
const LOCKED: &str = "database is locked";
/// As long as `busy_timeout`, and how often it is tried meanwhile.
const PATIENCE: Duration = Duration::from_secs(5);
const MOMENT: Duration = Duration::from_millis(5);
/// The writer: a commit that returned survives a power cut, and what is deleted is overwritten.
pub(super) const WRITER: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;";
/// A reader can't write, whatever is asked of it.
const READER: &str = "PRAGMA query_only = ON; PRAGMA mmap_size = 2147418112;";

/// A SQLite database file.
pub(super) struct Sqlite {
    path: PathBuf,
    runtime: Handle,
    readers: Arc<Pool<SqliteConn>>,
    /// Readers for what a caller sizes, and the threads that those run on.
    lists: Arc<Pool<SqliteConn>>,
    threads: Nice,
    writer: Together,
}

impl Sqlite {
    /// The database at `path`; nothing is opened yet.
    pub(super) fn new(path: &Path, runtime: Handle) -> Self {
        let writer = Together::new(path.to_owned(), runtime.clone());
        let (readers, lists) = (Pool::new(READERS), Pool::new(LISTS));
        let threads = Nice::new("lists", LISTS);
        Self { path: path.to_owned(), runtime, readers, lists, threads, writer }
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A connection for point reads, which run in place.
    pub(super) async fn reader(&self) -> Result<Conn> {
        let (place, idle) = self.readers.place().await.map_err(lift)?;
        let conn = match idle {
            Some(conn) => conn,
            None => SqliteConn::alone(establish(&self.path, READER).map_err(lift)?, Offload::Inline),
        };
        Ok(SqliteHold::Own(place.fill(conn)).into())
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
        Ok(SqliteHold::Own(place.fill(SqliteConn::alone(conn, Offload::To(threads.clone())))).into())
    }

    /// The one connection for writes, which run off the workers, for a transaction.
    pub(super) async fn writer(&self) -> Result<Conn> {
        Ok(SqliteHold::Own(self.writer.alone().await.map_err(lift)?).into())
    }

    /// The same connection, for writes that are transactions by themselves: they share the way to the disk.
    pub(super) fn together(&self) -> Conn {
        SqliteHold::Together(SqliteConn::Together(self.writer.clone())).into()
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
        let done = writer.enter().and_then(SqliteConn::own).map_err(lift)?.spawn_blocking(work).await;
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
                conn.run_pending_migrations(super::SQLITE_MIGRATIONS)
                    .map(|ran| ran.iter().map(ToString::to_string).collect())
                    .map_err(diesel::result::Error::QueryBuilderError)
            })
            .map_err(lift)
        };
        self.runtime.spawn_blocking(run).await.map_err(Error::internal)?
    }
}

/// Where the file really is: `database_url` may name a link to it.
#[derive(QueryableByName)]
struct Place {
    #[diesel(sql_type = diesel::sql_types::Text)]
    file: String,
}

/// Leaves the file, and those that SQLite has put beside it, to their owner.
fn narrow(conn: &mut SqliteConnection) -> QueryResult<()> {
    let place: Place =
        diesel::sql_query("SELECT file FROM pragma_database_list WHERE name = 'main'").get_result(conn)?;
    narrow_all(Path::new(&place.file))
        .map_err(|error| unsent(&format!("the database can't be made its owner's alone: {error}")))
}

/// Opens the file and says how it is to be used.
pub(super) fn establish(path: &Path, pragmas: &str) -> QueryResult<SqliteConnection> {
    let name = path.to_str().ok_or_else(|| unsent("the path of the database is not UTF-8"))?;
    // `file:` begins a URI, not a path.
    if !name.starts_with("file:") {
        make(path).map_err(|error| unsent(&format!("can't make the SQLite database {name}: {error}")))?;
    }
    let mut conn = SqliteConnection::establish(name)
        .map_err(|error| unsent(&format!("can't open the SQLite database {name}: {error}")))?;
    conn.batch_execute(EVERY)?;
    use_as(&mut conn, pragmas)?;
    Ok(conn)
}

/// Says how a connection is to be used. Of several processes that make a file a WAL database at once, SQLite refuses all but one
/// without waiting, whatever `busy_timeout` says: two that hold a lock each wait for the other's.
fn use_as(conn: &mut SqliteConnection, pragmas: &str) -> QueryResult<()> {
    let began = Instant::now();
    loop {
        match conn.batch_execute(pragmas) {
            Err(DatabaseError(_, why)) if why.message() == LOCKED && began.elapsed() < PATIENCE => {
                #[expect(clippy::disallowed_methods, reason = "SQLite itself waits so, where it waits")]
                thread::sleep(MOMENT);
            }
            done => return done,
        }
    }
}
