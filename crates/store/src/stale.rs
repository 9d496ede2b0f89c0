//! Token sets that are refreshed before anybody asks: those in use that expire soon, and those whose refresh token would die
//! of idleness.

use std::ops::Range;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::Nullable;
use diesel_async::RunQueryDsl;

use super::conn::{Conn, on};
use super::error::lift;
use super::moment::Now;
use super::schema::{accounts, link_uses, links, token_sets};
use super::types::{At, Instant, Uuid};
use crate::leases::rested;
use crate::marks::dead;
use domain::Result;
use domain::ids::{LinkId, ProviderId};
use domain::token_set::StaleSet;

diesel::define_sql_function! {
    /// The first of the two that is not null.
    fn coalesce(x: Nullable<Instant>, y: Nullable<Instant>) -> Nullable<Instant>;
}

/// The row of a token set that may be due.
#[derive(Queryable)]
#[diesel(check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
struct StaleRow {
    link_id: Uuid,
    fp_type: String,
    fp_name: String,
    version: i64,
    expires_at: Option<At>,
    obtained_at: Option<At>,
    imported_at: Option<At>,
    last_used: Option<At>,
}

impl From<StaleRow> for StaleSet {
    fn from(row: StaleRow) -> Self {
        Self {
            link: LinkId(row.link_id.0),
            provider: ProviderId::from_parts(row.fp_type, row.fp_name).ok(),
            version: row.version,
            expires: row.expires_at.map(|at| at.0),
            obtained: row.obtained_at.map(|at| at.0),
            imported: row.imported_at.map(|at| at.0),
            last_used: row.last_used.map(|at| at.0),
        }
    }
}

fn read(rows: QueryResult<Vec<StaleRow>>) -> Result<Vec<StaleSet>> {
    Ok(rows.map_err(lift)?.into_iter().map(StaleSet::from).collect())
}

/// The place in an order of moments from which to read on: `after`, or before all that come after `from`.
fn place(from: At, after: Option<(DateTime<Utc>, LinkId)>) -> (At, Uuid) {
    after.map_or((from, Uuid(uuid::Uuid::max())), |(at, link)| (At(at), Uuid(link.0)))
}

macro_rules! stale_columns {
    () => {
        (
            links::id,
            links::fp_type,
            links::fp_name,
            token_sets::version,
            token_sets::expires_at,
            token_sets::obtained_at,
            token_sets::imported_at,
            link_uses::last_used.nullable(),
        )
    };
}

macro_rules! refreshable {
    ($query:expr, $now:expr) => {
        $query
            // A disabled user's links serve nobody: nothing is asked for them.
            .filter(accounts::disabled_at.is_null())
            .filter(token_sets::sealed_refresh.is_not_null())
            .filter(token_sets::health.ne_all(dead()))
            .filter(rested!($now))
            .filter(token_sets::lease_until.is_null().or(token_sets::lease_until.le($now.moment().nullable())))
    };
}

/// What expires after the start and up to the end of `span`, soonest first, from after the row of `after`.
pub async fn list_expiring(
    conn: &mut Conn,
    now: Now,
    span: Range<At>,
    after: Option<(DateTime<Utc>, LinkId)>,
    limit: i64,
) -> Result<Vec<StaleSet>> {
    let (after_at, after_id) = place(span.start, after);
    read(on!(conn, |c| refreshable!(
        links::table
            .inner_join(token_sets::table)
            .left_join(link_uses::table)
            .left_join(accounts::table.on(accounts::subject.eq(links::subject)))
            .into_boxed(),
        now
    )
    .filter(token_sets::expires_at.ge(after_at))
    .filter(token_sets::expires_at.gt(after_at).or(token_sets::link_id.gt(after_id)))
    .filter(token_sets::expires_at.le(span.end))
    .order((token_sets::expires_at.asc(), token_sets::link_id.asc()))
    .limit(limit)
    .select(stale_columns!())
    .load(c)))
}

/// What states no expiry and has been there since after the start and up to the end of `span`, longest first, from after the
/// row of `after`. Of all providers: SQLite would otherwise look at every link of the one.
pub async fn list_unstated(
    conn: &mut Conn,
    now: Now,
    span: Range<At>,
    after: Option<(DateTime<Utc>, LinkId)>,
    limit: i64,
) -> Result<Vec<StaleSet>> {
    let (after_at, after_id) = place(span.start, after);
    let since = || coalesce(token_sets::obtained_at, token_sets::imported_at);
    read(on!(conn, |c| refreshable!(
        links::table
            .inner_join(token_sets::table)
            .left_join(link_uses::table)
            .left_join(accounts::table.on(accounts::subject.eq(links::subject)))
            .into_boxed(),
        now
    )
    .filter(token_sets::expires_at.is_null())
    .filter(since().ge(after_at))
    .filter(since().gt(after_at).or(token_sets::link_id.gt(after_id).nullable()))
    .filter(since().le(span.end))
    .order((since().asc(), token_sets::link_id.asc()))
    .limit(limit)
    .select(stale_columns!())
    .load(c)))
}

/// What a provider gave before a moment, or an import brought before it, longest ago first. An earlier version of fedlink did
/// not write down when it imported: it did so when the link was made, or later.
pub async fn list_idle(
    conn: &mut Conn,
    now: Now,
    provider: &ProviderId,
    before: At,
    limit: i64,
) -> Result<Vec<StaleSet>> {
    read(on!(conn, |c| refreshable!(
        links::table
            .inner_join(token_sets::table)
            .left_join(link_uses::table)
            .left_join(accounts::table.on(accounts::subject.eq(links::subject)))
            .into_boxed(),
        now
    )
    .filter(links::fp_type.eq(provider.fp_type()))
    .filter(links::fp_name.eq(provider.fp_name()))
    .filter(
        token_sets::obtained_at.le(before).or(token_sets::obtained_at
            .is_null()
            .and(coalesce(token_sets::imported_at, links::created.nullable()).le(before))
            .nullable()),
    )
    .order(token_sets::obtained_at.asc())
    .limit(limit)
    .select(stale_columns!())
    .load(c)))
}
