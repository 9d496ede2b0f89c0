//! By which claim each issuer's users are known: what the accounts were made by.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::conn::{Conn, on};
use super::error::lift;
use super::schema::{accounts, issuer_rules};
use domain::Result;

/// The claim that an issuer's accounts were made by; `None` if nothing is known.
pub async fn find(conn: &mut Conn, issuer: &str) -> Result<Option<String>> {
    on!(conn, |c| issuer_rules::table.find(issuer).select(issuer_rules::subject_claim).first(c))
        .optional()
        .map_err(lift)
}

/// Whether an issuer has accounts.
pub async fn has_accounts(conn: &mut Conn, issuer: &str) -> Result<bool> {
    let found: QueryResult<String> =
        on!(conn, |c| accounts::table.filter(accounts::issuer.eq(issuer)).select(accounts::subject).first(c));
    Ok(found.optional().map_err(lift)?.is_some())
}

/// Remembers the claim.
pub async fn write(conn: &mut Conn, issuer: &str, subject_claim: &str) -> Result<()> {
    on!(conn, |c| diesel::insert_into(issuer_rules::table)
        .values((issuer_rules::issuer.eq(issuer), issuer_rules::subject_claim.eq(subject_claim)))
        .on_conflict(issuer_rules::issuer)
        .do_update()
        .set(issuer_rules::subject_claim.eq(subject_claim))
        .execute(c))
    .map_err(lift)?;
    Ok(())
}
