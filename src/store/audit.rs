//! The audit record, written in the transaction of the change it speaks of.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::conn::{Conn, on};
use super::error::lift;
use super::schema::audit;
use super::types::{At, Uuid};
use crate::domain::Result;

/// One line of the record.
#[derive(Debug, Insertable)]
#[diesel(table_name = audit)]
pub(crate) struct AuditRow {
    pub(crate) id: Uuid,
    pub(crate) at: At,
    pub(crate) event: &'static str,
    pub(crate) client: Option<String>,
    pub(crate) subject: Option<String>,
    pub(crate) fp_type: Option<String>,
    pub(crate) fp_name: Option<String>,
    pub(crate) sid: Option<String>,
    pub(crate) detail: Option<String>,
    pub(crate) claimed_ip: Option<String>,
    pub(crate) claimed_agent: Option<String>,
}

/// Adds a line.
pub(crate) async fn insert(conn: &mut Conn, row: &AuditRow) -> Result<()> {
    on!(conn, |c| diesel::insert_into(audit::table).values(row).execute(c)).map_err(lift)?;
    Ok(())
}
