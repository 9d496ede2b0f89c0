//! Revocations that wait: tokens, sealed, that are to die at their provider.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::conn::{Conn, on};
use super::error::{lift, unreadable};
use super::schema::{flows, links, revocations, token_sets};
use super::types::{At, Uuid};
use domain::flow::FlowState;
use domain::ids::{ProviderId, Sid, Subject};
use domain::revocation::Revocation;
use domain::{Error, Result};

/// The row of a revocation that waits.
#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = revocations, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
struct RevocationRow {
    id: Uuid,
    subject: Option<String>,
    fp_type: String,
    fp_name: String,
    sid: Option<String>,
    key_id: String,
    wrapped_key: Vec<u8>,
    sealed: Vec<u8>,
    attempts: i32,
    retry_at: At,
    created: At,
    erased_sid: Option<String>,
}

impl TryFrom<RevocationRow> for Revocation {
    type Error = Error;

    fn try_from(row: RevocationRow) -> Result<Self> {
        let unreadable = |column| unreadable("revocations", column);
        let provider = ProviderId::from_parts(row.fp_type, row.fp_name);
        Ok(Self {
            id: row.id.0,
            subject: row.subject.map(Subject::parse).transpose().map_err(|_malformed| unreadable("subject"))?,
            provider: provider.map_err(|_malformed| unreadable("fp_name"))?,
            sid: row.sid.map(Sid::parse).transpose().map_err(|_malformed| unreadable("sid"))?,
            key_id: row.key_id,
            wrapped_key: row.wrapped_key,
            sealed: row.sealed,
            attempts: row.attempts,
            retry_at: row.retry_at.0,
            created: row.created.0,
            erased_sid: row.erased_sid,
        })
    }
}

impl From<&Revocation> for RevocationRow {
    fn from(revocation: &Revocation) -> Self {
        Self {
            id: Uuid(revocation.id),
            subject: revocation.subject.as_ref().map(|subject| subject.as_str().to_owned()),
            fp_type: revocation.provider.fp_type().to_owned(),
            fp_name: revocation.provider.fp_name().to_owned(),
            sid: revocation.sid.as_ref().map(|sid| sid.as_str().to_owned()),
            key_id: revocation.key_id.clone(),
            wrapped_key: revocation.wrapped_key.clone(),
            sealed: revocation.sealed.clone(),
            attempts: revocation.attempts,
            retry_at: At(revocation.retry_at),
            created: At(revocation.created),
            erased_sid: revocation.erased_sid.clone(),
        }
    }
}

/// A revocation whose time has come, as it was read.
#[derive(Debug, Clone, Copy, Queryable, Selectable)]
#[diesel(table_name = revocations, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
pub struct Due {
    id: Uuid,
    retry_at: At,
}

/// Queues a revocation.
pub async fn insert(conn: &mut Conn, revocation: &Revocation) -> Result<()> {
    let row = &RevocationRow::from(revocation);
    on!(conn, |c| diesel::insert_into(revocations::table).values(row).execute(c)).map_err(lift)?;
    Ok(())
}

/// Those of a subject, oldest first.
pub async fn list_of_subject(conn: &mut Conn, subject: &Subject) -> Result<Vec<Revocation>> {
    let theirs = revocations::table.filter(revocations::subject.eq(subject.as_str())).order(revocations::created);
    let rows: Vec<RevocationRow> = on!(conn, |c| theirs.select(RevocationRow::as_select()).load(c)).map_err(lift)?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// The providers, by type and name, that have revocations whose time has come.
pub async fn list_providers(conn: &mut Conn, now: At) -> Result<Vec<(String, String)>> {
    on!(conn, |c| revocations::table
        .filter(revocations::retry_at.le(now))
        .select((revocations::fp_type, revocations::fp_name))
        .distinct()
        .load(c))
    .map_err(lift)
}

/// Those of a provider whose time has come, the longest waiting first.
pub async fn list_due(conn: &mut Conn, fp_type: &str, fp_name: &str, now: At, limit: i64) -> Result<Vec<Due>> {
    on!(conn, |c| revocations::table
        .filter(revocations::retry_at.le(now))
        .filter(revocations::fp_type.eq(fp_type))
        .filter(revocations::fp_name.eq(fp_name))
        .order(revocations::retry_at.asc())
        .limit(limit)
        .select(Due::as_select())
        .load(c))
    .map_err(lift)
}

/// Takes a revocation for one attempt, to be over by `until`; nothing if somebody else has taken it since it was read.
pub async fn claim(conn: &mut Conn, due: Due, until: At) -> Result<Option<Revocation>> {
    let row: Option<RevocationRow> = on!(conn, |c| diesel::update(revocations::table.find(due.id))
        .filter(revocations::retry_at.eq(due.retry_at))
        .set((revocations::retry_at.eq(until), revocations::attempts.eq(revocations::attempts + 1)))
        .returning(RevocationRow::as_returning())
        .get_result(c))
    .optional()
    .map_err(lift)?;
    row.map(Revocation::try_from).transpose()
}

/// Puts off a revocation that is still the claimant's.
pub async fn put_off(conn: &mut Conn, claimed: &Revocation, retry_at: At) -> Result<()> {
    on!(conn, |c| diesel::update(revocations::table.find(Uuid(claimed.id)))
        .filter(revocations::retry_at.eq(At(claimed.retry_at)))
        .set(revocations::retry_at.eq(retry_at))
        .execute(c))
    .map_err(lift)?;
    Ok(())
}

/// Puts off all of a provider's whose time has come, none that somebody has taken; it counts as no attempt.
pub async fn put_off_due(conn: &mut Conn, claimed: &Revocation, now: At, retry_at: At) -> Result<()> {
    on!(conn, |c| diesel::update(revocations::table)
        .filter(revocations::retry_at.le(now))
        .filter(revocations::fp_type.eq(claimed.provider.fp_type()))
        .filter(revocations::fp_name.eq(claimed.provider.fp_name()))
        .set(revocations::retry_at.eq(retry_at))
        .execute(c))
    .map_err(lift)?;
    Ok(())
}

/// Ends a revocation that is still the claimant's; gives it as it is now: its person may have been erased since it was claimed.
pub async fn delete(conn: &mut Conn, claimed: &Revocation) -> Result<Option<Revocation>> {
    let row: Option<RevocationRow> = on!(conn, |c| diesel::delete(
        revocations::table.find(Uuid(claimed.id)).filter(revocations::retry_at.eq(At(claimed.retry_at)))
    )
    .returning(RevocationRow::as_returning())
    .get_result(c))
    .optional()
    .map_err(lift)?;
    row.map(Revocation::try_from).transpose()
}

/// An account at a provider, as one entry of the settings has it.
#[derive(Clone, Copy, Debug)]
pub struct Account<'a> {
    /// The entry.
    pub provider: &'a ProviderId,
    /// The account; `None`: any of them.
    pub sid: Option<&'a str>,
}

/// Whether any link to the account holds tokens. Where it is not known whose the tokens are, any link at that provider
/// might be to it: a subject that the bind was for says nothing of who else has linked the account.
pub async fn is_held(conn: &mut Conn, account: Account<'_>) -> Result<bool> {
    let here = links::table
        .inner_join(token_sets::table)
        .filter(links::fp_type.eq(account.provider.fp_type()))
        .filter(links::fp_name.eq(account.provider.fp_name()))
        .filter(token_sets::sealed_access.is_not_null().or(token_sets::sealed_refresh.is_not_null()))
        .select(links::id);
    let found: QueryResult<Uuid> = match account.sid {
        Some(sid) => on!(conn, |c| here.filter(links::sid.eq(sid)).first(c)),
        None => on!(conn, |c| here.first(c)),
    };
    Ok(found.optional().map_err(lift)?.is_some())
}

/// Whether a bind that goes on has tokens of the account, which may become a link's.
pub async fn is_awaited(conn: &mut Conn, account: Account<'_>, now: At) -> Result<bool> {
    let here = flows::table
        .filter(flows::fp_type.eq(account.provider.fp_type()))
        .filter(flows::fp_name.eq(account.provider.fp_name()))
        .filter(flows::state.eq_any([FlowState::Confirming.as_str(), FlowState::Pending.as_str()]))
        .filter(flows::sealed.is_not_null())
        .filter(flows::expires.gt(now))
        .select(flows::id);
    let found: QueryResult<Uuid> = match account.sid {
        Some(sid) => on!(conn, |c| here.filter(flows::sid.eq(sid)).first(c)),
        None => on!(conn, |c| here.first(c)),
    };
    Ok(found.optional().map_err(lift)?.is_some())
}
