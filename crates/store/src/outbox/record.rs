//! What the audit record holds of events, so that they can be told once more.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};
use diesel_async::RunQueryDsl;

use crate::Lists;
use crate::conn::{Conn, on};
use crate::error::lift;
use crate::filter::{Bind, How, Statement};
use crate::schema::audit;
use crate::types::{At, Id, Instant, Uuid};
use domain::Result;
use domain::event::{Actor, AuditLine, Event};
use domain::ids::ProviderId;

/// A line as far as it is told, or one of which this version knows nothing.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// When it happened.
    pub at: DateTime<Utc>,
    /// Its id.
    pub id: uuid::Uuid,
    /// What it says.
    pub line: Option<AuditLine>,
}

#[derive(QueryableByName, Queryable, Selectable)]
#[diesel(table_name = audit, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
struct RecordedRow {
    #[diesel(sql_type = Id)]
    id: Uuid,
    #[diesel(sql_type = Instant)]
    at: At,
    #[diesel(sql_type = Text)]
    event: String,
    #[diesel(sql_type = Nullable<Text>)]
    subject: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    fp_type: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    fp_name: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    sid: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    detail: Option<String>,
}

impl From<RecordedRow> for Recorded {
    fn from(row: RecordedRow) -> Self {
        let (id, at) = (row.id.0, row.at.0);
        let provider = row.fp_type.zip(row.fp_name);
        let line = Event::parse(&row.event).map(|event| AuditLine {
            id,
            at,
            event,
            actor: Actor::default(),
            subject: row.subject,
            provider: provider.and_then(|(fp_type, fp_name)| ProviderId::from_parts(fp_type, fp_name).ok()),
            sid: row.sid,
            detail: row.detail,
            count: 1,
        });
        Self { at, id, line }
    }
}

/// What the record has under an id.
pub async fn find_recorded(conn: &mut Conn, id: uuid::Uuid) -> Result<Option<Recorded>> {
    let row: Option<RecordedRow> = on!(conn, |c| audit::table.find(Uuid(id)).select(RecordedRow::as_select()).first(c))
        .optional()
        .map_err(lift)?;
    Ok(row.map(Recorded::from))
}

pub(crate) fn statement(after: &Recorded, until: DateTime<Utc>, limit: u16, how: How) -> Statement {
    let mut statement = Statement::new(how);
    statement.push("SELECT id, at, event, subject, fp_type, fp_name, sid, detail FROM audit WHERE ");
    statement.push_clock();
    statement.push("(at, id) > (");
    statement.bind(Bind::At(At(after.at)));
    statement.push(", ");
    statement.bind(Bind::Id(Uuid(after.id)));
    statement.push(") AND at < ");
    statement.bind(Bind::At(At(until)));
    statement.push(" ORDER BY at, id LIMIT ");
    statement.bind(Bind::Number(limit.into()));
    statement
}

impl Lists {
    /// Lines of the record, in the order of their moments and ids, from after one on and up to before a moment.
    pub async fn list_recorded(&mut self, after: &Recorded, until: DateTime<Utc>, limit: u16) -> Result<Vec<Recorded>> {
        let rows: Vec<RecordedRow> = self.rows(|how| statement(after, until, limit, how)).await?;
        Ok(rows.into_iter().map(Recorded::from).collect())
    }
}

impl Recorded {
    /// Before all that happened at `moment`.
    pub fn before(moment: DateTime<Utc>) -> Self {
        Self { at: moment, id: uuid::Uuid::nil(), line: None }
    }
}
