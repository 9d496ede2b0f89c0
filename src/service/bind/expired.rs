//! Flows that end without their browser: past their time, or with the account that they were for.

use chrono::{DateTime, Utc};

use super::{record_refusal, revoke_grant};
use crate::domain::Result;
use crate::domain::event::Actor;
use crate::service::Parts;
use crate::store::flows::{FlowRow, delete, list_expired, take_all};
use crate::store::{self, Tx, at};

/// How many are looked at together.
const BATCH: i64 = 100;

/// Ends every flow that ran out before `before`, each in a transaction of its own.
pub(in crate::service) async fn sweep(parts: &Parts, before: DateTime<Utc>) -> Result<()> {
    loop {
        let expired = store::read!(parts.store, |conn| list_expired(conn, at(before), BATCH))?;
        let mut ended = 0_usize;
        for row in &expired {
            ended += usize::from(end(parts, row).await?);
        }
        // Where others end them all, there is nothing left to do.
        if ended == 0 {
            return Ok(());
        }
    }
}

/// Ends every flow of a subject, in the transaction that changes its account.
pub(in crate::service) async fn end_all(
    parts: &Parts,
    tx: &mut Tx,
    (subject, why): (&str, &'static str),
) -> Result<()> {
    for row in take_all(tx.conn(), subject).await? {
        close(parts, tx, (&row, why)).await?;
    }
    Ok(())
}

/// Ends one flow; says whether it was as it was read.
async fn end(parts: &Parts, row: &FlowRow) -> Result<bool> {
    let mut tx = parts.store.begin().await?;
    if !delete(tx.conn(), row).await? {
        return Ok(false);
    }
    close(parts, &mut tx, (row, "flow_expired")).await?;
    tx.commit().await?;
    Ok(true)
}

/// What is due when a flow's row is gone.
async fn close(parts: &Parts, tx: &mut Tx, (row, detail): (&FlowRow, &'static str)) -> Result<()> {
    revoke_grant(parts, tx, row).await?;
    let actor = Actor { client: Some(row.client.clone()), ..Actor::default() };
    record_refusal(parts, tx, &actor, (row, detail)).await
}
