//! How often something was tried in its window: one row a key, counted by the database itself.

use std::ops::Range;

use diesel::dsl::case_when;
use diesel::prelude::*;
use diesel::upsert::excluded;
use diesel_async::RunQueryDsl;

use super::conn::{Conn, on};
use super::error::lift;
use super::schema::attempts;
use super::types::At;
use domain::Result;
use domain::tries::STEPS;

/// Counts one more, in one statement: any number at once each get a number of their own. A window that is over at `now`
/// starts anew, to end at `expires`. Gives the number, and when the window ends.
pub async fn count(conn: &mut Conn, key: &str, now: At, expires: At) -> Result<(i32, At)> {
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

/// As [`count`], where tries beyond `limit` are let through one by one, each at its time: after the last of those in the
/// limit at the first of `openings`, after the next one at the second, and so on. Says whether this one is: of any number at
/// once that wait for it, one. What is refused is not counted. `window`: from now to the end of one that begins now.
pub async fn count_spaced(
    conn: &mut Conn,
    key: &str,
    window: Range<At>,
    limit: i32,
    openings: [At; STEPS],
) -> Result<bool> {
    let Range { start: now, end: expires } = window;
    let [first, second, third, fourth, last] = openings;
    let is_over = || attempts::expires.le(now);
    let number = || attempts::count + 1;
    let opens = case_when(is_over(), excluded(attempts::opens))
        .when(number().le(limit), Some(first))
        .when(number().eq(limit + 1), Some(second))
        .when(number().eq(limit + 2), Some(third))
        .when(number().eq(limit + 3), Some(fourth))
        .otherwise(Some(last));
    let counted = diesel::insert_into(attempts::table)
        .values((
            attempts::key.eq(key),
            attempts::count.eq(1),
            attempts::expires.eq(expires),
            attempts::opens.eq(Some(first)),
        ))
        .on_conflict(attempts::key)
        .do_update()
        .set((
            attempts::count.eq(case_when(is_over(), excluded(attempts::count)).otherwise(attempts::count + 1)),
            attempts::expires.eq(case_when(is_over(), excluded(attempts::expires)).otherwise(attempts::expires)),
            attempts::opens.eq(opens),
        ));
    // Where it is refused the row stays as it is.
    let counted = diesel::query_dsl::methods::FilterDsl::filter(
        counted,
        is_over().or(attempts::count.lt(limit)).or(attempts::opens.le(now)),
    );
    let let_through = on!(conn, |c| counted.execute(c)).map_err(lift)?;
    Ok(let_through == 1)
}

/// When there is one more try, where those of the window that runs at `now` are spent.
pub async fn find_opening(conn: &mut Conn, key: &str, now: At) -> Result<Option<At>> {
    let running = attempts::table.find(key).filter(attempts::expires.gt(now));
    let found = on!(conn, |c| running.select((attempts::opens, attempts::expires)).first::<(Option<At>, At)>(c));
    let found = found.optional().map_err(lift)?;
    Ok(found.map(|(opens, expires)| opens.map_or(expires, |opens| opens.min(expires))))
}

/// How many there were in the window that runs at `now`, and when it ends.
pub async fn find(conn: &mut Conn, key: &str, now: At) -> Result<Option<(i32, At)>> {
    let running = attempts::table.find(key).filter(attempts::expires.gt(now));
    on!(conn, |c| running.select((attempts::count, attempts::expires)).first(c)).optional().map_err(lift)
}

/// Counts one that stands until `expires`, and nothing that was counted before.
pub async fn mark(conn: &mut Conn, key: &str, expires: At) -> Result<()> {
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
pub async fn delete(conn: &mut Conn, key: &str) -> Result<()> {
    on!(conn, |c| diesel::delete(attempts::table.find(key)).execute(c)).map_err(lift)?;
    Ok(())
}

/// Deletes what was counted in windows that ended before `now`.
pub async fn sweep(conn: &mut Conn, now: At) -> Result<()> {
    on!(conn, |c| diesel::delete(attempts::table.filter(attempts::expires.lt(now))).execute(c)).map_err(lift)?;
    Ok(())
}
