//! The audit record, written in the transaction of the change it speaks of.

mod erased;
mod reading;
mod swept;

use diesel::prelude::*;
use diesel::query_dsl::methods::FilterDsl;
use diesel::upsert::excluded;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::conn::{Conn, on};
use super::error::lift;
use super::prepared::Prepare as _;
use super::schema::audit;
use super::sqlite_conn::SqliteConn;
use super::types::{At, Uuid};
pub use erased::{Lines, has, list_lines, names, rewrite};
pub use reading::{Page, Written};
pub use swept::sweep;
#[cfg(test)]
pub(super) use {erased::statement as lines_statement, reading::statement as reading, swept::statement as sweeping};

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
    batch: Option<Uuid>,
}

impl<'a> From<&'a AuditLine> for AuditRow<'a> {
    fn from(line: &'a AuditLine) -> Self {
        Self {
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
            batch: None,
        }
    }
}

/// Adds a line.
pub async fn insert(conn: &mut Conn, line: &AuditLine) -> Result<()> {
    let row = &AuditRow::from(line);
    on!(conn, |c| diesel::insert_into(audit::table).values(row).execute(c)).map_err(lift)?;
    Ok(())
}

/// Adds what was counted to the lines that count it, a few hundred at most: Postgres binds no more than 65,535 values. A batch that is
/// added again, since nobody knew whether it had been, changes nothing where a line is of one writer, whose batches come one after the
/// other; what several write they mark as written themselves ([`crate::served::fold`]), and in the order of its ids. Says to how many
/// lines something was added.
pub async fn add(conn: &mut Conn, lines: &[AuditLine], batch: uuid::Uuid) -> Result<usize> {
    let rows: Vec<_> = lines.iter().map(|line| AuditRow { batch: Some(Uuid(batch)), ..line.into() }).collect();
    on!(conn, |c| c.add(&rows)).map_err(lift)
}

/// The statement that adds these rows: one, or as many as the engine has values for.
macro_rules! adding {
    ($rows:expr) => {{
        let count = audit::count.eq(audit::count + excluded(audit::count));
        let added = (count, audit::batch.eq(excluded(audit::batch)));
        let adding = diesel::insert_into(audit::table).values($rows).on_conflict(audit::id).do_update().set(added);
        FilterDsl::filter(adding, audit::batch.ne(excluded(audit::batch)))
    }};
}

/// How an engine adds counted rows.
trait Add {
    async fn add(&mut self, rows: &[AuditRow<'_>]) -> QueryResult<usize>;
}

impl Add for SqliteConn<'_> {
    // A call costs no round trip here, and its statement is prepared once.
    async fn add(&mut self, rows: &[AuditRow<'_>]) -> QueryResult<usize> {
        let mut added = 0;
        for row in rows {
            added += adding!(row).prepared().execute(self).await?;
        }
        Ok(added)
    }
}

impl Add for &AsyncPgConnection {
    async fn add(&mut self, rows: &[AuditRow<'_>]) -> QueryResult<usize> {
        adding!(rows).execute(self).await
    }
}
