//! Binds in progress. Each change of state is one statement that names the state it expects, so of two requests that race
//! one finds nothing to change.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::conn::{Conn, on};
use super::error::{chain, lift, unreadable};
use super::schema::flows;
use super::types::{At, Uuid};
use domain::flow::{Arrival, Completer, Flow, FlowState, Leg, ProviderAccount, Stage, Visit};
use domain::ids::{ClientId, FlowId, ProviderId, Sid, Subject};
use domain::{Error, Result};

/// A flow as the table holds it.
#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = flows, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
struct FlowRow {
    id: Uuid,
    state: String,
    client: String,
    subject: Option<String>,
    fp_type: String,
    fp_name: String,
    callback: String,
    /// Empty: no app completes it, the person who is signed in does.
    code_challenge: String,
    cookie_hash: Option<Vec<u8>>,
    state_hash: Option<Vec<u8>>,
    code_hash: Option<Vec<u8>>,
    sid: Option<String>,
    user_name: Option<String>,
    key_id: String,
    wrapped_key: Vec<u8>,
    sealed: Option<Vec<u8>>,
    opened: Option<At>,
    expires: At,
    created: At,
    popup: bool,
    hint: Option<String>,
}

impl From<&Flow> for FlowRow {
    fn from(flow: &Flow) -> Self {
        let visit = flow.stage.visit();
        let account = flow.stage.account();
        let (state_hash, code_hash) = match &flow.stage {
            Stage::AtProvider { state_hash, .. } => (state_hash.clone(), None),
            Stage::Pending { code_hash, .. } => (None, Some(code_hash.clone())),
            Stage::Instructed | Stage::SigningIn(_) | Stage::Confirming { .. } => (None, None),
        };
        Self {
            id: Uuid(flow.id.0),
            state: flow.stage.state().as_str().to_owned(),
            client: flow.client.as_str().to_owned(),
            subject: flow.subject.as_ref().map(|subject| subject.as_str().to_owned()),
            fp_type: flow.provider.fp_type().to_owned(),
            fp_name: flow.provider.fp_name().to_owned(),
            callback: flow.callback.clone(),
            code_challenge: flow.completer.challenge().to_owned(),
            cookie_hash: visit.map(|visit| visit.cookie_hash.clone()),
            state_hash,
            code_hash,
            sid: account.map(|account| account.sid.as_str().to_owned()),
            user_name: account.and_then(|account| account.user_name.clone()),
            key_id: flow.key_id.clone(),
            wrapped_key: flow.wrapped_key.clone(),
            sealed: flow.sealed.clone(),
            opened: visit.map(|visit| At(visit.opened)),
            expires: At(flow.expires),
            created: At(flow.created),
            popup: flow.popup,
            hint: flow.hint.clone(),
        }
    }
}

impl TryFrom<FlowRow> for Flow {
    type Error = Error;

    fn try_from(mut row: FlowRow) -> Result<Self> {
        let stage = stage(&mut row)?;
        let completer = match row.code_challenge {
            challenge if challenge.is_empty() => Completer::Person,
            challenge => Completer::App { challenge },
        };
        Ok(Self {
            id: FlowId(row.id.0),
            client: ClientId::parse(row.client).map_err(|_value| corrupt("client"))?,
            subject: row.subject.map(Subject::parse).transpose().map_err(|_value| corrupt("subject"))?,
            provider: ProviderId::parse(&row.fp_type, &row.fp_name).map_err(|_value| corrupt("fp_type, fp_name"))?,
            callback: row.callback,
            completer,
            key_id: row.key_id,
            wrapped_key: row.wrapped_key,
            sealed: row.sealed,
            popup: row.popup,
            hint: row.hint,
            created: row.created.0,
            expires: row.expires.0,
            stage,
        })
    }
}

/// What is known at the stage that the row is in.
fn stage(row: &mut FlowRow) -> Result<Stage> {
    Ok(match FlowState::parse(&row.state).ok_or_else(|| corrupt("state"))? {
        FlowState::Instructed => Stage::Instructed,
        FlowState::SigningIn => Stage::SigningIn(visit(row)?),
        FlowState::AtProvider => Stage::AtProvider { visit: visit(row)?, state_hash: row.state_hash.take() },
        FlowState::Confirming => Stage::Confirming { visit: visit(row)?, account: account(row)? },
        FlowState::Pending => Stage::Pending {
            visit: visit(row)?,
            account: account(row)?,
            code_hash: row.code_hash.take().ok_or_else(|| corrupt("code_hash"))?,
        },
    })
}

fn visit(row: &mut FlowRow) -> Result<Visit> {
    Ok(Visit {
        cookie_hash: row.cookie_hash.take().ok_or_else(|| corrupt("cookie_hash"))?,
        opened: row.opened.ok_or_else(|| corrupt("opened"))?.0,
    })
}

fn account(row: &mut FlowRow) -> Result<ProviderAccount> {
    let sid = row.sid.take().and_then(|sid| Sid::parse(sid).ok());
    Ok(ProviderAccount { sid: sid.ok_or_else(|| corrupt("sid"))?, user_name: row.user_name.take() })
}

fn corrupt(column: &'static str) -> Error {
    unreadable("flows", column)
}

fn read(found: QueryResult<FlowRow>) -> Result<Option<Flow>> {
    found.optional().map_err(lift)?.map(Flow::try_from).transpose()
}

/// Those that can be read. What cannot be keeps no other flow alive.
fn readable(found: QueryResult<Vec<FlowRow>>) -> Result<Vec<Flow>> {
    let (mut flows, rows) = (Vec::new(), found.map_err(lift)?);
    for row in rows {
        let flow = row.id.0;
        match Flow::try_from(row) {
            Ok(flow) => flows.push(flow),
            Err(error) => tracing::error!(%flow, cause = chain(&error), "a flow cannot be read"),
        }
    }
    Ok(flows)
}

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

/// Takes out every flow of a subject, in whatever state it is by then.
pub async fn take_all(conn: &mut Conn, subject: &str) -> Result<Vec<Flow>> {
    readable(on!(conn, |c| diesel::delete(flows::table.filter(flows::subject.eq(subject)))
        .returning(FlowRow::as_returning())
        .get_results(c)))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::flow_at_each_stage;

    /// A row with something wrong, and the column that the error names.
    type Broken = (fn(&mut FlowRow), &'static str);

    #[test]
    fn what_a_row_holds_and_cannot_be_read_is_named_by_its_column_alone() {
        let broken: [Broken; 9] = [
            (|row| row.state = "s3cret".to_owned(), "state"),
            (|row| row.client = String::new(), "client"),
            (|row| row.subject = Some("s3cret\u{1}".to_owned()), "subject"),
            (|row| row.fp_type = "s3cret_".to_owned(), "fp_type, fp_name"),
            (|row| row.cookie_hash = None, "cookie_hash"),
            (|row| row.opened = None, "opened"),
            (|row| row.code_hash = None, "code_hash"),
            (|row| row.sid = None, "sid"),
            (|row| row.sid = Some(String::new()), "sid"),
        ];
        let [.., pending] = flow_at_each_stage();
        for (change, column) in broken {
            let mut row = FlowRow::from(&pending);
            change(&mut row);
            let error = Flow::try_from(row).unwrap_err();
            let told = chain(&error);
            assert!(told.contains("flows") && told.contains(column) && !told.contains("s3cret"), "{told}");
        }
    }
}
