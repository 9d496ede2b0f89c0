//! What SQLite leaves of rows that were deleted: the log has the pages as they were, and a page that was once split may have
//! kept a copy of a row that moved to another. `secure_delete` overwrites a row where it stands, and neither of these.

use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::result::QueryResult;
use diesel::sqlite::SqliteConnection;
use diesel::{QueryableByName, RunQueryDsl as _, sql_query};

/// What has become of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scrubbed {
    /// There is nothing left.
    Whole,
    /// Somebody reads in the log, or writes: it waits until the next time.
    LogWaits,
    /// The log is empty; the file is too large to be written anew while others wait to write.
    PagesStay,
}

/// The largest file that is written anew when an account is deleted, in bytes: a second's work or less, in memory.
const LARGE: i64 = 64 * 1024 * 1024;
/// How long the deletion of an account waits for readers.
const PATIENT: Duration = Duration::from_secs(1);
/// How long writers wait for readers, once a minute.
const BRIEF: Duration = Duration::from_millis(100);

#[derive(QueryableByName)]
struct Size {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    bytes: i64,
}

#[derive(QueryableByName)]
struct Checkpoint {
    #[diesel(sql_type = diesel::sql_types::Integer)]
    busy: i32,
}

/// Writes the file anew if it isn't too large, and empties the log.
pub(super) fn whole(conn: &mut SqliteConnection) -> QueryResult<Scrubbed> {
    let size: Size = sql_query("SELECT page_count * page_size AS bytes FROM pragma_page_count, pragma_page_size")
        .get_result(conn)?;
    if size.bytes > LARGE {
        return Ok(if checkpoint(conn, PATIENT)? { Scrubbed::PagesStay } else { Scrubbed::LogWaits });
    }
    // The copy that it makes on its way is nobody's to find.
    conn.batch_execute("PRAGMA temp_store = MEMORY; VACUUM; PRAGMA temp_store = DEFAULT;")?;
    Ok(if checkpoint(conn, PATIENT)? { Scrubbed::Whole } else { Scrubbed::LogWaits })
}

/// Empties the log.
pub(super) fn log(conn: &mut SqliteConnection) -> QueryResult<Scrubbed> {
    Ok(if checkpoint(conn, BRIEF)? { Scrubbed::Whole } else { Scrubbed::LogWaits })
}

/// Brings all that is in the log into the file, and cuts the log to nothing; says whether nobody was in the way.
fn checkpoint(conn: &mut SqliteConnection, patience: Duration) -> QueryResult<bool> {
    conn.batch_execute(&format!("PRAGMA busy_timeout = {}", patience.as_millis()))?;
    let done: Checkpoint = sql_query("PRAGMA wal_checkpoint(TRUNCATE)").get_result(conn)?;
    conn.batch_execute(super::sqlite_file::EVERY)?;
    Ok(done.busy == 0)
}
