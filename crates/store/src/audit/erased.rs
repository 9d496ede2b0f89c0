//! Lines that name a person, for who takes them out of the record: found by index, a few at a time.

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::reading::{COLUMNS, LineRow, Page, select};
use crate::conn::{Conn, on};
use crate::error::lift;
use crate::filter::{Bind, How, Statement};
use crate::schema::audit;
use crate::types::Uuid;
use domain::Result;
use domain::audit::{Order, Place, Span};
use domain::erasure::{Account, Line, Rewritten};
use domain::event::Event;

/// Which lines.
#[derive(Clone, Copy, Debug)]
pub enum Lines<'a> {
    /// Those that concern this person.
    Concerning(&'a str),
    /// Those that name this account.
    Naming(&'a Account),
    /// Those of an event.
    Of(Event),
    /// Those of what this person did. They come in no order, and so from the first on each time: whoever reads them rewrites them.
    By(&'a str),
}

impl From<LineRow> for (Place, Line) {
    fn from(row: LineRow) -> Self {
        let account = row.fp_type.zip(row.fp_name).zip(row.sid);
        let line = Line {
            id: row.id.0,
            event: Event::parse(&row.event),
            subject: row.subject,
            actor: row.actor,
            account: account.map(|((fp_type, fp_name), sid)| Account { fp_type, fp_name, sid }),
            detail: row.detail,
        };
        (Place { at: row.at.0, id: row.id.0 }, line)
    }
}

/// Lines, from after a place on, so many at most.
pub async fn list_lines(
    conn: &mut Conn,
    lines: Lines<'_>,
    after: Option<Place>,
    limit: u16,
) -> Result<Vec<(Place, Line)>> {
    let how = if conn.is_sqlite() { How::Sqlite(None) } else { How::Postgres };
    let statement = || statement(lines, after, limit, how);
    let rows: Vec<LineRow> = on!(conn, |c| statement().query(c).load(c)).map_err(lift)?;
    Ok(rows.into_iter().map(Into::into).collect())
}

pub(crate) fn statement(lines: Lines<'_>, after: Option<Place>, limit: u16, how: How) -> Statement {
    let mut statement = Statement::new(how);
    let order = Order::OldestFirst;
    let all = Span::new(None, None);
    let page = Page { span: after.map_or(all, |place| all.behind(place, order)), order, limit };
    match lines {
        Lines::Concerning(subject) => select(&mut statement, &[("subject", subject)], &page),
        Lines::Naming(Account { fp_type, fp_name, sid }) => {
            select(&mut statement, &[("fp_type", fp_type), ("fp_name", fp_name), ("sid", sid)], &page);
        }
        Lines::Of(event) => select(&mut statement, &[("event", event.as_str())], &page),
        Lines::By(actor) => {
            statement.push("SELECT ");
            statement.push(COLUMNS);
            statement.push(" FROM audit WHERE actor IS NOT NULL");
            // Not by equality: Postgres would rather go through the table where many lines have the same, from its beginning each
            // time.
            for bound in [" AND actor >= ", " AND actor <= "] {
                statement.push(bound);
                statement.bind(Bind::Text(actor.to_owned()));
            }
            statement.push(" ORDER BY actor LIMIT ");
            statement.bind(Bind::Number(limit.into()));
        }
    }
    statement
}

/// Writes what is to stand in lines, in a transaction: those that are to say the same, together.
pub async fn rewrite(conn: &mut Conn, lines: &[(uuid::Uuid, Rewritten)]) -> Result<()> {
    let mut alike: BTreeMap<&Rewritten, Vec<Uuid>> = BTreeMap::new();
    for (id, rewritten) in lines {
        alike.entry(rewritten).or_default().push(Uuid(*id));
    }
    for (rewritten, ids) in alike {
        let names = (
            audit::subject.eq(&rewritten.subject),
            audit::actor.eq(&rewritten.actor),
            audit::sid.eq(&rewritten.sid),
            audit::detail.eq(&rewritten.detail),
        );
        let address = (audit::claimed_ip.eq(None::<String>), audit::claimed_agent.eq(None::<String>));
        let change = (names, (!rewritten.keeps_address).then_some(address));
        on!(conn, |c| diesel::update(audit::table.filter(audit::id.eq_any(ids))).set(change).execute(c))
            .map_err(lift)?;
    }
    Ok(())
}

/// Whether the record names anybody so: as whom a line concerns, or who acted.
pub async fn names(conn: &mut Conn, id: &str) -> Result<bool> {
    let concerned = audit::table.filter(audit::subject.eq(id)).select(audit::id);
    let acted = audit::table.filter(audit::actor.eq(id)).select(audit::id);
    let concerned: Option<Uuid> = on!(conn, |c| concerned.first(c)).optional().map_err(lift)?;
    if concerned.is_some() {
        return Ok(true);
    }
    let acted: Option<Uuid> = on!(conn, |c| acted.first(c)).optional().map_err(lift)?;
    Ok(acted.is_some())
}

/// Whether the record has a line of this event with this detail.
pub async fn has(conn: &mut Conn, event: Event, detail: &str) -> Result<bool> {
    let those = audit::table.filter(audit::event.eq(event.as_str()).and(audit::detail.eq(detail)));
    let found: Option<Uuid> = on!(conn, |c| those.select(audit::id).first(c)).optional().map_err(lift)?;
    Ok(found.is_some())
}
