//! Binds in progress. Each change of state is one statement that names the state it expects, so of two requests that race
//! one finds nothing to change.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::conn::{Conn, on};
use super::error::lift;
use super::schema::flows;
use super::types::{At, Uuid};
use crate::domain::Result;
use crate::domain::flow::FlowState;
use crate::domain::ids::{ClientId, FlowId};

/// A bind in progress.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = flows, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
pub(crate) struct FlowRow {
    pub(crate) id: Uuid,
    pub(crate) state: String,
    pub(crate) client: String,
    pub(crate) subject: Option<String>,
    pub(crate) fp_type: String,
    pub(crate) fp_name: String,
    pub(crate) callback: String,
    /// Empty: no app completes it, the person who is signed in does.
    pub(crate) code_challenge: String,
    pub(crate) cookie_hash: Option<Vec<u8>>,
    pub(crate) state_hash: Option<Vec<u8>>,
    pub(crate) code_hash: Option<Vec<u8>>,
    pub(crate) sid: Option<String>,
    pub(crate) user_name: Option<String>,
    pub(crate) key_id: String,
    pub(crate) wrapped_key: Vec<u8>,
    pub(crate) sealed: Option<Vec<u8>>,
    pub(crate) opened: Option<At>,
    pub(crate) expires: At,
    pub(crate) created: At,
    pub(crate) popup: bool,
}

/// One trip to the provider: what comes back, sealed what we compare it with.
pub(crate) struct Leg<'a> {
    /// Whose link it becomes, where that is only known now.
    pub(crate) subject: Option<&'a str>,
    pub(crate) state_hash: &'a [u8],
    pub(crate) sealed: &'a [u8],
    pub(crate) now: At,
    pub(crate) expires: At,
}

/// The account that came of a trip, sealed its tokens.
#[derive(AsChangeset)]
#[diesel(table_name = flows, treat_none_as_null = true)]
pub(crate) struct Arrival {
    pub(crate) state: &'static str,
    pub(crate) sid: String,
    pub(crate) user_name: Option<String>,
    pub(crate) sealed: Option<Vec<u8>>,
    pub(crate) code_hash: Option<Vec<u8>>,
    pub(crate) expires: At,
}

/// Stores an instruction.
pub(crate) async fn insert(conn: &mut Conn, row: &FlowRow) -> Result<()> {
    on!(conn, |c| diesel::insert_into(flows::table).values(row).execute(c)).map_err(lift)?;
    Ok(())
}

/// The flow, in whatever state.
pub(crate) async fn find(conn: &mut Conn, id: FlowId) -> Result<Option<FlowRow>> {
    on!(conn, |c| flows::table.find(Uuid(id.0)).select(FlowRow::as_select()).first(c)).optional().map_err(lift)
}

/// The flow whose trip to the provider has this OAuth `state`.
pub(crate) async fn find_by_state(conn: &mut Conn, state_hash: &[u8]) -> Result<Option<FlowRow>> {
    on!(conn, |c| flows::table.filter(flows::state_hash.eq(state_hash)).select(FlowRow::as_select()).first(c))
        .optional()
        .map_err(lift)
}

/// The flow that waits for this bind code.
pub(crate) async fn find_by_code(conn: &mut Conn, code_hash: &[u8]) -> Result<Option<FlowRow>> {
    on!(conn, |c| flows::table.filter(flows::code_hash.eq(code_hash)).select(FlowRow::as_select()).first(c))
        .optional()
        .map_err(lift)
}

/// The first opening by a browser in which nobody is signed in: binds the instruction to it until somebody is. Says whether it
/// was the first.
pub(crate) async fn await_sign_in(
    conn: &mut Conn,
    id: FlowId,
    cookie_hash: &[u8],
    (now, expires): (At, At),
) -> Result<bool> {
    let moved = on!(conn, |c| diesel::update(flows::table.find(Uuid(id.0)))
        .filter(flows::state.eq(FlowState::Instructed.as_str()))
        .filter(flows::cookie_hash.is_null())
        .filter(flows::expires.gt(now))
        .set((
            flows::state.eq(FlowState::SigningIn.as_str()),
            flows::cookie_hash.eq(cookie_hash),
            flows::opened.eq(now),
            flows::expires.eq(expires),
        ))
        .execute(c));
    Ok(moved.map_err(lift)? == 1)
}

/// The first opening: binds the instruction to one browser and sends it to the provider. Says whether it was the first.
pub(crate) async fn open(conn: &mut Conn, id: FlowId, cookie_hash: &[u8], leg: &Leg<'_>) -> Result<bool> {
    let moved = on!(conn, |c| diesel::update(flows::table.find(Uuid(id.0)))
        .filter(flows::state.eq(FlowState::Instructed.as_str()))
        .filter(flows::cookie_hash.is_null())
        .filter(flows::expires.gt(leg.now))
        .set((
            flows::state.eq(FlowState::AtProvider.as_str()),
            leg.subject.map(|subject| flows::subject.eq(subject)),
            flows::cookie_hash.eq(cookie_hash),
            flows::opened.eq(leg.now),
            flows::state_hash.eq(leg.state_hash),
            flows::sealed.eq(leg.sealed),
            flows::expires.eq(leg.expires),
        ))
        .execute(c));
    Ok(moved.map_err(lift)? == 1)
}

/// A later opening by the same browser, signed in by now or reloading: starts the provider's leg afresh. Says whether the flow
/// was still open, in the state of `row`; of the account it may have found, only the one that was read is forgotten.
pub(crate) async fn reopen(conn: &mut Conn, row: &FlowRow, cookie_hash: &[u8], leg: &Leg<'_>) -> Result<bool> {
    let open = [FlowState::SigningIn, FlowState::AtProvider, FlowState::Confirming].map(FlowState::as_str);
    let at_provider = flows::state.nullable().eq(FlowState::AtProvider.as_str());
    let same_account = flows::sealed.is_null().or(flows::sealed.eq(row.sealed.as_deref()));
    let moved = on!(conn, |c| diesel::update(flows::table.find(row.id))
        .filter(flows::state.eq_any(open))
        .filter(flows::state.eq(&row.state))
        .filter(at_provider.or(same_account))
        .filter(flows::cookie_hash.eq(cookie_hash))
        .filter(flows::expires.gt(leg.now))
        .set((
            flows::state.eq(FlowState::AtProvider.as_str()),
            leg.subject.map(|subject| flows::subject.eq(subject)),
            flows::state_hash.eq(leg.state_hash),
            flows::sealed.eq(leg.sealed),
            flows::sid.eq(None::<String>),
            flows::user_name.eq(None::<String>),
            flows::expires.eq(leg.expires),
        ))
        .execute(c));
    Ok(moved.map_err(lift)? == 1)
}

/// Uses up the provider's answer: of two requests with the same `state`, one gets it.
pub(crate) async fn claim_answer(conn: &mut Conn, id: FlowId, state_hash: &[u8], now: At) -> Result<bool> {
    let claimed = on!(conn, |c| diesel::update(flows::table.find(Uuid(id.0)))
        .filter(flows::state.eq(FlowState::AtProvider.as_str()))
        .filter(flows::state_hash.eq(state_hash))
        .filter(flows::expires.gt(now))
        .set(flows::state_hash.eq(None::<Vec<u8>>))
        .execute(c));
    Ok(claimed.map_err(lift)? == 1)
}

/// The answer was good: keeps the account and asks its owner, or waits for the app. Nothing changes if a reload has
/// started another trip since `row` was read, even one whose own answer is used up by now: a trip's sealed secrets are
/// unlike any other's.
pub(crate) async fn arrive(conn: &mut Conn, row: &FlowRow, arrival: &Arrival) -> Result<bool> {
    let moved = on!(conn, |c| diesel::update(flows::table.find(row.id))
        .filter(flows::state.eq(FlowState::AtProvider.as_str()))
        .filter(flows::state_hash.is_null())
        .filter(flows::sealed.eq(row.sealed.as_deref()))
        .set(arrival)
        .execute(c));
    Ok(moved.map_err(lift)? == 1)
}

/// The owner said yes to the account that `row` names: the app gets a code.
pub(crate) async fn confirm(conn: &mut Conn, row: &FlowRow, code_hash: &[u8], now: At, expires: At) -> Result<bool> {
    let moved = on!(conn, |c| diesel::update(flows::table.find(row.id))
        .filter(flows::state.eq(FlowState::Confirming.as_str()))
        .filter(flows::sid.eq(row.sid.as_deref()))
        .filter(flows::expires.gt(now))
        .set(
            (flows::state.eq(FlowState::Pending.as_str()), flows::code_hash.eq(code_hash), flows::expires.eq(expires),)
        )
        .execute(c));
    Ok(moved.map_err(lift)? == 1)
}

/// Uses up a bind code: takes the flow out, if it is this client's and still waits.
pub(crate) async fn take_pending(
    conn: &mut Conn,
    code_hash: &[u8],
    client: &ClientId,
    now: At,
) -> Result<Option<FlowRow>> {
    on!(conn, |c| diesel::delete(
        flows::table
            .filter(flows::code_hash.eq(code_hash))
            .filter(flows::client.eq(client.as_str()))
            .filter(flows::state.eq(FlowState::Pending.as_str()))
            .filter(flows::expires.gt(now)),
    )
    .returning(FlowRow::as_returning())
    .get_result(c))
    .optional()
    .map_err(lift)
}

/// Ends a flow that is as it was read, in the same state and on the same trip; says whether it was.
pub(crate) async fn delete(conn: &mut Conn, row: &FlowRow) -> Result<bool> {
    let same_state = flows::table.find(row.id).filter(flows::state.eq(&row.state));
    let gone = match &row.sealed {
        Some(sealed) => on!(conn, |c| diesel::delete(same_state.filter(flows::sealed.eq(sealed))).execute(c)),
        None => on!(conn, |c| diesel::delete(same_state.filter(flows::sealed.is_null())).execute(c)),
    };
    Ok(gone.map_err(lift)? == 1)
}

/// Takes out every flow of a subject, in whatever state it is by then.
pub(crate) async fn take_all(conn: &mut Conn, subject: &str) -> Result<Vec<FlowRow>> {
    on!(conn, |c| diesel::delete(flows::table.filter(flows::subject.eq(subject)))
        .returning(FlowRow::as_returning())
        .get_results(c))
    .map_err(lift)
}

/// Flows that ran out before `before`, the oldest first.
pub(crate) async fn list_expired(conn: &mut Conn, before: At, limit: i64) -> Result<Vec<FlowRow>> {
    on!(conn, |c| flows::table
        .filter(flows::expires.lt(before))
        .order(flows::expires.asc())
        .limit(limit)
        .select(FlowRow::as_select())
        .load(c))
    .map_err(lift)
}
