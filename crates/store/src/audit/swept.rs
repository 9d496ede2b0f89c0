//! Lines of the record that are older than they are kept.

use diesel::QueryableByName;
use diesel_async::RunQueryDsl;

use crate::conn::{Conn, on};
use crate::error::lift;
use crate::filter::{Bind, How, Statement};
use crate::types::{At, Id, Instant, Uuid};
use domain::Result;
use domain::audit::Place;

/// Lines of one statement. On SQLite everybody else's writes wait for it, and each line stands in six places of a large file.
const BATCH: i64 = 50;

#[derive(QueryableByName)]
#[diesel(check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
struct SweptRow {
    #[diesel(sql_type = Instant)]
    at: At,
    #[diesel(sql_type = Id)]
    id: Uuid,
}

/// Deletes lines from before a moment, the oldest first, a batch of them; gives the place from after which on there may be more.
/// Asked to go on from there, it does not pass what was deleted before and is in the index still. What others have in hand it
/// leaves to them.
pub async fn sweep(conn: &mut Conn, after: Option<Place>, before: At) -> Result<Option<Place>> {
    let how = if conn.is_sqlite() { How::Sqlite(None) } else { How::Postgres };
    let statement = || statement(after, before, how);
    let gone: Vec<SweptRow> = on!(conn, |c| statement().query(c).load(c)).map_err(lift)?;
    let last = gone.iter().map(|row| Place { at: row.at.0, id: row.id.0 }).max();
    Ok(last.filter(|_| i64::try_from(gone.len()).is_ok_and(|gone| gone == BATCH)))
}

pub(crate) fn statement(after: Option<Place>, before: At, how: How) -> Statement {
    let is_sqlite = matches!(how, How::Sqlite(_));
    let mut statement = Statement::new(how);
    // An array is made once, however often Postgres would look into it.
    statement.push(if is_sqlite {
        "DELETE FROM audit WHERE id IN ("
    } else {
        "DELETE FROM audit WHERE id = ANY (ARRAY("
    });
    statement.push("SELECT id FROM audit WHERE ");
    if let Some(Place { at, id }) = after {
        statement.push("(at, id) > (");
        statement.bind(Bind::At(At(at)));
        statement.push(", ");
        statement.bind(Bind::Id(Uuid(id)));
        statement.push(") AND ");
    }
    statement.push("at < ");
    statement.bind(Bind::At(before));
    statement.push(" ORDER BY at, id LIMIT ");
    statement.bind(Bind::Number(BATCH));
    statement.push(if is_sqlite { ")" } else { " FOR UPDATE SKIP LOCKED))" });
    statement.push(" RETURNING at, id");
    statement
}
