//! When a link's token was last handed out: a narrow table of its own, written in batches.

use diesel::prelude::*;
use diesel::upsert::excluded;
use diesel_async::RunQueryDsl;

use super::conn::{Conn, on};
use super::error::lift;
use super::schema::{link_uses, links};
use super::types::{At, Uuid};
use domain::Result;
use domain::ids::LinkId;

/// Records that these links were used at this moment, those of them that are still there.
pub async fn record(conn: &mut Conn, used: &[LinkId], at: At) -> Result<()> {
    let used: Vec<Uuid> = used.iter().map(|link| Uuid(link.0)).collect();
    let still_there =
        links::table.filter(links::id.eq_any(used)).select((links::id, at.into_sql::<super::types::Instant>()));
    on!(conn, |c| diesel::insert_into(link_uses::table)
        .values(still_there)
        .into_columns((link_uses::link_id, link_uses::last_used))
        .on_conflict(link_uses::link_id)
        .do_update()
        .set(link_uses::last_used.eq(excluded(link_uses::last_used)))
        .execute(c))
    .map_err(lift)?;
    Ok(())
}
