//! A flow as its table holds it.

use diesel::prelude::*;

use super::super::error::{chain, lift, unreadable};
use super::super::schema::flows;
use super::super::types::{At, Uuid};
use domain::flow::{Completer, Flow, FlowState, ProviderAccount, Stage, Visit};
use domain::ids::{ClientId, FlowId, ProviderId, Sid, Subject};
use domain::{Error, Result};

/// A flow as the table holds it.
#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = flows, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
pub(super) struct FlowRow {
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

pub(super) fn read(found: QueryResult<FlowRow>) -> Result<Option<Flow>> {
    found.optional().map_err(lift)?.map(Flow::try_from).transpose()
}

/// Those that can be read. What cannot be keeps no other flow alive.
pub(super) fn readable(found: QueryResult<Vec<FlowRow>>) -> Result<Vec<Flow>> {
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
