//! The token sets of many subjects at a time, in one statement: what a batch serves.

use diesel::RunQueryDsl;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::{Array, BigInt, Nullable, Text};
use diesel::sqlite::Sqlite;

use super::row::{HeldColumns, HeldRow};
use crate::Lists;
use crate::conn::load_elsewhere;
use crate::until::Until;
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

/// A row for each link of each that is wanted. Its text depends on nothing but how many there is room for, so that it is prepared once
/// for each of [`ROOMS`].
pub(crate) struct Holding {
    subjects: Vec<String>,
    fp_types: Vec<String>,
    fp_names: Vec<String>,
    /// Empty where any account will do: no account's id is.
    sids: Vec<String>,
    until: i64,
}

/// So many places a statement has for SQLite, which takes no lists of values.
const ROOMS: [usize; 4] = [1, 4, 20, 100];

impl Holding {
    pub(crate) fn of(wanted: &[Wanted<'_>], until: Until) -> Self {
        let texts = |text: for<'a> fn(&Wanted<'a>) -> &'a str| wanted.iter().map(|one| text(one).to_owned()).collect();
        Self {
            subjects: texts(|one| one.subject.as_str()),
            fp_types: texts(|one| one.provider.fp_type()),
            fp_names: texts(|one| one.provider.fp_name()),
            sids: texts(|one| one.sid.map_or("", Sid::as_str)),
            until: until.stored(),
        }
    }
}

impl Query for Holding {
    type SqlType = HeldColumns;
}

/// Found again by its text.
impl QueryId for Holding {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<C> RunQueryDsl<C> for Holding {}

/// The columns of both engines.
const COLUMNS: &str = "a.subject IS NOT NULL, a.disabled_at IS NOT NULL, t.link_id, l.sid, t.key_id, t.wrapped_key, \
                       CASE WHEN t.rejected_version = t.version THEN NULL ELSE t.sealed_access END, t.sealed_refresh IS NOT NULL, t.expires_at, t.obtained_at, t.imported_at, t.health, t.retry_at, t.version";

impl QueryFragment<Sqlite> for Holding {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("SELECT in_time(");
        out.push_bind_param::<BigInt, _>(&self.until)?;
        out.push_sql("), w.column1, ");
        out.push_sql(COLUMNS);
        out.push_sql(" FROM (VALUES ");
        let wanted = self.subjects.len();
        let room = ROOMS.into_iter().find(|room| *room >= wanted).unwrap_or(wanted);
        for place in 0..room {
            out.push_sql(if place == 0 { "(" } else { ", (" });
            out.push_sql(&place.to_string());
            for texts in [&self.subjects, &self.fp_types, &self.fp_names, &self.sids] {
                out.push_sql(", ");
                match texts.get(place) {
                    Some(text) => out.push_bind_param::<Text, _>(text)?,
                    // Nobody's: no subject is null.
                    None => out.push_bind_param::<Nullable<Text>, _>(&None::<String>)?,
                }
            }
            out.push_sql(")");
        }
        // Plain left joins, as in the read of one: SQLite would materialise a joined pair on the right of one.
        out.push_sql(
            ") w LEFT JOIN accounts a ON a.subject = w.column2 \
             LEFT JOIN links l ON l.subject = w.column2 AND l.fp_type = w.column3 AND l.fp_name = w.column4 \
             AND (w.column5 = '' OR l.sid = w.column5) \
             LEFT JOIN token_sets t ON t.link_id = l.id",
        );
        Ok(())
    }
}

impl QueryFragment<Pg> for Holding {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT TRUE, w.place - 1, ");
        out.push_sql(COLUMNS);
        out.push_sql(" FROM unnest(");
        for (place, texts) in [&self.subjects, &self.fp_types, &self.fp_names, &self.sids].into_iter().enumerate() {
            out.push_sql(if place == 0 { "" } else { ", " });
            out.push_bind_param::<Array<Text>, _>(texts)?;
        }
        // Each by itself (`OFFSET 0`): Postgres would rather read a table of a few thousand from end to end, for every slice.
        out.push_sql(
            ") WITH ORDINALITY w (subject, fp_type, fp_name, sid, place) \
             LEFT JOIN LATERAL (SELECT subject, disabled_at FROM accounts WHERE subject = w.subject OFFSET 0) a ON TRUE \
             LEFT JOIN LATERAL (SELECT id, sid FROM links WHERE subject = w.subject AND fp_type = w.fp_type \
             AND fp_name = w.fp_name AND (w.sid = '' OR sid = w.sid) OFFSET 0) l ON TRUE \
             LEFT JOIN LATERAL (SELECT * FROM token_sets WHERE link_id = l.id OFFSET 0) t ON TRUE",
        );
        Ok(())
    }
}

impl Lists {
    /// What there is to serve of each that is wanted, in their order, by one statement.
    pub async fn list_serving(&mut self, wanted: &[Wanted<'_>]) -> Result<Vec<Found>> {
        let mut found: Vec<Found> = wanted.iter().map(|_| Found::default()).collect();
        if wanted.is_empty() {
            return Ok(found);
        }
        let until = self.until;
        let (watch, conn) = self.hurried().await?;
        let rows: Vec<HeldRow> = watch.keep(async move { load_elsewhere!(conn, Holding::of(wanted, until)) }).await?;
        for row in rows {
            let (place, is_disabled, set) = row.read()?;
            let Some(found) = usize::try_from(place).ok().and_then(|place| found.get_mut(place)) else { continue };
            found.is_disabled = is_disabled;
            found.sets.extend(set);
        }
        Ok(found)
    }
}
