//! Delivering: whose turn it is at an endpoint, what it is told next, and what came of it.

use std::time::Duration;

use chrono::TimeDelta;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::lanes::{bury, drop_if_empty};
use super::{ToldRow, told_columns};
use crate::conn::{Conn, on};
use crate::error::lift;
use crate::moment::Now;
use crate::prepared::Prepare as _;
use crate::schema::{outbox, outbox_lanes, outbox_leases};
use crate::types::{At, Uuid};
use domain::Result;
use domain::outbox::{LEASE, Told};

#[diesel::declare_sql_function]
extern "SQL" {
    /// The first of the two that is not null.
    fn coalesce(
        first: diesel::sql_types::Nullable<crate::types::Instant>,
        second: diesel::sql_types::Nullable<crate::types::Instant>,
    ) -> diesel::sql_types::Nullable<crate::types::Instant>;
}

/// Takes an endpoint, or keeps it: says whether it is the holder's until a lease's length from now.
pub async fn take(conn: &mut Conn, endpoint: &str, holder: uuid::Uuid, now: Now) -> Result<bool> {
    let until = || now.plus(span(LEASE));
    let taken = diesel::insert_into(outbox_leases::table)
        .values((
            outbox_leases::endpoint.eq(endpoint),
            outbox_leases::holder.eq(Uuid(holder)),
            outbox_leases::lease_until.eq(until()),
        ))
        .on_conflict(outbox_leases::endpoint)
        .do_update()
        .set((outbox_leases::holder.eq(Uuid(holder)), outbox_leases::lease_until.eq(until())));
    let taken = diesel::query_dsl::methods::FilterDsl::filter(
        taken,
        outbox_leases::holder.eq(Uuid(holder)).or(outbox_leases::lease_until.le(now.moment())),
    );
    Ok(on!(conn, |c| taken.prepared().execute(c)).map_err(lift)? == 1)
}

/// Gives back all that the holder has.
pub async fn release(conn: &mut Conn, holder: uuid::Uuid, now: Now) -> Result<()> {
    on!(conn, |c| diesel::update(outbox_leases::table.filter(outbox_leases::holder.eq(Uuid(holder))))
        .filter(outbox_leases::lease_until.gt(now.moment()))
        .set(outbox_leases::lease_until.eq(now.moment()))
        .execute(c))
    .map_err(lift)?;
    Ok(())
}

/// A lane whose next letter may be told.
#[derive(Clone, Copy, Debug)]
pub struct DueLane {
    /// Which.
    pub lane: uuid::Uuid,
    /// How often its next letter failed.
    pub attempts: i32,
    /// Since when nothing of it was taken.
    pub failing: TimeDelta,
}

/// An endpoint's lanes that are due, the longest due first.
pub async fn list_due(conn: &mut Conn, endpoint: &str, now: Now, limit: i64) -> Result<Vec<DueLane>> {
    let rows: Vec<(Uuid, i32, Option<At>, At)> = on!(conn, |c| outbox_lanes::table
        .filter(outbox_lanes::endpoint.eq(endpoint))
        .filter(outbox_lanes::due_at.le(now.moment()))
        .order(outbox_lanes::due_at.asc())
        .limit(limit)
        .select((outbox_lanes::lane, outbox_lanes::attempts, outbox_lanes::failing_since, now.moment()))
        .load(c))
    .map_err(lift)?;
    let due = rows.into_iter().map(|(lane, attempts, since, now)| DueLane {
        lane: lane.0,
        attempts,
        failing: since.map_or(TimeDelta::zero(), |since| now.0 - since.0),
    });
    Ok(due.collect())
}

/// The next letter of a lane.
#[derive(Debug)]
pub struct Head {
    seq: i64,
    /// What is told.
    pub told: Told,
    /// Since when it waits.
    pub waiting: TimeDelta,
}

/// The next letter of a lane, if it has any.
pub async fn find_head(conn: &mut Conn, endpoint: &str, lane: uuid::Uuid, now: Now) -> Result<Option<Head>> {
    let row: Option<(i64, At, At, ToldRow)> = on!(conn, |c| outbox::table
        .filter(outbox::endpoint.eq(endpoint))
        .filter(outbox::lane.eq(Uuid(lane)))
        .filter(outbox::dead_at.is_null())
        .order(outbox::seq.asc())
        .select((outbox::seq, outbox::queued_at, now.moment(), told_columns!()))
        .first(c))
    .optional()
    .map_err(lift)?;
    Ok(row.map(|(seq, queued, now, told)| Head { seq, told: told.into(), waiting: now.0 - queued.0 }))
}

/// What became of a letter that was taken, and of its lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// It was gone before: nothing is to be committed.
    Before,
    /// It is gone, and more wait behind it.
    AndMoreWait,
    /// It is gone, and its lane.
    WithItsLane,
}

/// Takes note, in a transaction, that a letter was taken.
pub async fn done(conn: &mut Conn, endpoint: &str, lane: uuid::Uuid, head: &Head, now: Now) -> Result<Gone> {
    on!(conn, |c| diesel::update(outbox_lanes::table.find((endpoint, Uuid(lane))))
        .set((
            outbox_lanes::attempts.eq(0),
            outbox_lanes::failing_since.eq(None::<At>),
            outbox_lanes::due_at.eq(now.moment()),
        ))
        .prepared()
        .execute(c))
    .map_err(lift)?;
    let gone = on!(conn, |c| diesel::delete(outbox::table.find(head.seq))
        .filter(outbox::id.eq(Uuid(head.told.id)))
        .filter(outbox::dead_at.is_null())
        .execute(c));
    if gone.map_err(lift)? == 0 {
        return Ok(Gone::Before);
    }
    Ok(if drop_if_empty(conn, endpoint, Uuid(lane)).await? { Gone::WithItsLane } else { Gone::AndMoreWait })
}

/// Puts off a lane whose next letter failed, in one statement; not if it has moved on since it was read.
pub async fn put_off(conn: &mut Conn, endpoint: &str, due: &DueLane, wait: Duration, now: Now) -> Result<()> {
    on!(conn, |c| diesel::update(outbox_lanes::table.find((endpoint, Uuid(due.lane))))
        .filter(outbox_lanes::attempts.eq(due.attempts))
        .set((
            outbox_lanes::attempts.eq(outbox_lanes::attempts + 1),
            outbox_lanes::due_at.eq(now.plus(span(wait))),
            outbox_lanes::failing_since.eq(coalesce(outbox_lanes::failing_since, now.moment().nullable())),
        ))
        .prepared()
        .execute(c))
    .map_err(lift)?;
    Ok(())
}

/// Makes a dead letter, in a transaction, of one that failed for long enough; the lane goes on, and is known to fail. Says whether
/// it still waited. If not, nothing is to be committed.
pub async fn give_up(
    conn: &mut Conn,
    endpoint: &str,
    due: &DueLane,
    head: &Head,
    failure: Failure<'_>,
) -> Result<bool> {
    let Failure { code, now } = failure;
    on!(conn, |c| diesel::update(outbox_lanes::table.find((endpoint, Uuid(due.lane))))
        .set((
            outbox_lanes::attempts.eq(0),
            outbox_lanes::due_at.eq(now.moment()),
            outbox_lanes::failing_since.eq(coalesce(outbox_lanes::failing_since, now.moment().nullable())),
        ))
        .prepared()
        .execute(c))
    .map_err(lift)?;
    let given_up = bury(conn, &[head.seq], code, now).await?;
    drop_if_empty(conn, endpoint, Uuid(due.lane)).await?;
    Ok(given_up == 1)
}

/// The last failure of a letter.
#[derive(Clone, Copy, Debug)]
pub struct Failure<'a> {
    /// Why, in a code of ours.
    pub code: &'a str,
    /// When.
    pub now: Now,
}

fn span(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::days(1))
}
