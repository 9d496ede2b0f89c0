//! How far imports have come: written in the transaction of what is taken in, so that an import that is cut off has neither a gap
//! nor a double.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::conn::{Conn, on};
use super::error::lift;
use super::schema::imports;
use super::types::{At, Uuid};
use domain::Result;

/// How many lines of an export are in, if its import was cut off.
pub async fn find(conn: &mut Conn, export: uuid::Uuid) -> Result<Option<i64>> {
    let lines = imports::table.find(Uuid(export)).select(imports::lines);
    on!(conn, |c| lines.first(c)).optional().map_err(lift)
}

/// Notes that the first lines of an export are in; says whether nobody else has meanwhile. `from`: how many were, by the last note.
pub async fn advance(conn: &mut Conn, export: uuid::Uuid, from: Option<i64>, to: i64, now: At) -> Result<bool> {
    let (id, note) = (imports::id.eq(Uuid(export)), (imports::lines.eq(to), imports::at.eq(now)));
    let written = match from {
        None => {
            on!(conn, |c| diesel::insert_into(imports::table).values((id, note)).on_conflict_do_nothing().execute(c))
        }
        Some(from) => on!(conn, |c| diesel::update(imports::table.find(Uuid(export)))
            .filter(imports::lines.eq(from))
            .set(note)
            .execute(c)),
    };
    Ok(written.map_err(lift)? == 1)
}

/// Forgets an export that is in, whole: who takes it in again means all of it.
pub async fn end(conn: &mut Conn, export: uuid::Uuid) -> Result<()> {
    on!(conn, |c| diesel::delete(imports::table.find(Uuid(export))).execute(c)).map_err(lift)?;
    Ok(())
}
