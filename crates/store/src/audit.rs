//! The audit record, written in the transaction of the change it speaks of.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::conn::{Conn, on};
use super::error::lift;
use super::schema::audit;
use super::types::{At, Uuid};
use domain::Result;
use domain::event::AuditLine;
use domain::ids::ProviderId;

/// The row of one line of the record.
#[derive(Insertable)]
#[diesel(table_name = audit)]
struct AuditRow<'a> {
    id: Uuid,
    at: At,
    event: &'static str,
    client: Option<&'a str>,
    subject: Option<&'a str>,
    fp_type: Option<&'a str>,
    fp_name: Option<&'a str>,
    sid: Option<&'a str>,
    detail: Option<&'a str>,
    claimed_ip: Option<&'a str>,
    claimed_agent: Option<&'a str>,
    actor: Option<&'a str>,
    count: i64,
}

/// Adds a line.
pub async fn insert(conn: &mut Conn, line: &AuditLine) -> Result<()> {
    let row = &AuditRow {
        id: Uuid(line.id),
        at: At(line.at),
        event: line.event.as_str(),
        client: line.actor.client.as_deref(),
        subject: line.subject.as_deref(),
        fp_type: line.provider.as_ref().map(ProviderId::fp_type),
        fp_name: line.provider.as_ref().map(ProviderId::fp_name),
        sid: line.sid.as_deref(),
        detail: line.detail.as_deref(),
        claimed_ip: line.actor.claimed_ip.as_deref(),
        claimed_agent: line.actor.claimed_agent.as_deref(),
        actor: line.actor.subject.as_deref(),
        count: i64::from(line.count),
    };
    on!(conn, |c| diesel::insert_into(audit::table).values(row).execute(c)).map_err(lift)?;
    Ok(())
}
