//! The record read: each page is found by an index, in the order of the record, by one statement.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Nullable, Text};

use crate::Lists;
use crate::filter::{Bind, How, Statement};
use crate::types::{At, Id, Instant, Uuid};
use domain::Result;
use domain::audit::{By, Order, Place, Search, Span};
use domain::event::{Actor, AuditLine, Event};
use domain::ids::ProviderId;

/// What stands at a place of the record.
#[derive(Clone, Debug)]
pub struct Written {
    /// Where it stands.
    pub place: Place,
    /// The line; `None` if this version knows of no such event.
    pub line: Option<AuditLine>,
}

#[derive(QueryableByName)]
#[diesel(check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
pub(super) struct LineRow {
    #[diesel(sql_type = Id)]
    pub(super) id: Uuid,
    #[diesel(sql_type = Instant)]
    pub(super) at: At,
    #[diesel(sql_type = Text)]
    pub(super) event: String,
    #[diesel(sql_type = Nullable<Text>)]
    pub(super) client: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub(super) actor: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub(super) subject: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub(super) fp_type: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub(super) fp_name: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub(super) sid: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub(super) detail: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub(super) claimed_ip: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub(super) claimed_agent: Option<String>,
    #[diesel(sql_type = BigInt)]
    pub(super) count: i64,
}

/// The columns of a [`LineRow`].
pub(super) const COLUMNS: &str =
    "id, at, event, client, actor, subject, fp_type, fp_name, sid, detail, claimed_ip, claimed_agent, count";

impl From<LineRow> for Written {
    fn from(row: LineRow) -> Self {
        let place = Place { at: row.at.0, id: row.id.0 };
        let provider = row.fp_type.zip(row.fp_name);
        let line = Event::parse(&row.event).map(|event| AuditLine {
            id: place.id,
            at: place.at,
            event,
            actor: Actor {
                client: row.client,
                subject: row.actor,
                claimed_ip: row.claimed_ip,
                claimed_agent: row.claimed_agent,
            },
            subject: row.subject,
            provider: provider.and_then(|(fp_type, fp_name)| ProviderId::from_parts(fp_type, fp_name).ok()),
            sid: row.sid,
            detail: row.detail,
            count: u32::try_from(row.count).unwrap_or(u32::MAX),
        });
        Self { place, line }
    }
}

/// A page of the record: the first so many lines of a span, in this order.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Of which stretch.
    pub span: Span,
    /// In which order.
    pub order: Order,
    /// So many at most.
    pub limit: u16,
}

/// What the search goes by, a page of it.
pub(crate) fn statement(search: &Search, page: &Page, how: How) -> Statement {
    let mut statement = Statement::new(how);
    match search.by() {
        By::Account(provider, sid) => {
            let (fp_type, fp_name) = (provider.fp_type(), provider.fp_name());
            select(&mut statement, &[("fp_type", fp_type), ("fp_name", fp_name), ("sid", sid.as_str())], page);
        }
        By::Subject(subject) => select(&mut statement, &[("subject", subject.as_str())], page),
        By::Events([event]) => select(&mut statement, &[("event", event.as_str())], page),
        By::Events(events) => {
            statement.push("SELECT * FROM (");
            for (place, event) in events.iter().enumerate() {
                // Each by itself, as the index has them: those of all kinds together would be sorted for each page.
                statement.push(if place == 0 { "SELECT * FROM (" } else { ") page UNION ALL SELECT * FROM (" });
                select(&mut statement, &[("event", event.as_str())], page);
            }
            statement.push(") page) pages");
            order(&mut statement, &[], page);
        }
        By::Moment => select(&mut statement, &[], page),
    }
    statement
}

/// The first lines of the page's span of which this holds. It is compared together with the place, and ordered by: so one index has the
/// order, and Postgres goes by no other in the hope that many of the newest lines fit.
pub(super) fn select(statement: &mut Statement, fits: &[(&str, &str)], page: &Page) {
    let columns = fits.iter().flat_map(|(column, _)| [column, ", "]).collect::<String>();
    statement.push("SELECT ");
    statement.push(COLUMNS);
    statement.push(" FROM audit WHERE ");
    statement.push_clock();
    if let Some((column, _)) = fits.last() {
        // In the words of the index.
        statement.push(column);
        statement.push(" IS NOT NULL AND ");
    }
    for (joins, compares, place) in [("", " > ", page.span.after()), (" AND ", " < ", page.span.before())] {
        statement.push(joins);
        statement.push(&format!("({columns}at, id){compares}("));
        for (_, text) in fits {
            statement.bind(Bind::Text((*text).to_owned()));
            statement.push(", ");
        }
        statement.bind(Bind::At(At(place.at)));
        statement.push(", ");
        statement.bind(Bind::Id(Uuid(place.id)));
        statement.push(")");
    }
    order(statement, fits, page);
}

fn order(statement: &mut Statement, fits: &[(&str, &str)], page: &Page) {
    let direction = match page.order {
        Order::NewestFirst => " DESC",
        Order::OldestFirst => "",
    };
    let columns = fits.iter().map(|(column, _)| *column).chain(["at", "id"]);
    let columns: Vec<String> = columns.map(|column| format!("{column}{direction}")).collect();
    statement.push(&format!(" ORDER BY {} LIMIT ", columns.join(", ")));
    statement.bind(Bind::Number(page.limit.into()));
}

impl Lists {
    /// Lines that may be looked for: what the search goes by they fit, and perhaps not the rest.
    pub async fn list_written(&mut self, search: &Search, page: &Page) -> Result<Vec<Written>> {
        let rows: Vec<LineRow> = self.rows(|how| statement(search, page, how)).await?;
        Ok(rows.into_iter().map(Written::from).collect())
    }
}
