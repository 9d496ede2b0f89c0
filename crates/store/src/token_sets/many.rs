//! The token sets of many subjects at a time, in one statement: what a batch serves.

use super::row::HeldRow;
use crate::Lists;
use crate::filter::{Bind, How, Statement};
use domain::Result;
use domain::ids::{ProviderId, Sid, Subject};
use domain::token_set::ServingSet;

/// Whose tokens at which provider.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The owner of the links.
    pub subject: &'a Subject,
    /// At which provider.
    pub provider: &'a ProviderId,
    /// Of this account only.
    pub sid: Option<&'a Sid>,
}

/// What was found of one that is wanted.
#[derive(Debug, Default)]
pub struct Found {
    /// Whether the subject's account is disabled, if it has one.
    pub is_disabled: Option<bool>,
    /// Its token sets, in no order.
    pub sets: Vec<ServingSet>,
}

/// A row for each link of each that is wanted; one at least.
pub(crate) fn statement(wanted: &[Wanted<'_>], how: How) -> Statement {
    let mut statement = Statement::new(how);
    // What keeps the time comes first: SQLite numbers values as they stand.
    statement.push("SELECT ");
    statement.push_clock();
    statement.push(
        "TRUE AS is_in_time, CAST(w.column1 AS bigint) AS place, a.subject IS NOT NULL AS has_account, \
         a.disabled_at IS NOT NULL AS is_disabled, t.link_id, l.sid, t.key_id, t.wrapped_key, t.sealed_access, \
         t.sealed_refresh IS NOT NULL AS has_refresh, t.expires_at, t.obtained_at, t.imported_at, t.health, t.retry_at, t.version \
         FROM (VALUES ",
    );
    for (place, one) in wanted.iter().enumerate() {
        statement.push(if place == 0 { "(" } else { ", (" });
        statement.push(&place.to_string());
        // No account's id is empty.
        let sid = one.sid.map_or("", Sid::as_str);
        for text in [one.subject.as_str(), one.provider.fp_type(), one.provider.fp_name(), sid] {
            statement.push(", ");
            statement.bind(Bind::Text(text.to_owned()));
        }
        statement.push(")");
    }
    statement.push(match how {
        // Plain left joins, as in the read of one: SQLite would materialise a joined pair on the right of one.
        How::Sqlite(_) => {
            ") w LEFT JOIN accounts a ON a.subject = w.column2 \
             LEFT JOIN links l ON l.subject = w.column2 AND l.fp_type = w.column3 AND l.fp_name = w.column4 \
             AND (w.column5 = '' OR l.sid = w.column5) \
             LEFT JOIN token_sets t ON t.link_id = l.id"
        }
        // Each by itself (`OFFSET 0`): Postgres would rather read a table of a few thousand from end to end, for every slice.
        How::Postgres => {
            ") w LEFT JOIN LATERAL (SELECT subject, disabled_at FROM accounts WHERE subject = w.column2 OFFSET 0) a ON TRUE \
             LEFT JOIN LATERAL (SELECT id, sid FROM links WHERE subject = w.column2 AND fp_type = w.column3 \
             AND fp_name = w.column4 AND (w.column5 = '' OR sid = w.column5) OFFSET 0) l ON TRUE \
             LEFT JOIN LATERAL (SELECT * FROM token_sets WHERE link_id = l.id OFFSET 0) t ON TRUE"
        }
    });
    statement
}

impl Lists {
    /// What there is to serve of each that is wanted, in their order, by one statement.
    pub async fn list_serving(&mut self, wanted: &[Wanted<'_>]) -> Result<Vec<Found>> {
        let mut found: Vec<Found> = wanted.iter().map(|_| Found::default()).collect();
        if wanted.is_empty() {
            return Ok(found);
        }
        let rows: Vec<HeldRow> = self.rows(|how| statement(wanted, how)).await?;
        for row in rows {
            let (place, is_disabled, set) = row.read()?;
            let Some(found) = usize::try_from(place).ok().and_then(|place| found.get_mut(place)) else { continue };
            found.is_disabled = is_disabled;
            found.sets.extend(set);
        }
        Ok(found)
    }
}
