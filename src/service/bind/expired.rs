//! Flows past their time whose browser never came back to hear of it.

use chrono::{DateTime, Utc};

use super::{record_refusal, revoke_grant};
use crate::domain::Result;
use crate::domain::event::Actor;
use crate::service::Parts;
use crate::store::flows::{FlowRow, delete, list_expired};
use crate::store::{self, at};

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

/// Ends one flow; says whether it was as it was read.
async fn end(parts: &Parts, row: &FlowRow) -> Result<bool> {
    let mut tx = parts.store.begin().await?;
    if !delete(tx.conn(), row).await? {
        return Ok(false);
    }
    revoke_grant(parts, &mut tx, row).await?;
    let actor = Actor { client: Some(row.client.clone()), ..Actor::default() };
    record_refusal(parts, &mut tx, &actor, (row, "flow_expired")).await?;
    tx.commit().await?;
    Ok(true)
}
