//! A SQLite file: how a connection to it is opened, and whose it is.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::result::Error::DatabaseError;
use diesel::result::QueryResult;
use diesel::sqlite::SqliteConnection;
use diesel::{Connection as _, QueryableByName, RunQueryDsl as _};

use super::error::unsent;
use super::private::{make, narrow_all};

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
pub(super) const READER: &str = "PRAGMA query_only = ON; PRAGMA mmap_size = 2147418112;";

/// Where the file really is: `database_url` may name a link to it.
#[derive(QueryableByName)]
struct Place {
    #[diesel(sql_type = diesel::sql_types::Text)]
    file: String,
}

/// Leaves the file, and those that SQLite has put beside it, to their owner.
pub(super) fn narrow(conn: &mut SqliteConnection) -> QueryResult<()> {
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
