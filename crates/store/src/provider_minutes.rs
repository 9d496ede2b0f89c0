//! What providers answered to refreshes, by the minute and the instance that asked.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::conn::{Conn, on};
use super::error::lift;
use super::prepared::Prepare as _;
use super::schema::provider_minutes;
use super::types::Uuid;
use domain::Result;
use domain::ids::ProviderId;

/// The answers of one kind that a provider gave in a minute.
#[derive(Clone, Copy, Debug)]
pub struct Minute<'a> {
    /// Since 1970.
    pub minute: i64,
    /// Who answered.
    pub provider: &'a ProviderId,
    /// What the answers came to.
    pub outcome: &'static str,
    /// How many there were.
    pub count: i64,
    /// How long they took together, in milliseconds.
    pub millis: i64,
}

/// Writes what an instance counted in a minute, all of it; written again, it is the same.
pub async fn write(conn: &mut Conn, instance: uuid::Uuid, counted: Minute<'_>) -> Result<()> {
    let Minute { minute, provider, outcome, count, millis } = counted;
    let sums = (provider_minutes::count.eq(count), provider_minutes::millis.eq(millis));
    let key = (
        provider_minutes::minute.eq(minute),
        provider_minutes::fp_type.eq(provider.fp_type()),
        provider_minutes::fp_name.eq(provider.fp_name()),
        provider_minutes::outcome.eq(outcome),
        provider_minutes::instance.eq(Uuid(instance)),
    );
    let written = diesel::insert_into(provider_minutes::table)
        .values((key, sums))
        .on_conflict((
            provider_minutes::minute,
            provider_minutes::fp_type,
            provider_minutes::fp_name,
            provider_minutes::outcome,
            provider_minutes::instance,
        ))
        .do_update()
        .set(sums);
    on!(conn, |c| written.prepared().execute(c)).map_err(lift)?;
    Ok(())
}

/// Deletes what is older than this minute.
pub async fn sweep(conn: &mut Conn, before: i64) -> Result<()> {
    let old = provider_minutes::table.filter(provider_minutes::minute.lt(before));
    on!(conn, |c| diesel::delete(old).execute(c)).map_err(lift)?;
    Ok(())
}
