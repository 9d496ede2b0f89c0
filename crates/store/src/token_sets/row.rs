//! Token sets as the database holds them.

use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text};

use crate::error::unreadable;
use crate::schema::token_sets;
use crate::types::{At, Id, Instant, Uuid};
use domain::expiry::Ends;
use domain::ids::{LinkId, ProviderId, Sid, Subject};
use domain::link::Health;
use domain::token_set::{LinkOwner, NewTokens, ServingSet, TokenSet};
use domain::{Error, Result};

/// The columns that serving reads.
#[derive(Queryable)]
#[diesel(check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
pub(super) struct ServingRow {
    link_id: Uuid,
    sid: String,
    key_id: String,
    wrapped_key: Vec<u8>,
    sealed_access: Option<Vec<u8>>,
    has_refresh: bool,
    expires_at: Option<At>,
    obtained_at: Option<At>,
    imported_at: Option<At>,
    health: String,
    retry_at: Option<At>,
    version: i64,
}

/// The same, and since when there is the link.
#[derive(Queryable)]
#[diesel(check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
pub(super) struct Dated {
    linked: At,
    pub(super) row: ServingRow,
}

impl Dated {
    /// What puts the oldest link first.
    pub(super) fn age(&self) -> impl Ord + use<> {
        (self.linked.0, self.row.link_id.0)
    }
}

impl TryFrom<ServingRow> for ServingSet {
    type Error = Error;

    /// Moves what is there: serving allocates nothing for it.
    fn try_from(row: ServingRow) -> Result<Self> {
        Ok(Self {
            link: LinkId(row.link_id.0),
            sid: Sid::parse(row.sid).map_err(|_malformed| unreadable("links", "sid"))?,
            key_id: row.key_id,
            wrapped_key: row.wrapped_key,
            sealed_access: row.sealed_access,
            has_refresh: row.has_refresh,
            expires: row.expires_at.map(|at| at.0),
            obtained: row.obtained_at.map(|at| at.0),
            imported: row.imported_at.map(|at| at.0),
            health: health(&row.health)?,
            retry_at: row.retry_at.map(|at| at.0),
            version: row.version,
        })
    }
}

/// The same of many subjects at a time, for each its place among those that were asked for; the columns of a set are null where a
/// link has none, or where there is no link.
#[derive(Queryable)]
#[diesel(check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
#[expect(clippy::struct_excessive_bools, reason = "as many columns are true or false")]
pub(super) struct HeldRow {
    /// What keeps the time fails where it is up.
    _is_in_time: bool,
    place: i64,
    has_account: bool,
    is_disabled: bool,
    link_id: Option<Uuid>,
    sid: Option<String>,
    key_id: Option<String>,
    wrapped_key: Option<Vec<u8>>,
    sealed_access: Option<Vec<u8>>,
    has_refresh: bool,
    expires_at: Option<At>,
    obtained_at: Option<At>,
    imported_at: Option<At>,
    health: Option<String>,
    retry_at: Option<At>,
    version: Option<i64>,
}

/// The columns of [`HeldRow`], in its order.
pub(super) type HeldColumns = (
    Bool,
    BigInt,
    Bool,
    Bool,
    Nullable<Id>,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Binary>,
    Nullable<Binary>,
    Bool,
    Nullable<Instant>,
    Nullable<Instant>,
    Nullable<Instant>,
    Nullable<Text>,
    Nullable<Instant>,
    Nullable<BigInt>,
);

impl HeldRow {
    /// The place; whether the account is disabled, if there is one; the set, if there is one.
    pub(super) fn read(self) -> Result<(i64, Option<bool>, Option<ServingSet>)> {
        let (place, is_disabled) = (self.place, self.has_account.then_some(self.is_disabled));
        let Some(link_id) = self.link_id else { return Ok((place, is_disabled, None)) };
        let missing = |column| unreadable("token_sets", column);
        let row = ServingRow {
            link_id,
            sid: self.sid.ok_or_else(|| unreadable("links", "sid"))?,
            key_id: self.key_id.ok_or_else(|| missing("key_id"))?,
            wrapped_key: self.wrapped_key.ok_or_else(|| missing("wrapped_key"))?,
            sealed_access: self.sealed_access,
            has_refresh: self.has_refresh,
            expires_at: self.expires_at,
            obtained_at: self.obtained_at,
            imported_at: self.imported_at,
            health: self.health.ok_or_else(|| missing("health"))?,
            retry_at: self.retry_at,
            version: self.version.ok_or_else(|| missing("version"))?,
        };
        Ok((place, is_disabled, Some(row.try_into()?)))
    }
}

fn health(text: &str) -> Result<Health> {
    Health::parse(text).ok_or_else(|| unreadable("token_sets", "health"))
}

/// A token set's row, but for who is at it.
#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = token_sets, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
pub(crate) struct TokenRow {
    link_id: Uuid,
    key_id: String,
    wrapped_key: Vec<u8>,
    sealed_access: Option<Vec<u8>>,
    sealed_refresh: Option<Vec<u8>>,
    scope: Option<String>,
    expires_at: Option<At>,
    obtained_at: Option<At>,
    version: i64,
    health: String,
    health_since: Option<At>,
    retry_at: Option<At>,
    failures: i32,
    sealed_params: Option<Vec<u8>>,
    imported_at: Option<At>,
    /// In seconds.
    stated_life: Option<i64>,
    refresh_expires_at: Option<At>,
    warning_at: Option<At>,
    rejected_version: Option<i64>,
}

impl TryFrom<TokenRow> for TokenSet {
    type Error = Error;

    fn try_from(row: TokenRow) -> Result<Self> {
        let life = row.stated_life.map(u64::try_from).transpose();
        Ok(Self {
            link: LinkId(row.link_id.0),
            key_id: row.key_id,
            wrapped_key: row.wrapped_key,
            sealed_access: row.sealed_access,
            sealed_refresh: row.sealed_refresh,
            sealed_params: row.sealed_params,
            scope: row.scope,
            ends: Ends {
                access: row.expires_at.map(|at| at.0),
                life: life.map_err(|_negative| unreadable("token_sets", "stated_life"))?.map(Duration::from_secs),
                refresh: row.refresh_expires_at.map(|at| at.0),
                obtained: row.obtained_at.map(|at| at.0),
                imported: row.imported_at.map(|at| at.0),
                warning: row.warning_at.map(|at| at.0),
            },
            version: row.version,
            health: health(&row.health)?,
            health_since: row.health_since.map(|at| at.0),
            retry_at: row.retry_at.map(|at| at.0),
            failures: row.failures,
            rejected: row.rejected_version == Some(row.version),
        })
    }
}

fn stored_life(ends: &Ends) -> Option<i64> {
    ends.life.and_then(|life| i64::try_from(life.as_secs()).ok())
}

impl From<&TokenSet> for TokenRow {
    fn from(set: &TokenSet) -> Self {
        Self {
            link_id: Uuid(set.link.0),
            key_id: set.key_id.clone(),
            wrapped_key: set.wrapped_key.clone(),
            sealed_access: set.sealed_access.clone(),
            sealed_refresh: set.sealed_refresh.clone(),
            sealed_params: set.sealed_params.clone(),
            scope: set.scope.clone(),
            expires_at: set.ends.access.map(At),
            obtained_at: set.ends.obtained.map(At),
            imported_at: set.ends.imported.map(At),
            stated_life: stored_life(&set.ends),
            refresh_expires_at: set.ends.refresh.map(At),
            warning_at: set.ends.warning.map(At),
            version: set.version,
            health: set.health.as_str().to_owned(),
            health_since: set.health_since.map(At),
            retry_at: set.retry_at.map(At),
            failures: set.failures,
            rejected_version: set.rejected.then_some(set.version),
        }
    }
}

/// The row of a set's owner.
#[derive(Queryable)]
#[diesel(check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
pub(crate) struct OwnerRow {
    subject: String,
    fp_type: String,
    fp_name: String,
    sid: String,
}

impl TryFrom<OwnerRow> for LinkOwner {
    type Error = Error;

    fn try_from(row: OwnerRow) -> Result<Self> {
        let provider = ProviderId::from_parts(row.fp_type, row.fp_name);
        Ok(Self {
            subject: Subject::parse(row.subject).map_err(|_malformed| unreadable("links", "subject"))?,
            provider: provider.map_err(|_malformed| unreadable("links", "fp_name"))?,
            sid: Sid::parse(row.sid).map_err(|_malformed| unreadable("links", "sid"))?,
        })
    }
}

/// The columns of a new version.
#[derive(AsChangeset)]
#[diesel(table_name = token_sets, treat_none_as_null = true)]
pub(super) struct Changes {
    sealed_access: Option<Vec<u8>>,
    sealed_refresh: Option<Vec<u8>>,
    sealed_params: Option<Vec<u8>>,
    scope: Option<String>,
    expires_at: Option<At>,
    obtained_at: Option<At>,
    imported_at: Option<At>,
    /// In seconds.
    stated_life: Option<i64>,
    refresh_expires_at: Option<At>,
    warning_at: Option<At>,
    rejected_version: Option<i64>,
    rejected_at: Option<At>,
    version: i64,
}

impl From<&NewTokens> for Changes {
    fn from(new: &NewTokens) -> Self {
        Self {
            sealed_access: new.sealed_access.clone(),
            sealed_refresh: new.sealed_refresh.clone(),
            sealed_params: new.sealed_params.clone(),
            scope: new.scope.clone(),
            expires_at: new.ends.access.map(At),
            obtained_at: new.ends.obtained.map(At),
            imported_at: new.ends.imported.map(At),
            stated_life: stored_life(&new.ends),
            refresh_expires_at: new.ends.refresh.map(At),
            warning_at: new.ends.warning.map(At),
            rejected_version: None,
            rejected_at: None,
            version: new.version,
        }
    }
}
