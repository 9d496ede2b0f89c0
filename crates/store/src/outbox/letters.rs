//! What waits and what was given up, listed a page at a time.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Nullable, Text};
use diesel_async::RunQueryDsl;

use super::{ToldRow, told_columns};
use crate::Lists;
use crate::conn::{Conn, on};
use crate::error::lift;
use crate::filter::{Bind, How, Statement};
use crate::schema::outbox;
use crate::types::{At, Instant};
use domain::Result;
use domain::ids::Subject;
use domain::outbox::Told;

/// Which letters are listed.
#[derive(Clone, Debug)]
pub struct Which {
    /// Those that were given up, or those that wait.
    pub dead: bool,
    /// Of one endpoint; or of all.
    pub endpoint: Option<String>,
}

/// Where a page begins, after this endpoint's letter of this number, and how long it is.
#[derive(Clone, Debug)]
pub struct Page {
    /// The endpoint and the number.
    pub after: (String, i64),
    /// So many at most.
    pub limit: u16,
}

/// A letter that waits or was given up.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// For whom it is.
    pub endpoint: String,
    /// Its number.
    pub seq: i64,
    /// What they are told.
    pub told: Told,
    /// How often the one whose turn it is in its order failed.
    pub attempts: i32,
    /// When that is tried next.
    pub due: Option<DateTime<Utc>>,
    /// When it was given up.
    pub dead: Option<DateTime<Utc>>,
    /// Why.
    pub failure: Option<String>,
}

#[derive(QueryableByName)]
#[diesel(check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
struct WaitingRow {
    #[diesel(sql_type = Text)]
    endpoint: String,
    #[diesel(sql_type = BigInt)]
    seq: i64,
    #[diesel(embed)]
    told: ToldRow,
    #[diesel(sql_type = Nullable<Integer>)]
    attempts: Option<i32>,
    #[diesel(sql_type = Nullable<Instant>)]
    due_at: Option<At>,
    #[diesel(sql_type = Nullable<Instant>)]
    dead_at: Option<At>,
    #[diesel(sql_type = Nullable<Text>)]
    failure: Option<String>,
}

impl From<WaitingRow> for Waiting {
    fn from(row: WaitingRow) -> Self {
        Self {
            endpoint: row.endpoint,
            seq: row.seq,
            told: row.told.into(),
            attempts: row.attempts.unwrap_or_default(),
            due: row.due_at.map(|at| at.0),
            dead: row.dead_at.map(|at| at.0),
            failure: row.failure,
        }
    }
}

/// A page, in the order of endpoints and numbers.
pub(crate) fn statement(which: &Which, page: &Page, how: How) -> Statement {
    let mut statement = Statement::new(how);
    statement.push(
        "SELECT o.endpoint, o.seq, o.id, o.at, o.event, o.subject, o.fp_type, o.fp_name, o.sid, o.reason, o.replayed, ",
    );
    // A lane for each letter of the page: joined, all lanes might be sorted for one page.
    for column in ["attempts", "due_at"] {
        statement.push("CASE WHEN o.dead_at IS NULL THEN (SELECT l.");
        statement.push(column);
        statement.push(" FROM outbox_lanes l WHERE l.endpoint = o.endpoint AND l.lane = o.lane) END AS ");
        statement.push(column);
        statement.push(", ");
    }
    statement.push("o.dead_at, o.failure FROM outbox o WHERE ");
    statement.push_clock();
    // In the words of the two indexes.
    statement.push(if which.dead { "o.dead_at IS NOT NULL AND " } else { "o.dead_at IS NULL AND " });
    let (endpoint, seq) = &page.after;
    if let Some(wanted) = &which.endpoint {
        statement.push("o.endpoint = ");
        statement.bind(Bind::Text(wanted.clone()));
        statement.push(" AND ");
    }
    statement.push("(o.endpoint, o.seq) > (");
    statement.bind(Bind::Text(endpoint.clone()));
    statement.push(", ");
    statement.bind(Bind::Number(*seq));
    statement.push(") ORDER BY o.endpoint, o.seq LIMIT ");
    statement.bind(Bind::Number(page.limit.into()));
    statement
}

/// What endpoints are still to be told of a person, and what was given up.
pub async fn list_of_subject(conn: &mut Conn, subject: &Subject) -> Result<Vec<(String, Told, Option<DateTime<Utc>>)>> {
    let rows: Vec<(String, ToldRow, Option<At>)> = on!(conn, |c| outbox::table
        .filter(outbox::subject.eq(subject.as_str()))
        .order(outbox::seq)
        .select((outbox::endpoint, told_columns!(), outbox::dead_at))
        .load(c))
    .map_err(lift)?;
    Ok(rows.into_iter().map(|(endpoint, told, dead)| (endpoint, told.into(), dead.map(|at| at.0))).collect())
}

impl Lists {
    /// Letters that wait or were given up.
    pub async fn list_letters(&mut self, which: &Which, page: &Page) -> Result<Vec<Waiting>> {
        let rows: Vec<WaitingRow> = self.rows(|how| statement(which, page, how)).await?;
        Ok(rows.into_iter().map(Waiting::from).collect())
    }
}
