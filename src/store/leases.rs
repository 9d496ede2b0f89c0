//! Leases: at most one refresh per link anywhere at a time, and what a refresh that brought no tokens leaves on record.
//! Each statement is one of the transitions of [`crate::domain::refresh::Standing`]; none of them moves the version.

use std::time::Duration;

use chrono::TimeDelta;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::conn::{Conn, on};
use super::error::lift;
use super::marks::dead;
use super::moment::Now;
use super::prepared::Prepare as _;
use super::schema::{links, token_sets};
use super::types::{At, Id, Uuid};
use crate::domain::Result;
use crate::domain::ids::{LinkId, ProviderId};
use crate::domain::link::Health;
use crate::domain::refresh::{Before, Ending, Errand, LEASE, Seen, Takeover};

#[diesel::declare_sql_function]
extern "SQL" {
    fn coalesce(
        first: diesel::sql_types::Nullable<Id>,
        second: diesel::sql_types::Nullable<Id>,
    ) -> diesel::sql_types::Nullable<Id>;
    fn nullif(
        value: diesel::sql_types::Nullable<Id>,
        unwanted: diesel::sql_types::Nullable<Id>,
    ) -> diesel::sql_types::Nullable<Id>;
}

/// One refresh of one link: which tokens it is for, and the id it leaves its traces under.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt {
    /// The link.
    pub(crate) link: LinkId,
    /// The version that was read.
    pub(crate) version: i64,
    /// This attempt.
    pub(crate) id: uuid::Uuid,
}

impl Attempt {
    fn uuid(&self) -> Uuid {
        Uuid(self.id)
    }
}

/// Takes the lease, if what was read still stands, nobody else holds it, and the provider may be asked again.
pub(crate) async fn take(
    conn: &mut Conn,
    attempt: &Attempt,
    now: Now,
    errand: Errand,
    takeover: Takeover,
) -> Result<Option<Before>> {
    let is_second_look = errand == Errand::SecondLook;
    let may_take_over = takeover == Takeover::Allowed;
    let unclosed_by: Option<Option<Uuid>> = on!(conn, |c| diesel::update(token_sets::table.find(Uuid(attempt.link.0)))
        .filter(token_sets::version.eq(attempt.version))
        .filter(
            token_sets::attempt.is_null().or(token_sets::lease_until
                .le(now.moment().nullable())
                .and(may_take_over.into_sql::<diesel::sql_types::Bool>()))
        )
        .filter(token_sets::health.ne_all(dead()).or(is_second_look.into_sql::<diesel::sql_types::Bool>()))
        .filter(token_sets::retry_at.is_null().or(token_sets::retry_at.le(now.moment().nullable())))
        .set((
            token_sets::attempt.eq(attempt.uuid()),
            token_sets::lease_until.eq(now.plus(span(LEASE)).nullable()),
            token_sets::unclosed_by.eq(coalesce(token_sets::unclosed_by, Some(attempt.uuid()))),
        ))
        .returning(token_sets::unclosed_by)
        .prepared()
        .get_result(c))
    .optional()
    .map_err(lift)?;
    Ok(unclosed_by
        .map(|unclosed_by| if unclosed_by == Some(attempt.uuid()) { Before::Clean } else { Before::Unclosed }))
}

impl Ending {
    /// What `unclosed_by` must not be after it.
    fn struck_out(self, attempt: &Attempt) -> Option<Uuid> {
        match self {
            Self::Closed => Some(attempt.uuid()),
            Self::Open => None,
        }
    }
}

/// Gives the lease back, if it is still this attempt's.
pub(crate) async fn end(conn: &mut Conn, attempt: &Attempt, ending: Ending) -> Result<()> {
    on!(conn, |c| diesel::update(token_sets::table.find(Uuid(attempt.link.0)))
        .filter(token_sets::attempt.eq(attempt.uuid()))
        .set((
            token_sets::attempt.eq(None::<Uuid>),
            token_sets::lease_until.eq(None::<At>),
            token_sets::unclosed_by.eq(nullif(token_sets::unclosed_by, ending.struck_out(attempt))),
        ))
        .prepared()
        .execute(c))
    .map_err(lift)?;
    Ok(())
}

/// Gives the lease back and records a failure that may pass: the provider is not asked again for `wait`. Says whether it
/// was recorded: not if the tokens changed or the lease is another's by now.
pub(crate) async fn fail(
    conn: &mut Conn,
    attempt: &Attempt,
    now: Now,
    (ending, wait): (Ending, Duration),
) -> Result<bool> {
    let written = on!(conn, |c| diesel::update(token_sets::table.find(Uuid(attempt.link.0)))
        .filter(token_sets::attempt.eq(attempt.uuid()))
        .filter(token_sets::version.eq(attempt.version))
        .set((
            token_sets::attempt.eq(None::<Uuid>),
            token_sets::lease_until.eq(None::<At>),
            token_sets::unclosed_by.eq(nullif(token_sets::unclosed_by, ending.struck_out(attempt))),
            token_sets::failures.eq(token_sets::failures + 1),
            token_sets::retry_at.eq(now.plus(span(wait)).nullable()),
            // One that is dead stays so until the provider says otherwise.
            token_sets::health.eq(diesel::dsl::case_when(token_sets::health.eq_any(dead()), token_sets::health)
                .otherwise(Health::Degraded.as_str())),
        ))
        .prepared()
        .execute(c));
    Ok(written.map_err(lift)? == 1)
}

/// What is recorded of a refusal that is final.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    /// What it means.
    pub(crate) verdict: Health,
    /// How long it may still be undone before anybody is told.
    pub(crate) notice_in: Duration,
    /// Whether the provider is asked once more before that.
    pub(crate) second_look: bool,
}

/// Gives the lease back and marks the link dead; says whether it did: not if the tokens changed or the lease is another's.
/// A link that was dead before keeps the time since which it is.
pub(crate) async fn mark(conn: &mut Conn, attempt: &Attempt, now: Now, mark: Mark) -> Result<bool> {
    // Whose answer was lost stays on record, in case the mark is undone.
    let ending = if mark.verdict == Health::LostInFlight { Ending::Open } else { Ending::Closed };
    let written = on!(conn, |c| diesel::update(token_sets::table.find(Uuid(attempt.link.0)))
        .filter(token_sets::attempt.eq(attempt.uuid()))
        .filter(token_sets::version.eq(attempt.version))
        .set((
            token_sets::attempt.eq(None::<Uuid>),
            token_sets::lease_until.eq(None::<At>),
            token_sets::unclosed_by.eq(nullif(token_sets::unclosed_by, ending.struck_out(attempt))),
            token_sets::health.eq(diesel::dsl::case_when(token_sets::health.eq_any(dead()), token_sets::health)
                .otherwise(mark.verdict.as_str())),
            token_sets::health_since.eq(diesel::dsl::case_when(
                token_sets::health.eq_any(dead()),
                token_sets::health_since
            )
            .otherwise(now.moment().nullable())),
            // What has been told of is not told again: another instance may have looked a second time as well, and later.
            token_sets::notice_at.eq(diesel::dsl::case_when(
                token_sets::health.eq_any(dead()).and(token_sets::notice_at.is_null()),
                token_sets::notice_at
            )
            .otherwise(now.plus(span(mark.notice_in)).nullable())),
            token_sets::second_look.eq(mark.second_look),
        ))
        .prepared()
        .execute(c));
    Ok(written.map_err(lift)? == 1)
}

/// Undoes the marks that a provider's links got within the last `span_back`; gives how many. They count as failing in passing.
pub(crate) async fn undo_marks(conn: &mut Conn, provider: &ProviderId, now: Now, span_back: Duration) -> Result<usize> {
    let its_links = links::table
        .filter(links::fp_type.eq(provider.fp_type()))
        .filter(links::fp_name.eq(provider.fp_name()))
        .select(links::id);
    on!(conn, |c| diesel::update(token_sets::table)
        .filter(token_sets::health_since.ge(now.plus(-span(span_back)).nullable()))
        .filter(token_sets::health.eq_any(dead()))
        .filter(token_sets::link_id.eq_any(its_links))
        .set((
            token_sets::health.eq(Health::Degraded.as_str()),
            token_sets::health_since.eq(None::<At>),
            token_sets::notice_at.eq(None::<At>),
            token_sets::second_look.eq(false),
        ))
        .execute(c))
    .map_err(lift)
}

/// Link, version, end of the lease, its holder, health, end of the rest, the time by which these are judged.
type SeenRow = (Uuid, i64, Option<At>, Option<Uuid>, String, Option<At>, At);

/// How the links among `wanted` stand; those that are gone are left out.
pub(crate) async fn seen(conn: &mut Conn, wanted: &[LinkId], now: Now) -> Result<Vec<(LinkId, Seen)>> {
    let ids: Vec<Uuid> = wanted.iter().map(|link| Uuid(link.0)).collect();
    let rows: Vec<SeenRow> = on!(conn, |c| token_sets::table
        .filter(token_sets::link_id.eq_any(&ids))
        .select((
            token_sets::link_id,
            token_sets::version,
            token_sets::lease_until,
            token_sets::attempt,
            token_sets::health,
            token_sets::retry_at,
            now.moment(),
        ))
        .load(c))
    .map_err(lift)?;
    let seen = rows.into_iter().map(|(link, version, lease_until, attempt, health, retry_at, now)| {
        let is_live = lease_until.is_some_and(|until| until > now);
        let seen = Seen {
            version,
            is_leased: attempt.is_some() && is_live,
            is_abandoned: attempt.is_some() && !is_live,
            health: Health::parse(&health).unwrap_or(Health::Ok),
            rest: retry_at.and_then(|at| (at.0 - now.0).to_std().ok()),
        };
        (LinkId(link.0), seen)
    });
    Ok(seen.collect())
}

/// Ends the leases that a dead process left, where only one process serves. Their attempts stay on record as unended.
pub(crate) async fn release_all(conn: &mut Conn) -> Result<usize> {
    on!(conn, |c| diesel::update(token_sets::table)
        .filter(token_sets::attempt.is_not_null())
        .set((token_sets::attempt.eq(None::<Uuid>), token_sets::lease_until.eq(None::<At>)))
        .execute(c))
    .map_err(lift)
}

/// A span of time as the database counts it; one beyond any calendar is a day.
fn span(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::days(1))
}
