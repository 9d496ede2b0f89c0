//! Links marked dead: whose word is due, which are given another try, whose tokens are let go.

use std::time::Duration;

use chrono::TimeDelta;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::conn::{Conn, on};
use super::error::lift;
use super::moment::Now;
use super::schema::{accounts, links, token_sets};
use super::types::{At, Uuid};
use crate::domain::Result;
use crate::domain::ids::{LinkId, ProviderId, Sid, Subject};
use crate::domain::link::Health;

/// A link that was marked dead.
#[derive(Debug, Queryable)]
#[diesel(check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
#[expect(clippy::struct_excessive_bools, reason = "each is a column")]
pub(crate) struct Marked {
    pub(crate) link_id: Uuid,
    pub(crate) subject: String,
    pub(crate) fp_type: String,
    pub(crate) fp_name: String,
    pub(crate) sid: String,
    pub(crate) version: i64,
    pub(crate) health: String,
    pub(crate) has_refresh: bool,
    pub(crate) notice_at: Option<At>,
    pub(crate) second_look: bool,
    pub(crate) abandoned: bool,
    pub(crate) told: bool,
    pub(crate) refused_word: Option<String>,
}

macro_rules! marked_columns {
    () => {
        (
            links::id,
            links::subject,
            links::fp_type,
            links::fp_name,
            links::sid,
            token_sets::version,
            token_sets::health,
            token_sets::sealed_refresh.is_not_null(),
            token_sets::notice_at,
            token_sets::second_look,
            token_sets::abandoned,
            token_sets::told,
            token_sets::refused_word,
        )
    };
}

/// What dead links are marked with.
pub(super) fn dead() -> [&'static str; 2] {
    [Health::NeedsConsent.as_str(), Health::LostInFlight.as_str()]
}

/// The links of which something is to be done or told by now, longest due first. Those of a disabled user wait with a second
/// look until somebody may use what it finds.
pub(crate) async fn list_due(conn: &mut Conn, now: Now, limit: i64) -> Result<Vec<Marked>> {
    on!(conn, |c| links::table
        .inner_join(token_sets::table)
        .left_join(accounts::table.on(accounts::subject.eq(links::subject)))
        .filter(token_sets::second_look.eq(false).or(accounts::disabled_at.is_null()))
        .filter(token_sets::notice_at.le(now.moment().nullable()))
        .order(token_sets::notice_at.asc())
        .limit(limit)
        .select(marked_columns!())
        .load(c))
    .map_err(lift)
}

/// Takes note that a mark is told; says whether it still stood as it was read. `look_in`: after this time the provider is to be
/// asked once more all the same.
pub(crate) async fn tell(conn: &mut Conn, marked: &Marked, now: Now, look_in: Option<Duration>) -> Result<bool> {
    let wait = TimeDelta::from_std(look_in.unwrap_or_default()).unwrap_or(TimeDelta::days(1));
    let looks = look_in.is_some();
    let written = on!(conn, |c| diesel::update(token_sets::table.find(marked.link_id))
        .filter(token_sets::version.eq(marked.version))
        .filter(token_sets::notice_at.eq(marked.notice_at))
        .filter(token_sets::health.eq(&marked.health))
        .set((
            token_sets::notice_at
                .eq(diesel::dsl::case_when(looks.into_sql::<diesel::sql_types::Bool>(), now.plus(wait).nullable())),
            token_sets::second_look.eq(looks),
            token_sets::told.eq(true)
        ))
        .execute(c));
    Ok(written.map_err(lift)? == 1)
}

/// Puts off the second look at a link whose mark still stands as it was read.
pub(crate) async fn put_off(conn: &mut Conn, marked: &Marked, now: Now, wait: Duration) -> Result<()> {
    let wait = TimeDelta::from_std(wait).unwrap_or(TimeDelta::days(1));
    on!(conn, |c| diesel::update(token_sets::table.find(marked.link_id))
        .filter(token_sets::version.eq(marked.version))
        .filter(token_sets::notice_at.eq(marked.notice_at))
        .filter(token_sets::second_look.eq(true))
        .set(token_sets::notice_at.eq(now.plus(wait).nullable()))
        .execute(c))
    .map_err(lift)?;
    Ok(())
}

/// Lets go of the refresh tokens of links that have been dead for `age`; gives how many. The links stay dead.
pub(crate) async fn forget_dead(conn: &mut Conn, now: Now, age: Duration) -> Result<usize> {
    let age = TimeDelta::from_std(age).unwrap_or(TimeDelta::MAX);
    on!(conn, |c| diesel::update(token_sets::table)
        .filter(token_sets::health_since.le(now.plus(-age).nullable()))
        .filter(token_sets::health.eq_any(dead()))
        .filter(token_sets::sealed_refresh.is_not_null())
        .set((token_sets::sealed_refresh.eq(None::<Vec<u8>>), token_sets::refresh_expires_at.eq(None::<At>)))
        .execute(c))
    .map_err(lift)
}

/// Which dead links.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Which<'a> {
    /// At this provider.
    pub(crate) provider: &'a ProviderId,
    /// Of this subject only.
    pub(crate) subject: Option<&'a Subject>,
    /// This account only.
    pub(crate) sid: Option<&'a Sid>,
}

/// Dead links that have a refresh token to try, in the order of their ids, from after `after`.
pub(crate) async fn list_dead(
    conn: &mut Conn,
    which: Which<'_>,
    after: Option<LinkId>,
    limit: i64,
) -> Result<Vec<Marked>> {
    let after = Uuid(after.map_or(uuid::Uuid::nil(), |link| link.0));
    let subject = which.subject.map(Subject::as_str);
    let sid = which.sid.map(Sid::as_str);
    on!(conn, |c| links::table
        .inner_join(token_sets::table)
        .filter(links::fp_type.eq(which.provider.fp_type()))
        .filter(links::fp_name.eq(which.provider.fp_name()))
        .filter(token_sets::health.eq_any(dead()))
        .filter(token_sets::sealed_refresh.is_not_null())
        .filter(
            links::subject.eq(subject.unwrap_or_default()).or(subject.is_none().into_sql::<diesel::sql_types::Bool>())
        )
        .filter(links::sid.eq(sid.unwrap_or_default()).or(sid.is_none().into_sql::<diesel::sql_types::Bool>()))
        .filter(links::id.gt(after))
        .order(links::id.asc())
        .limit(limit)
        .select(marked_columns!())
        .load(c))
    .map_err(lift)
}

/// Gives a dead link another try; says whether it was still dead. What is on record of attempts that never ended stays.
pub(crate) async fn revive(conn: &mut Conn, marked: &Marked) -> Result<bool> {
    let written = on!(conn, |c| diesel::update(token_sets::table.find(marked.link_id))
        .filter(token_sets::version.eq(marked.version))
        .filter(token_sets::health.eq_any(dead()))
        .set((
            token_sets::health.eq(Health::Degraded.as_str()),
            token_sets::health_since.eq(None::<At>),
            token_sets::retry_at.eq(None::<At>),
            token_sets::failures.eq(0),
            token_sets::notice_at.eq(None::<At>),
            token_sets::second_look.eq(false),
            token_sets::told.eq(false),
            token_sets::refused_word.eq(None::<String>),
        ))
        .execute(c));
    Ok(written.map_err(lift)? == 1)
}
