//! Binds in progress. Each change of state is one statement that names the state it expects, so of two requests that race
//! one finds nothing to change.

mod row;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::conn::{Conn, on};
use super::error::lift;
use super::schema::flows;
use super::types::{At, Uuid};
use domain::erasure::Account;
use domain::flow::{Arrival, Flow, FlowState, Leg};
use domain::ids::{ClientId, FlowId, Sid, Subject};
use domain::{Error, Result};

use row::{FlowRow, read, readable};

/// What an arrival writes.
#[derive(AsChangeset)]
#[diesel(table_name = flows, treat_none_as_null = true)]
struct ArrivalRow {
    state: &'static str,
    sid: String,
    user_name: Option<String>,
    sealed: Vec<u8>,
    code_hash: Option<Vec<u8>>,
    expires: At,
}

/// Stores an instruction.
pub async fn insert(conn: &mut Conn, flow: &Flow) -> Result<()> {
    let row = FlowRow::from(flow);
    on!(conn, |c| diesel::insert_into(flows::table).values(&row).execute(c)).map_err(lift)?;
    Ok(())
}

/// An application's instructions for a subject that no browser has opened and that have not run out, oldest first, at most so many.
pub async fn unopened(
    conn: &mut Conn,
    client: &ClientId,
    subject: &Subject,
    now: At,
    most: usize,
) -> Result<Vec<Flow>> {
    let most = i64::try_from(most).map_err(Error::internal)?;
    readable(on!(conn, |c| flows::table
        .filter(flows::subject.eq(subject.as_str()).and(flows::client.eq(client.as_str())))
        .filter(flows::state.eq(FlowState::Instructed.as_str()).and(flows::expires.gt(now)))
        .order((flows::expires.asc(), flows::id.asc()))
        .limit(most)
        .select(FlowRow::as_select())
        .load(c)))
}

/// The flow, in whatever state.
pub async fn find(conn: &mut Conn, id: FlowId) -> Result<Option<Flow>> {
    read(on!(conn, |c| flows::table.find(Uuid(id.0)).select(FlowRow::as_select()).first(c)))
}

/// The flow whose trip to the provider has this OAuth `state`.
pub async fn find_by_state(conn: &mut Conn, state_hash: &[u8]) -> Result<Option<Flow>> {
    read(on!(conn, |c| flows::table.filter(flows::state_hash.eq(state_hash)).select(FlowRow::as_select()).first(c)))
}

/// The flow that waits for this bind code.
pub async fn find_by_code(conn: &mut Conn, code_hash: &[u8]) -> Result<Option<Flow>> {
    read(on!(conn, |c| flows::table.filter(flows::code_hash.eq(code_hash)).select(FlowRow::as_select()).first(c)))
}

/// The first opening by a browser in which nobody is signed in: binds the instruction to it until somebody is. Says whether it
/// was the first.
pub async fn await_sign_in(
    conn: &mut Conn,
    id: FlowId,
    cookie_hash: &[u8],
    now: DateTime<Utc>,
    expires: DateTime<Utc>,
) -> Result<bool> {
    let (now, expires) = (At(now), At(expires));
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
pub async fn open(conn: &mut Conn, id: FlowId, cookie_hash: &[u8], leg: &Leg<'_>) -> Result<bool> {
    let moved = on!(conn, |c| diesel::update(flows::table.find(Uuid(id.0)))
        .filter(flows::state.eq(FlowState::Instructed.as_str()))
        .filter(flows::cookie_hash.is_null())
        .filter(flows::expires.gt(At(leg.now)))
        .set((
            flows::state.eq(FlowState::AtProvider.as_str()),
            leg.subject.map(|subject| flows::subject.eq(subject.as_str())),
            flows::cookie_hash.eq(cookie_hash),
            flows::opened.eq(At(leg.now)),
            flows::state_hash.eq(leg.state_hash),
            flows::sealed.eq(leg.sealed),
            flows::expires.eq(At(leg.expires)),
        ))
        .execute(c));
    Ok(moved.map_err(lift)? == 1)
}

/// A later opening by the same browser, signed in by now or reloading: starts the provider's leg afresh. Says whether the flow
/// was still open, in the state that was read; of the account it may have found, only the one that was read is forgotten.
pub async fn reopen(conn: &mut Conn, flow: &Flow, cookie_hash: &[u8], leg: &Leg<'_>) -> Result<bool> {
    let open = [FlowState::SigningIn, FlowState::AtProvider, FlowState::Confirming].map(FlowState::as_str);
    let at_provider = flows::state.nullable().eq(FlowState::AtProvider.as_str());
    let same_account = flows::sealed.is_null().or(flows::sealed.eq(flow.sealed.as_deref()));
    let moved = on!(conn, |c| diesel::update(flows::table.find(Uuid(flow.id.0)))
        .filter(flows::state.eq_any(open))
        .filter(flows::state.eq(flow.stage.state().as_str()))
        .filter(at_provider.or(same_account))
        .filter(flows::cookie_hash.eq(cookie_hash))
        .filter(flows::expires.gt(At(leg.now)))
        .set((
            flows::state.eq(FlowState::AtProvider.as_str()),
            leg.subject.map(|subject| flows::subject.eq(subject.as_str())),
            flows::state_hash.eq(leg.state_hash),
            flows::sealed.eq(leg.sealed),
            flows::sid.eq(None::<String>),
            flows::user_name.eq(None::<String>),
            flows::expires.eq(At(leg.expires)),
        ))
        .execute(c));
    Ok(moved.map_err(lift)? == 1)
}

/// Uses up the provider's answer: of two requests with the same `state`, one gets it.
pub async fn claim_answer(conn: &mut Conn, id: FlowId, state_hash: &[u8], now: DateTime<Utc>) -> Result<bool> {
    let now = At(now);
    let claimed = on!(conn, |c| diesel::update(flows::table.find(Uuid(id.0)))
        .filter(flows::state.eq(FlowState::AtProvider.as_str()))
        .filter(flows::state_hash.eq(state_hash))
        .filter(flows::expires.gt(now))
        .set(flows::state_hash.eq(None::<Vec<u8>>))
        .execute(c));
    Ok(claimed.map_err(lift)? == 1)
}

/// The answer was good: keeps the account and asks its owner, or waits for the app. Nothing changes if a reload has
/// started another trip since the flow was read, even one whose own answer is used up by now: a trip's sealed secrets are
/// unlike any other's.
pub async fn arrive(conn: &mut Conn, flow: &Flow, arrival: &Arrival) -> Result<bool> {
    let row = ArrivalRow {
        state: arrival.state().as_str(),
        sid: arrival.sid.as_str().to_owned(),
        user_name: arrival.user_name.clone(),
        sealed: arrival.sealed.clone(),
        code_hash: arrival.code_hash.clone(),
        expires: At(arrival.expires),
    };
    let moved = on!(conn, |c| diesel::update(flows::table.find(Uuid(flow.id.0)))
        .filter(flows::state.eq(FlowState::AtProvider.as_str()))
        .filter(flows::state_hash.is_null())
        .filter(flows::sealed.eq(flow.sealed.as_deref()))
        .set(&row)
        .execute(c));
    Ok(moved.map_err(lift)? == 1)
}

/// The owner said yes to the account that `flow` names: the app gets a code.
pub async fn confirm(
    conn: &mut Conn,
    flow: &Flow,
    code_hash: &[u8],
    now: DateTime<Utc>,
    expires: DateTime<Utc>,
) -> Result<bool> {
    let sid = flow.sid().map(Sid::as_str);
    let moved = on!(conn, |c| diesel::update(flows::table.find(Uuid(flow.id.0)))
        .filter(flows::state.eq(FlowState::Confirming.as_str()))
        .filter(flows::sid.eq(sid))
        .filter(flows::expires.gt(At(now)))
        .set((
            flows::state.eq(FlowState::Pending.as_str()),
            flows::code_hash.eq(code_hash),
            flows::expires.eq(At(expires)),
        ))
        .execute(c));
    Ok(moved.map_err(lift)? == 1)
}

/// Uses up a bind code: takes the flow out, if it is this client's and still waits.
pub async fn take_pending(
    conn: &mut Conn,
    code_hash: &[u8],
    client: &ClientId,
    now: DateTime<Utc>,
) -> Result<Option<Flow>> {
    read(on!(conn, |c| diesel::delete(
        flows::table
            .filter(flows::code_hash.eq(code_hash))
            .filter(flows::client.eq(client.as_str()))
            .filter(flows::state.eq(FlowState::Pending.as_str()))
            .filter(flows::expires.gt(At(now))),
    )
    .returning(FlowRow::as_returning())
    .get_result(c)))
}

/// Ends a flow that is as it was read, in the same state and on the same trip; says whether it was.
pub async fn delete(conn: &mut Conn, flow: &Flow) -> Result<bool> {
    let same_state = flows::table.find(Uuid(flow.id.0)).filter(flows::state.eq(flow.stage.state().as_str()));
    let gone = match &flow.sealed {
        Some(sealed) => on!(conn, |c| diesel::delete(same_state.filter(flows::sealed.eq(sealed))).execute(c)),
        None => on!(conn, |c| diesel::delete(same_state.filter(flows::sealed.is_null())).execute(c)),
    };
    Ok(gone.map_err(lift)? == 1)
}

/// The flows of a subject, in whatever state, oldest first.
pub async fn list_of_subject(conn: &mut Conn, subject: &Subject) -> Result<Vec<Flow>> {
    readable(on!(conn, |c| flows::table
        .filter(flows::subject.eq(subject.as_str()))
        .order(flows::created)
        .select(FlowRow::as_select())
        .load(c)))
}

/// Takes out every flow of a subject, in whatever state it is by then.
pub async fn take_all(conn: &mut Conn, subject: &str) -> Result<Vec<Flow>> {
    readable(on!(conn, |c| diesel::delete(flows::table.filter(flows::subject.eq(subject)))
        .returning(FlowRow::as_returning())
        .get_results(c)))
}

/// Takes out every flow for nobody yet that has come back from a provider with this account.
pub async fn take_of_nobody(conn: &mut Conn, account: &Account) -> Result<Vec<Flow>> {
    let of_account = flows::table
        .filter(flows::subject.is_null())
        .filter(flows::fp_type.eq(&account.fp_type).and(flows::fp_name.eq(&account.fp_name)))
        .filter(flows::sid.eq(&account.sid));
    readable(on!(conn, |c| diesel::delete(of_account).returning(FlowRow::as_returning()).get_results(c)))
}

/// Flows that ran out before `before`, the oldest first.
pub async fn list_expired(conn: &mut Conn, before: DateTime<Utc>, limit: i64) -> Result<Vec<Flow>> {
    readable(on!(conn, |c| flows::table
        .filter(flows::expires.lt(At(before)))
        .order(flows::expires.asc())
        .limit(limit)
        .select(FlowRow::as_select())
        .load(c)))
}
