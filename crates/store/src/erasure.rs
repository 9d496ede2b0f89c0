//! A person who is erased, in other tables than the record: to whom their accounts belong by now, and what waits that names them.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::conn::{Conn, on};
use super::error::lift;
use super::schema::{employees, gone_links, links, revocations};
use super::types::Uuid;
use domain::Result;
use domain::erasure::Account;

/// To whom an account at a provider is linked.
pub async fn list_holders(conn: &mut Conn, account: &Account) -> Result<Vec<String>> {
    on!(conn, |c| links::table
        .filter(links::fp_type.eq(&account.fp_type))
        .filter(links::fp_name.eq(&account.fp_name))
        .filter(links::sid.eq(&account.sid))
        .select(links::subject)
        .load(c))
    .map_err(lift)
}

/// The ids of what a person is, or was, in organizations.
pub async fn list_employments(conn: &mut Conn, subject: &str) -> Result<Vec<uuid::Uuid>> {
    let ids: Vec<Uuid> =
        on!(conn, |c| employees::table.filter(employees::subject.eq(subject)).select(employees::id).load(c))
            .map_err(lift)?;
    Ok(ids.into_iter().map(|id| id.0).collect())
}

/// The accounts of a person's that something names which waits: tokens that are to be revoked, and what links were whose tokens are
/// counted and not in the record yet.
pub async fn list_waiting_accounts(conn: &mut Conn, subject: &str) -> Result<Vec<Account>> {
    let to_revoke: Vec<(String, String, Option<String>)> = on!(conn, |c| revocations::table
        .filter(revocations::subject.eq(subject))
        .select((revocations::fp_type, revocations::fp_name, revocations::sid))
        .load(c))
    .map_err(lift)?;
    let gone: Vec<(String, String, Option<String>)> = on!(conn, |c| gone_links::table
        .filter(gone_links::subject.eq(subject))
        .select((gone_links::fp_type, gone_links::fp_name, gone_links::sid.nullable()))
        .load(c))
    .map_err(lift)?;
    let found = to_revoke.into_iter().chain(gone);
    Ok(found.filter_map(|(fp_type, fp_name, sid)| Some(Account { fp_type, fp_name, sid: sid? })).collect())
}

/// Has the record call a person otherwise, of whom something waits.
pub async fn rename_subject(conn: &mut Conn, subject: &str, mark: &str) -> Result<()> {
    let to_revoke = revocations::table.filter(revocations::subject.eq(subject));
    on!(conn, |c| diesel::update(to_revoke).set(revocations::subject.eq(mark)).execute(c)).map_err(lift)?;
    let gone = gone_links::table.filter(gone_links::subject.eq(subject));
    on!(conn, |c| diesel::update(gone).set(gone_links::subject.eq(mark)).execute(c)).map_err(lift)?;
    Ok(())
}

/// Has the record call an account otherwise, of which something waits, but for what is of its holders.
pub async fn rename_account(conn: &mut Conn, account: &Account, mark: &str, holders: &[String]) -> Result<()> {
    let of_others = revocations::subject.is_null().or(revocations::subject.ne_all(holders).assume_not_null());
    let to_revoke = revocations::table
        .filter(revocations::fp_type.eq(&account.fp_type))
        .filter(revocations::fp_name.eq(&account.fp_name))
        .filter(revocations::sid.eq(&account.sid))
        .filter(of_others);
    on!(conn, |c| diesel::update(to_revoke).set(revocations::erased_sid.eq(mark)).execute(c)).map_err(lift)?;
    let gone = gone_links::table
        .filter(gone_links::fp_type.eq(&account.fp_type))
        .filter(gone_links::fp_name.eq(&account.fp_name))
        .filter(gone_links::sid.eq(&account.sid))
        .filter(gone_links::subject.ne_all(holders));
    on!(conn, |c| diesel::update(gone).set(gone_links::sid.eq(mark)).execute(c)).map_err(lift)?;
    Ok(())
}
