//! How often something was tried in its window: one row a key, counted by the database itself.

use diesel::dsl::case_when;
use diesel::prelude::*;
use diesel::upsert::excluded;
use diesel_async::RunQueryDsl;

use super::conn::{Conn, on};
use super::error::lift;
use super::schema::attempts;
use super::types::At;
use crate::domain::Result;

/// Counts one more, in one statement: any number at once each get a number of their own. A window that is over at `now`
/// starts anew, to end at `expires`. Gives the number, and when the window ends.
pub(crate) async fn count(conn: &mut Conn, key: &str, (now, expires): (At, At)) -> Result<(i32, At)> {
    on!(conn, |c| diesel::insert_into(attempts::table)
        .values((attempts::key.eq(key), attempts::count.eq(1), attempts::expires.eq(expires)))
        .on_conflict(attempts::key)
        .do_update()
        .set((
            attempts::count
                .eq(case_when(attempts::expires.le(now), excluded(attempts::count)).otherwise(attempts::count + 1)),
            attempts::expires
                .eq(case_when(attempts::expires.le(now), excluded(attempts::expires)).otherwise(attempts::expires)),
        ))
        .returning((attempts::count, attempts::expires))
        .get_result(c))
    .map_err(lift)
}

/// How many there were in the window that runs at `now`, and when it ends.
pub(crate) async fn find(conn: &mut Conn, key: &str, now: At) -> Result<Option<(i32, At)>> {
    let running = attempts::table.find(key).filter(attempts::expires.gt(now));
    on!(conn, |c| running.select((attempts::count, attempts::expires)).first(c)).optional().map_err(lift)
}

/// Counts one that stands until `expires`, and nothing that was counted before.
pub(crate) async fn mark(conn: &mut Conn, key: &str, expires: At) -> Result<()> {
    on!(conn, |c| diesel::insert_into(attempts::table)
        .values((attempts::key.eq(key), attempts::count.eq(1), attempts::expires.eq(expires)))
        .on_conflict(attempts::key)
        .do_update()
        .set((attempts::count.eq(1), attempts::expires.eq(expires)))
        .execute(c))
    .map_err(lift)?;
    Ok(())
}

/// Forgets what was counted.
pub(crate) async fn delete(conn: &mut Conn, key: &str) -> Result<()> {
    on!(conn, |c| diesel::delete(attempts::table.find(key)).execute(c)).map_err(lift)?;
    Ok(())
}

/// Deletes what was counted in windows that ended before `now`.
pub(crate) async fn sweep(conn: &mut Conn, now: At) -> Result<()> {
    on!(conn, |c| diesel::delete(attempts::table.filter(attempts::expires.lt(now))).execute(c)).map_err(lift)?;
    Ok(())
}
