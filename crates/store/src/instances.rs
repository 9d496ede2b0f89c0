//! Who serves, as each instance reports of itself, by the time that leases go by.

use chrono::TimeDelta;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::conn::{Conn, on};
use super::error::lift;
use super::moment::Now;
use super::schema::instances;
use super::types::Uuid;
use domain::Result;
use domain::instance::InstanceReport;

/// The row of what an instance reports.
#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = instances, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
struct InstanceRow {
    id: Uuid,
    name: String,
    keys: String,
    active: String,
}

/// Writes what an instance reports now over what it reported before.
pub async fn upsert(conn: &mut Conn, report: &InstanceReport, now: Now) -> Result<()> {
    let row = &InstanceRow {
        id: Uuid(report.id),
        name: report.name.clone(),
        keys: report.keys.clone(),
        active: report.sealing.clone(),
    };
    on!(conn, |c| diesel::insert_into(instances::table)
        .values((row, instances::seen.eq(now.moment())))
        .on_conflict(instances::id)
        .do_update()
        .set((row, instances::seen.eq(now.moment())))
        .execute(c))
    .map_err(lift)?;
    Ok(())
}

/// The instances that reported less than `ago` before now, by name.
pub async fn list_within(conn: &mut Conn, ago: TimeDelta, now: Now) -> Result<Vec<InstanceReport>> {
    let rows: Vec<InstanceRow> = on!(conn, |c| instances::table
        .filter(instances::seen.gt(now.plus(-ago)))
        .order((instances::name, instances::id))
        .select(InstanceRow::as_select())
        .load(c))
    .map_err(lift)?;
    let report =
        |row: InstanceRow| InstanceReport { id: row.id.0, name: row.name, keys: row.keys, sealing: row.active };
    Ok(rows.into_iter().map(report).collect())
}

/// Forgets an instance.
pub async fn delete(conn: &mut Conn, id: uuid::Uuid) -> Result<()> {
    on!(conn, |c| diesel::delete(instances::table.find(Uuid(id))).execute(c)).map_err(lift)?;
    Ok(())
}

/// Forgets all instances but one.
pub async fn delete_others(conn: &mut Conn, id: uuid::Uuid) -> Result<()> {
    on!(conn, |c| diesel::delete(instances::table.filter(instances::id.ne(Uuid(id)))).execute(c)).map_err(lift)?;
    Ok(())
}

/// Forgets the instances that reported last longer than `ago` before now.
pub async fn sweep(conn: &mut Conn, ago: TimeDelta, now: Now) -> Result<()> {
    on!(conn, |c| diesel::delete(instances::table.filter(instances::seen.lt(now.plus(-ago)))).execute(c))
        .map_err(lift)?;
    Ok(())
}
