//! Brings the rows of a provider in line when its accounts become exclusive, or stop being so.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::conn::{Conn, on, take_your_time};
use super::error::{lift, violated};
use super::schema::{links, provider_rules};
use domain::ids::ProviderId;
use domain::{Error, Result};

/// What came of bringing a provider's rows in line.
#[derive(Debug, PartialEq, Eq)]
pub enum Applied {
    /// All rows obey the rule.
    Done,
    /// They can't: at least two subjects have the same account. On Postgres the transaction is over.
    Duplicates,
}

/// Whether a provider's rows were last written as exclusive; `None` if it never had a rule.
pub async fn find(conn: &mut Conn, provider: &ProviderId) -> Result<Option<bool>> {
    on!(conn, |c| provider_rules::table
        .find((provider.fp_type(), provider.fp_name()))
        .select(provider_rules::exclusive)
        .first(c))
    .optional()
    .map_err(lift)
}

/// As [`find`], and keeps the rule from changing until the transaction ends: for who writes a link by it. A SQLite transaction does so
/// by itself.
pub async fn hold(conn: &mut Conn, provider: &ProviderId) -> Result<Option<bool>> {
    if !conn.is_sqlite() {
        let rule = diesel::sql_query("SELECT 1 FROM provider_rules WHERE fp_type = $1 AND fp_name = $2 FOR SHARE")
            .bind::<diesel::sql_types::Text, _>(provider.fp_type())
            .bind::<diesel::sql_types::Text, _>(provider.fp_name());
        on!(conn, |c| rule.execute(c)).map_err(lift)?;
    }
    find(conn, provider).await
}

/// The type and name of every provider that ever had a rule: of all that were ever served.
pub async fn list(conn: &mut Conn) -> Result<Vec<(String, String)>> {
    on!(conn, |c| provider_rules::table.select((provider_rules::fp_type, provider_rules::fp_name)).load(c))
        .map_err(lift)
}

/// Gives every link of the provider its exclusive key, or takes it away, and remembers the rule.
pub async fn apply(conn: &mut Conn, provider: &ProviderId, exclusive: bool) -> Result<Applied> {
    take_your_time(conn).await?;
    // First of all: whoever holds the rule has its link written before, and whoever asks later goes by the new one.
    on!(conn, |c| diesel::insert_into(provider_rules::table)
        .values((
            provider_rules::fp_type.eq(provider.fp_type()),
            provider_rules::fp_name.eq(provider.fp_name()),
            provider_rules::exclusive.eq(exclusive),
        ))
        .on_conflict((provider_rules::fp_type, provider_rules::fp_name))
        .do_update()
        .set(provider_rules::exclusive.eq(exclusive))
        .execute(c))
    .map_err(lift)?;
    let key = if exclusive {
        // In SQL, so that a provider with millions of links is one statement. The parts of a provider's id hold no
        // quote: `[A-Za-z0-9._-]`.
        format!("'/{}/{}/' || sid", provider.fp_type(), provider.fp_name())
    } else {
        "NULL".to_owned()
    };
    let key = diesel::dsl::sql::<diesel::sql_types::Nullable<diesel::sql_types::Text>>(&key);
    let written = on!(conn, |c| diesel::update(
        links::table.filter(links::fp_type.eq(provider.fp_type())).filter(links::fp_name.eq(provider.fp_name())),
    )
    .set(links::exclusive_key.eq(key))
    .execute(c));
    match written {
        Err(error) if violated(&error).is_some() => return Ok(Applied::Duplicates),
        other => other.map_err(lift)?,
    };
    Ok(Applied::Done)
}

/// Accounts that several subjects have: sid and how many, at most twenty.
pub async fn duplicates(conn: &mut Conn, provider: &ProviderId) -> Result<Vec<(String, i64)>> {
    use diesel::dsl::count_star;
    on!(conn, |c| links::table
        .filter(links::fp_type.eq(provider.fp_type()))
        .filter(links::fp_name.eq(provider.fp_name()))
        .group_by(links::sid)
        .having(count_star().gt(1))
        .select((links::sid, count_star()))
        .order(links::sid)
        .limit(20)
        .load(c))
    .map_err(|error: diesel::result::Error| Error::internal(error))
}
