//! Links marked dead: whose word is due, which are given another try, whose tokens are let go.

use std::time::Duration;

use chrono::TimeDelta;
use diesel::dsl::case_when;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Nullable, Text};
use diesel_async::RunQueryDsl;

use super::conn::{Conn, on};
use super::error::{lift, unreadable};
use super::moment::Now;
use super::schema::{accounts, links, token_sets};
use super::types::{At, Instant, Uuid};
use domain::ids::{LinkId, ProviderId, Sid, Subject};
use domain::link::Health;
use domain::token_set::DeadSet;
use domain::{Error, Result};

/// The row of a link that was marked dead.
#[derive(Queryable)]
#[diesel(check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
#[expect(clippy::struct_excessive_bools, reason = "each is a column")]
struct DeadRow {
    link_id: Uuid,
    subject: String,
    fp_type: String,
    fp_name: String,
    sid: String,
    version: i64,
    health: String,
    has_refresh: bool,
    notice_at: Option<At>,
    second_look: bool,
    abandoned: bool,
    told: bool,
    refused_word: Option<String>,
}

impl TryFrom<DeadRow> for DeadSet {
    type Error = Error;

    fn try_from(row: DeadRow) -> Result<Self> {
        Ok(Self {
            link: LinkId(row.link_id.0),
            subject: row.subject,
            provider: ProviderId::from_parts(row.fp_type, row.fp_name).ok(),
            sid: row.sid,
            version: row.version,
            health: Health::parse(&row.health).ok_or_else(|| unreadable("token_sets", "health"))?,
            has_refresh: row.has_refresh,
            notice: row.notice_at.map(|at| at.0),
            second_look: row.second_look,
            abandoned: row.abandoned,
            told: row.told,
            refused_word: row.refused_word,
        })
    }
}

fn read(rows: QueryResult<Vec<DeadRow>>) -> Result<Vec<DeadSet>> {
    rows.map_err(lift)?.into_iter().map(DeadSet::try_from).collect()
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
pub async fn list_due(conn: &mut Conn, now: Now, limit: i64) -> Result<Vec<DeadSet>> {
    read(on!(conn, |c| links::table
        .inner_join(token_sets::table)
        .left_join(accounts::table.on(accounts::subject.eq(links::subject)))
        .filter(token_sets::second_look.eq(false).or(accounts::disabled_at.is_null()))
        .filter(token_sets::notice_at.le(now.moment().nullable()))
        .filter(token_sets::health.eq_any(dead()))
        .order(token_sets::notice_at.asc())
        .limit(limit)
        .select(marked_columns!())
        .load(c)))
}

/// Takes note that a mark is told; says whether it still stood as it was read. `look_in`: after this time the provider is to be
/// asked once more all the same.
pub async fn tell(conn: &mut Conn, dead_set: &DeadSet, now: Now, look_in: Option<Duration>) -> Result<bool> {
    let wait = TimeDelta::from_std(look_in.unwrap_or_default()).unwrap_or(TimeDelta::days(1));
    let looks = look_in.is_some();
    let written = on!(conn, |c| diesel::update(token_sets::table.find(Uuid(dead_set.link.0)))
        .filter(token_sets::version.eq(dead_set.version))
        .filter(token_sets::notice_at.eq(dead_set.notice.map(At)))
        .filter(token_sets::health.eq(dead_set.health.as_str()))
        .set((
            token_sets::notice_at.eq(case_when(looks.into_sql::<diesel::sql_types::Bool>(), now.plus(wait).nullable())),
            token_sets::second_look.eq(looks),
            token_sets::told.eq(true),
            token_sets::announced.eq(true)
        ))
        .execute(c));
    Ok(written.map_err(lift)? == 1)
}

/// Puts off the second look at a link whose mark still stands as it was read.
pub async fn put_off(conn: &mut Conn, dead_set: &DeadSet, now: Now, wait: Duration) -> Result<()> {
    let wait = TimeDelta::from_std(wait).unwrap_or(TimeDelta::days(1));
    on!(conn, |c| diesel::update(token_sets::table.find(Uuid(dead_set.link.0)))
        .filter(token_sets::version.eq(dead_set.version))
        .filter(token_sets::notice_at.eq(dead_set.notice.map(At)))
        .filter(token_sets::second_look.eq(true))
        .set(token_sets::notice_at.eq(now.plus(wait).nullable()))
        .execute(c))
    .map_err(lift)?;
    Ok(())
}

/// Lets go of the refresh tokens of links that have been dead for `age`; gives how many. The links stay dead.
pub async fn forget_dead(conn: &mut Conn, now: Now, age: Duration) -> Result<usize> {
    let age = TimeDelta::from_std(age).unwrap_or(TimeDelta::MAX);
    on!(conn, |c| diesel::update(token_sets::table)
        .filter(token_sets::health_since.le(now.plus(-age).nullable()))
        .filter(token_sets::health.eq_any(dead()))
        .filter(token_sets::sealed_refresh.is_not_null())
        .set((
            token_sets::sealed_refresh.eq(None::<Vec<u8>>),
            token_sets::refresh_expires_at.eq(None::<At>),
            token_sets::warning_at.eq(None::<At>),
        ))
        .execute(c))
    .map_err(lift)
}

/// Which dead links.
#[derive(Clone, Copy, Debug)]
pub struct Which<'a> {
    /// At this provider.
    pub provider: &'a ProviderId,
    /// Of this subject only.
    pub subject: Option<&'a Subject>,
    /// This account only.
    pub sid: Option<&'a Sid>,
}

/// Dead links that have a refresh token to try, in the order of their ids, from after `after`.
pub async fn list_dead(conn: &mut Conn, which: Which<'_>, after: Option<LinkId>, limit: i64) -> Result<Vec<DeadSet>> {
    let after = Uuid(after.map_or(uuid::Uuid::nil(), |link| link.0));
    let subject = which.subject.map(Subject::as_str);
    let sid = which.sid.map(Sid::as_str);
    read(on!(conn, |c| links::table
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
        .load(c)))
}

/// A link, if it is dead and has a refresh token to try.
pub async fn find_dead(conn: &mut Conn, link: LinkId) -> Result<Option<DeadSet>> {
    let found = read(on!(conn, |c| links::table
        .inner_join(token_sets::table)
        .filter(links::id.eq(Uuid(link.0)))
        .filter(token_sets::health.eq_any(dead()))
        .filter(token_sets::sealed_refresh.is_not_null())
        .select(marked_columns!())
        .load(c)));
    Ok(found?.pop())
}

/// Takes note that the provider refuses the access token of this version: it is handed out no more, and the link is dead. Says
/// whether it did: not if the tokens changed. A link that was dead before stays what it was; `notice_in`: when it is told of.
pub async fn reject(conn: &mut Conn, link: LinkId, version: i64, now: Now, notice_in: Duration) -> Result<bool> {
    let wait = TimeDelta::from_std(notice_in).unwrap_or(TimeDelta::days(1));
    let is_dead = || token_sets::health.eq_any(dead());
    let written = on!(conn, |c| diesel::update(token_sets::table.find(Uuid(link.0)))
        .filter(token_sets::version.eq(version))
        .set((
            token_sets::rejected_version.eq(token_sets::version.nullable()),
            token_sets::rejected_at.eq(now.moment().nullable()),
            // That it was refused in passing before is no part of this.
            token_sets::refused_word.eq(case_when(is_dead(), token_sets::refused_word)),
            token_sets::health.eq(case_when(is_dead(), token_sets::health).otherwise(Health::NeedsConsent.as_str())),
            token_sets::health_since
                .eq(case_when(is_dead(), token_sets::health_since).otherwise(now.moment().nullable())),
            token_sets::notice_at.eq(case_when(is_dead(), token_sets::notice_at).otherwise(now.plus(wait).nullable())),
        ))
        .execute(c));
    Ok(written.map_err(lift)? == 1)
}

/// Hands out again what a provider's links lost within the last `span_back` because its word on access tokens was believed; gives
/// how many. A link that was dead before, or has died since, stays so.
pub async fn undo_rejections(conn: &mut Conn, provider: &ProviderId, now: Now, span_back: Duration) -> Result<usize> {
    let back = TimeDelta::from_std(span_back).unwrap_or(TimeDelta::days(1));
    let its_links = links::table
        .filter(links::fp_type.eq(provider.fp_type()))
        .filter(links::fp_name.eq(provider.fp_name()))
        .select(links::id);
    let died_by_it = || token_sets::health_since.assume_not_null().eq(token_sets::rejected_at.assume_not_null());
    on!(conn, |c| diesel::update(token_sets::table)
        .filter(token_sets::rejected_at.ge(now.plus(-back).nullable()))
        .filter(token_sets::link_id.eq_any(its_links))
        .set((
            token_sets::health
                .eq(case_when(died_by_it(), Health::Ok.as_str().into_sql::<Text>()).otherwise(token_sets::health)),
            token_sets::notice_at
                .eq(case_when(died_by_it(), None::<At>.into_sql::<Nullable<Instant>>())
                    .otherwise(token_sets::notice_at)),
            token_sets::told.eq(case_when(died_by_it(), false.into_sql::<Bool>()).otherwise(token_sets::told)),
            token_sets::health_since
                .eq(case_when(died_by_it(), None::<At>.into_sql::<Nullable<Instant>>())
                    .otherwise(token_sets::health_since)),
            token_sets::rejected_version.eq(None::<i64>),
            token_sets::rejected_at.eq(None::<At>),
        ))
        .execute(c))
    .map_err(lift)
}

/// Gives a dead link another try; says whether it was still dead. What is on record of attempts that never ended stays.
pub async fn revive(conn: &mut Conn, dead_set: &DeadSet) -> Result<bool> {
    let written = on!(conn, |c| diesel::update(token_sets::table.find(Uuid(dead_set.link.0)))
        .filter(token_sets::version.eq(dead_set.version))
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
