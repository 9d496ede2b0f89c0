//! Lanes: held while something is added or taken, gone when nothing waits in them; and those of endpoints that nobody serves.

use std::collections::BTreeSet;

use diesel::dsl::{exists, not};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::conn::{Conn, on};
use crate::error::lift;
use crate::moment::Now;
use crate::prepared::Prepare as _;
use crate::schema::{outbox, outbox_lanes, outbox_leases};
use crate::types::Uuid;
use domain::Result;
use domain::outbox::PATIENCE;

/// Why the letters of an endpoint that nobody serves are given up.
pub const UNSERVED: &str = "not_configured";
/// Letters of one transaction.
const BATCH: i64 = 200;

/// Makes the lane, or holds the one that is there, until the end of the transaction.
pub(super) async fn hold(conn: &mut Conn, endpoint: &str, lane: Uuid, now: Now) -> Result<()> {
    on!(conn, |c| diesel::insert_into(outbox_lanes::table)
        .values((
            outbox_lanes::endpoint.eq(endpoint),
            outbox_lanes::lane.eq(lane),
            outbox_lanes::due_at.eq(now.moment()),
            outbox_lanes::attempts.eq(0),
        ))
        .on_conflict((outbox_lanes::endpoint, outbox_lanes::lane))
        .do_update()
        .set(outbox_lanes::attempts.eq(outbox_lanes::attempts))
        .prepared()
        .execute(c))
    .map_err(lift)?;
    Ok(())
}

/// Drops a lane that is held, if it has nothing waiting; says whether it did. A statement of its own: only one that begins after the
/// lane is held sees what others have added to it.
pub(super) async fn drop_if_empty(conn: &mut Conn, endpoint: &str, lane: Uuid) -> Result<bool> {
    let waiting = outbox::table
        .filter(outbox::endpoint.eq(endpoint))
        .filter(outbox::lane.eq(lane))
        .filter(outbox::dead_at.is_null());
    let empty = outbox_lanes::table.find((endpoint, lane)).filter(not(exists(waiting)));
    Ok(on!(conn, |c| diesel::delete(empty).execute(c)).map_err(lift)? == 1)
}

/// Drops a lane that has nothing waiting, in a transaction.
pub async fn tidy(conn: &mut Conn, endpoint: &str, lane: uuid::Uuid, now: Now) -> Result<()> {
    hold(conn, endpoint, Uuid(lane), now).await?;
    drop_if_empty(conn, endpoint, Uuid(lane)).await.map(|_| ())
}

/// The next endpoint for which something waits, in the order of their names.
pub async fn find_endpoint_after(conn: &mut Conn, after: &str) -> Result<Option<String>> {
    on!(conn, |c| outbox_lanes::table
        .filter(outbox_lanes::endpoint.gt(after))
        .order(outbox_lanes::endpoint.asc())
        .select(outbox_lanes::endpoint)
        .first(c))
    .optional()
    .map_err(lift)
}

/// Gives up letters that have waited for a day, where nobody has served the endpoint for as long: another instance may have settings
/// that name it. Gives how many were; fewer than a batch are the last.
pub async fn give_up_unserved(conn: &mut Conn, endpoint: &str, now: Now) -> Result<usize> {
    let long_ago = || now.plus(-PATIENCE);
    let served = outbox_leases::table.find(endpoint).filter(outbox_leases::lease_until.gt(long_ago()));
    let old: Vec<(i64, Uuid)> = on!(conn, |c| outbox::table
        .filter(outbox::endpoint.eq(endpoint))
        .filter(outbox::dead_at.is_null())
        .filter(outbox::queued_at.le(long_ago()))
        .filter(not(exists(served)))
        .order(outbox::seq.asc())
        .limit(BATCH)
        .select((outbox::seq, outbox::lane))
        .load(c))
    .map_err(lift)?;
    let seqs: Vec<i64> = old.iter().map(|(seq, _)| *seq).collect();
    let lanes: BTreeSet<uuid::Uuid> = old.iter().map(|(_, lane)| lane.0).collect();
    for lane in &lanes {
        hold(conn, endpoint, Uuid(*lane), now).await?;
    }
    let given_up = bury(conn, &seqs, UNSERVED, now).await?;
    for lane in lanes {
        drop_if_empty(conn, endpoint, Uuid(lane)).await?;
    }
    Ok(given_up)
}

/// Makes dead letters of those that still wait; what was forgotten goes altogether. Gives how many of both.
pub(super) async fn bury(conn: &mut Conn, seqs: &[i64], code: &str, now: Now) -> Result<usize> {
    macro_rules! these {
        ($forgotten:expr) => {
            outbox::table
                .filter(outbox::seq.eq_any(seqs))
                .filter(outbox::dead_at.is_null())
                .filter(outbox::forgotten.eq($forgotten))
        };
    }
    let gone = on!(conn, |c| diesel::delete(these!(true)).execute(c)).map_err(lift)?;
    let dead = on!(conn, |c| diesel::update(these!(false))
        .set((outbox::dead_at.eq(now.moment().nullable()), outbox::failure.eq(code)))
        .execute(c))
    .map_err(lift)?;
    Ok(gone + dead)
}
