//! Dead letters that are told again.

use std::collections::BTreeSet;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::lanes::hold;
use super::{ToldRow, told_columns};
use crate::conn::{Conn, on};
use crate::error::lift;
use crate::moment::Now;
use crate::schema::outbox;
use crate::types::{At, Uuid};
use domain::Result;
use domain::outbox::Told;

/// Where a dead letter stands.
#[derive(Clone, Debug, Queryable)]
#[diesel(check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
pub struct DeadKey {
    /// For whom it is.
    pub endpoint: String,
    lane: Uuid,
    /// Its number.
    pub seq: i64,
}

/// An endpoint's dead letters, in their order, from after a number on.
pub async fn list_dead(conn: &mut Conn, endpoint: &str, after: i64, limit: i64) -> Result<Vec<DeadKey>> {
    on!(conn, |c| outbox::table
        .filter(outbox::endpoint.eq(endpoint))
        .filter(outbox::dead_at.is_not_null())
        .filter(outbox::seq.gt(after))
        .order(outbox::seq.asc())
        .limit(limit)
        .select((outbox::endpoint, outbox::lane, outbox::seq))
        .load(c))
    .map_err(lift)
}

/// The dead letters of one event: for whom, and what they were to be told.
pub async fn list_dead_of_id(conn: &mut Conn, id: uuid::Uuid) -> Result<Vec<(String, Told)>> {
    let rows: Vec<(String, ToldRow)> = on!(conn, |c| outbox::table
        .filter(outbox::id.eq(Uuid(id)))
        .filter(outbox::dead_at.is_not_null())
        .select((outbox::endpoint, told_columns!()))
        .load(c))
    .map_err(lift)?;
    Ok(rows.into_iter().map(|(endpoint, row)| (endpoint, row.into())).collect())
}

/// Has dead letters wait again, in a transaction, in their old order; gives how many still were dead.
pub async fn revive(conn: &mut Conn, dead: &[DeadKey], now: Now) -> Result<usize> {
    let lanes: BTreeSet<(&str, uuid::Uuid)> = dead.iter().map(|key| (key.endpoint.as_str(), key.lane.0)).collect();
    for (endpoint, lane) in lanes {
        hold(conn, endpoint, Uuid(lane), now).await?;
    }
    let seqs: Vec<i64> = dead.iter().map(|key| key.seq).collect();
    on!(conn, |c| diesel::update(outbox::table.filter(outbox::seq.eq_any(seqs)).filter(outbox::dead_at.is_not_null()))
        .set((
            outbox::dead_at.eq(None::<At>),
            outbox::failure.eq(None::<String>),
            outbox::replayed.eq(true),
            outbox::queued_at.eq(now.moment()),
        ))
        .execute(c))
    .map_err(lift)
}
