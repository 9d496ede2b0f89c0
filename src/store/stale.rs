//! Token sets that are refreshed before anybody asks: those in use that expire soon, and those whose refresh token would die
//! of idleness.

use diesel::prelude::*;
use diesel::sql_types::Nullable;
use diesel_async::RunQueryDsl;

use super::conn::{Conn, on};
use super::error::lift;
use super::moment::Now;
use super::schema::{accounts, link_uses, links, token_sets};
use super::types::{At, Instant, Uuid};
use crate::domain::Result;
use crate::domain::ids::ProviderId;
use crate::store::leases::rested;
use crate::store::marks::dead;

diesel::define_sql_function! {
    /// The first of the two that is not null.
    fn coalesce(x: Nullable<Instant>, y: Nullable<Instant>) -> Nullable<Instant>;
}

/// A token set that may be due.
#[derive(Debug, Queryable)]
#[diesel(check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
pub(crate) struct StaleRow {
    pub(crate) link_id: Uuid,
    pub(crate) fp_type: String,
    pub(crate) fp_name: String,
    pub(crate) version: i64,
    pub(crate) expires_at: Option<At>,
    pub(crate) obtained_at: Option<At>,
    pub(crate) imported_at: Option<At>,
    pub(crate) last_used: Option<At>,
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

/// What expires after the one and up to the other moment, soonest first, from after the row of `after`.
pub(crate) async fn list_expiring(
    conn: &mut Conn,
    now: Now,
    (from, to): (At, At),
    after: Option<(At, Uuid)>,
    limit: i64,
) -> Result<Vec<StaleRow>> {
    let (after_at, after_id) = after.unwrap_or((from, Uuid(uuid::Uuid::max())));
    on!(conn, |c| refreshable!(
        links::table
            .inner_join(token_sets::table)
            .left_join(link_uses::table)
            .left_join(accounts::table.on(accounts::subject.eq(links::subject)))
            .into_boxed(),
        now
    )
    .filter(token_sets::expires_at.ge(after_at))
    .filter(token_sets::expires_at.gt(after_at).or(token_sets::link_id.gt(after_id)))
    .filter(token_sets::expires_at.le(to))
    .order((token_sets::expires_at.asc(), token_sets::link_id.asc()))
    .limit(limit)
    .select(stale_columns!())
    .load(c))
    .map_err(lift)
}

/// What states no expiry and has been there since after the one and up to the other moment, longest first, from after the row
/// of `after`. Of all providers: SQLite would otherwise look at every link of the one.
pub(crate) async fn list_unstated(
    conn: &mut Conn,
    now: Now,
    (from, to): (At, At),
    after: Option<(At, Uuid)>,
    limit: i64,
) -> Result<Vec<StaleRow>> {
    let (after_at, after_id) = after.unwrap_or((from, Uuid(uuid::Uuid::max())));
    let since = || coalesce(token_sets::obtained_at, token_sets::imported_at);
    on!(conn, |c| refreshable!(
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
    .filter(since().le(to))
    .order((since().asc(), token_sets::link_id.asc()))
    .limit(limit)
    .select(stale_columns!())
    .load(c))
    .map_err(lift)
}

/// What a provider gave before a moment, or an import brought before it, longest ago first. An earlier version of fedlink did
/// not write down when it imported: it did so when the link was made, or later.
pub(crate) async fn list_idle(
    conn: &mut Conn,
    now: Now,
    provider: &ProviderId,
    before: At,
    limit: i64,
) -> Result<Vec<StaleRow>> {
    on!(conn, |c| refreshable!(
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
    .load(c))
    .map_err(lift)
}
