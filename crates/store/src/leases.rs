//! Leases: at most one refresh per link anywhere at a time, and what a refresh that brought no tokens leaves on record.
//! Each statement is one of the transitions of [`domain::refresh::Standing`]; none of them moves the version.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::conn::{Conn, on};
use super::error::lift;
use super::marks::dead;
use super::moment::Now;
use super::prepared::Prepare as _;
use super::schema::{links, token_sets};
use super::types::{At, Id, Uuid};
use domain::Result;
use domain::ids::{LinkId, ProviderId};
use domain::link::Health;
use domain::refresh::{Before, Ending, Errand, LEASE, Seen, Takeover, rest};

#[diesel::declare_sql_function]
extern "SQL" {
    /// The first of the two that is not null.
    fn coalesce(
        first: diesel::sql_types::Nullable<Id>,
        second: diesel::sql_types::Nullable<Id>,
    ) -> diesel::sql_types::Nullable<Id>;
    /// The value, or null if it is the unwanted one.
    fn nullif(
        value: diesel::sql_types::Nullable<Id>,
        unwanted: diesel::sql_types::Nullable<Id>,
    ) -> diesel::sql_types::Nullable<Id>;
}

/// Whether the provider may be asked again for the link. A rest that begins in the future was written by another clock than the
/// one that it is held against: it says nothing.
macro_rules! rested {
    ($now:expr) => {
        token_sets::retry_at
            .is_null()
            .or(token_sets::retry_at.le($now.moment().nullable()))
            .or(token_sets::failed_at.gt($now.moment().nullable()))
    };
}
pub(super) use rested;

/// One refresh of one link: which tokens it is for, and the id it leaves its traces under.
#[derive(Clone, Copy, Debug)]
pub struct Attempt {
    /// The link.
    pub link: LinkId,
    /// The version that was read.
    pub version: i64,
    /// This attempt.
    pub id: uuid::Uuid,
}

impl Attempt {
    fn uuid(&self) -> Uuid {
        Uuid(self.id)
    }
}

/// From whom a lease may be taken.
#[derive(Clone, Copy, Debug)]
pub struct Over {
    /// Whether one that has lapsed may.
    pub takeover: Takeover,
    /// The attempt whose lease has been seen to stand unrenewed for longer than one lasts, whatever end a wrong clock wrote.
    pub outlived: Option<uuid::Uuid>,
}

/// Takes the lease, if what was read still stands, nobody else holds it, and the provider may be asked again. The same attempt
/// may take it again: whoever never heard whether it has it asks once more.
pub async fn take(conn: &mut Conn, attempt: &Attempt, now: Now, errand: Errand, over: Over) -> Result<Option<Before>> {
    let Over { takeover, outlived } = over;
    let is_second_look = errand == Errand::SecondLook;
    let may_take_over = takeover == Takeover::Allowed;
    let is_anothers = token_sets::attempt.is_not_null().and(token_sets::attempt.ne(attempt.uuid()).assume_not_null());
    let taken: Option<(Option<Uuid>, bool)> =
        on!(conn, |c| diesel::update(token_sets::table.find(Uuid(attempt.link.0)))
            .filter(token_sets::version.eq(attempt.version))
            .filter(
                token_sets::attempt
                    .is_null()
                    .or(token_sets::attempt.eq(attempt.uuid()))
                    .or(token_sets::attempt.eq(outlived.map(Uuid)))
                    .or(token_sets::lease_until
                        .le(now.moment().nullable())
                        .and(may_take_over.into_sql::<diesel::sql_types::Bool>()))
            )
            .filter(token_sets::health.ne_all(dead()).or(is_second_look.into_sql::<diesel::sql_types::Bool>()))
            .filter(rested!(now))
            .set((
                token_sets::attempt.eq(attempt.uuid()),
                token_sets::lease_until.eq(now.plus(span(LEASE)).nullable()),
                token_sets::unclosed_by.eq(coalesce(token_sets::unclosed_by, Some(attempt.uuid()))),
                token_sets::abandoned.eq(token_sets::abandoned.or(is_anothers)),
            ))
            .returning((token_sets::unclosed_by, token_sets::abandoned))
            .prepared()
            .get_result(c))
        .optional()
        .map_err(lift)?;
    Ok(taken.map(|(unclosed_by, abandoned)| match (abandoned, unclosed_by == Some(attempt.uuid())) {
        (true, _) => Before::Abandoned,
        (false, true) => Before::Clean,
        (false, false) => Before::Unclosed,
    }))
}

/// Renews the lease of an attempt that waits for its answer; says whether it is still its own.
pub async fn renew(conn: &mut Conn, attempt: &Attempt, now: Now) -> Result<bool> {
    let renewed = on!(conn, |c| diesel::update(token_sets::table.find(Uuid(attempt.link.0)))
        .filter(token_sets::attempt.eq(attempt.uuid()))
        .set(token_sets::lease_until.eq(now.plus(span(LEASE)).nullable()))
        .prepared()
        .execute(c));
    Ok(renewed.map_err(lift)? == 1)
}

/// What `unclosed_by` must not be after the attempt's end.
fn struck_out(ending: Ending, attempt: &Attempt) -> Option<Uuid> {
    match ending {
        Ending::Closed => Some(attempt.uuid()),
        Ending::Open => None,
    }
}

/// Gives the lease back, if it is still this attempt's.
pub async fn end(conn: &mut Conn, attempt: &Attempt, ending: Ending) -> Result<()> {
    on!(conn, |c| diesel::update(token_sets::table.find(Uuid(attempt.link.0)))
        .filter(token_sets::attempt.eq(attempt.uuid()))
        .set((
            token_sets::attempt.eq(None::<Uuid>),
            token_sets::lease_until.eq(None::<At>),
            token_sets::unclosed_by.eq(nullif(token_sets::unclosed_by, struck_out(ending, attempt))),
        ))
        .prepared()
        .execute(c))
    .map_err(lift)?;
    Ok(())
}

/// What is recorded of a failure that may pass.
#[derive(Clone, Copy, Debug)]
pub struct Failure<'a> {
    /// How the attempt ends.
    pub ending: Ending,
    /// How long the provider is not asked again.
    pub wait: Duration,
    /// What the provider said of this token, if it did.
    pub word: Option<&'a str>,
}

/// Gives the lease back and records a failure that may pass. Says whether it was recorded: not if the tokens changed or the
/// lease is another's by now.
pub async fn fail(conn: &mut Conn, attempt: &Attempt, now: Now, failure: Failure<'_>) -> Result<bool> {
    // What the provider says of itself in between takes nothing back of what it said of the token.
    let refused = failure.word.map(|word| {
        let again = || token_sets::refused_word.eq(word).assume_not_null();
        (
            token_sets::refused_word.eq(word),
            token_sets::refused_since
                .eq(diesel::dsl::case_when(again(), token_sets::refused_since).otherwise(now.moment().nullable())),
            token_sets::refused_times.eq(diesel::dsl::case_when(again(), token_sets::refused_times + 1).otherwise(1)),
        )
    });
    let written = on!(conn, |c| diesel::update(token_sets::table.find(Uuid(attempt.link.0)))
        .filter(token_sets::attempt.eq(attempt.uuid()))
        .filter(token_sets::version.eq(attempt.version))
        .set((
            token_sets::attempt.eq(None::<Uuid>),
            token_sets::lease_until.eq(None::<At>),
            token_sets::unclosed_by.eq(nullif(token_sets::unclosed_by, struck_out(failure.ending, attempt))),
            token_sets::failures.eq(token_sets::failures + 1),
            token_sets::failed_at.eq(now.moment().nullable()),
            token_sets::retry_at.eq(now.plus(span(failure.wait)).nullable()),
            // One that is dead stays so until the provider says otherwise.
            token_sets::health.eq(diesel::dsl::case_when(token_sets::health.eq_any(dead()), token_sets::health)
                .otherwise(Health::Degraded.as_str())),
            refused,
        ))
        .prepared()
        .execute(c));
    Ok(written.map_err(lift)? == 1)
}

/// What is recorded of a refusal that is final.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    /// What it means.
    pub verdict: Health,
    /// How long it may still be undone before anybody is told.
    pub notice_in: Duration,
    /// Whether the provider is asked once more before that.
    pub second_look: bool,
    /// Whether the word on record, with which the token was refused again and again, is why.
    pub is_by_word: bool,
}

/// Gives the lease back and marks the link dead; says whether it did: not if the tokens changed or the lease is another's.
/// A link that was dead before keeps the time since which it is.
pub async fn mark(conn: &mut Conn, attempt: &Attempt, now: Now, mark: Mark) -> Result<bool> {
    // Whose answer was lost stays on record, in case the mark is undone.
    let ending = if mark.verdict == Health::LostInFlight { Ending::Open } else { Ending::Closed };
    let no_word = (!mark.is_by_word)
        .then_some((token_sets::refused_word.eq(None::<String>), token_sets::refused_since.eq(None::<At>)));
    let written = on!(conn, |c| diesel::update(token_sets::table.find(Uuid(attempt.link.0)))
        .filter(token_sets::attempt.eq(attempt.uuid()))
        .filter(token_sets::version.eq(attempt.version))
        .set((
            token_sets::attempt.eq(None::<Uuid>),
            token_sets::lease_until.eq(None::<At>),
            token_sets::unclosed_by.eq(nullif(token_sets::unclosed_by, struck_out(ending, attempt))),
            token_sets::health.eq(diesel::dsl::case_when(token_sets::health.eq_any(dead()), token_sets::health)
                .otherwise(mark.verdict.as_str())),
            token_sets::health_since.eq(diesel::dsl::case_when(
                token_sets::health.eq_any(dead()),
                token_sets::health_since
            )
            .otherwise(now.moment().nullable())),
            // What has been told of is not told again.
            token_sets::notice_at
                .eq(diesel::dsl::case_when(token_sets::told.eq(false), now.plus(span(mark.notice_in)).nullable())),
            token_sets::second_look.eq(mark.second_look),
            no_word,
        ))
        .prepared()
        .execute(c));
    Ok(written.map_err(lift)? == 1)
}

/// Undoes the marks that a provider's links got within the last `span_back` because its refusals were believed; gives how many.
/// They count as failing in passing. Other marks have causes of their own, and stay: that a process of ours lost the token, and
/// that the provider has said the same word of it for days.
pub async fn undo_marks(conn: &mut Conn, provider: &ProviderId, now: Now, span_back: Duration) -> Result<usize> {
    let its_links = links::table
        .filter(links::fp_type.eq(provider.fp_type()))
        .filter(links::fp_name.eq(provider.fp_name()))
        .select(links::id);
    on!(conn, |c| diesel::update(token_sets::table)
        .filter(token_sets::health_since.ge(now.plus(-span(span_back)).nullable()))
        .filter(token_sets::health.eq_any(dead()))
        .filter(token_sets::abandoned.eq(false).or(token_sets::health.ne(Health::LostInFlight.as_str())))
        .filter(token_sets::refused_word.is_null())
        .filter(token_sets::link_id.eq_any(its_links))
        .set((
            token_sets::health.eq(Health::Degraded.as_str()),
            token_sets::health_since.eq(None::<At>),
            token_sets::notice_at.eq(None::<At>),
            token_sets::second_look.eq(false),
            token_sets::told.eq(false),
        ))
        .execute(c))
    .map_err(lift)
}

/// Link, version, end of the lease, its holder, health, end and begin of the rest, the time by which these are judged.
type SeenRow = (Uuid, i64, Option<At>, Option<Uuid>, String, Option<At>, Option<At>, At);

/// A lease as it stands: whose it is, and until when.
pub type Lease = (uuid::Uuid, DateTime<Utc>);

/// How the links among `wanted` stand, and the leases on them; those that are gone are left out.
pub async fn seen(conn: &mut Conn, wanted: &[LinkId], now: Now) -> Result<Vec<(LinkId, Seen, Option<Lease>)>> {
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
            token_sets::failed_at,
            now.moment(),
        ))
        .load(c))
    .map_err(lift)?;
    let seen = rows.into_iter().map(|(link, version, lease_until, attempt, health, retry_at, failed_at, now)| {
        let is_live = lease_until.is_some_and(|until| until > now);
        let seen = Seen {
            version,
            is_leased: attempt.is_some() && is_live,
            is_abandoned: attempt.is_some() && !is_live,
            health: Health::parse(&health).unwrap_or(Health::Ok),
            rest: rest(failed_at.map(|at| at.0), retry_at.map(|at| at.0), now.0),
        };
        (LinkId(link.0), seen, attempt.map(|id| id.0).zip(lease_until.map(|at| at.0)))
    });
    Ok(seen.collect())
}

/// Ends the leases that a dead process left, where only one process serves. Their attempts stay on record as abandoned.
pub async fn release_all(conn: &mut Conn) -> Result<usize> {
    on!(conn, |c| diesel::update(token_sets::table)
        .filter(token_sets::attempt.is_not_null())
        .set((
            token_sets::attempt.eq(None::<Uuid>),
            token_sets::lease_until.eq(None::<At>),
            token_sets::abandoned.eq(true)
        ))
        .execute(c))
    .map_err(lift)
}

/// A span of time as the database counts it; one beyond any calendar is a day.
fn span(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::days(1))
}
