//! Flows that end without their browser: past their time, or with the account that they were for.

use chrono::{DateTime, Utc};

use super::{close, through};
use crate::Parts;
use domain::Result;
use domain::erasure::Account;
use domain::flow::{Ended, Flow};
use store::flows::{delete, list_expired, take_all, take_of_nobody};
use store::{self, Tx};

/// How many are looked at together.
const BATCH: i64 = 100;

/// Ends every flow that ran out before `before`, each in a transaction of its own.
pub(crate) async fn sweep(parts: &Parts, before: DateTime<Utc>) -> Result<()> {
    loop {
        let expired = store::read!(parts.store, |conn| list_expired(conn, before, BATCH))?;
        let mut ended = 0_usize;
        for flow in &expired {
            ended += usize::from(end(parts, flow).await?);
        }
        // Where others end them all, there is nothing left to do.
        if ended == 0 {
            return Ok(());
        }
    }
}

/// Ends every flow of a subject, in the transaction that changes its account.
pub(crate) async fn end_all(parts: &Parts, tx: &mut Tx, subject: &str, why: &'static str) -> Result<()> {
    for flow in take_all(tx.conn(), subject).await? {
        close(parts, tx, &through(&flow), &flow, why).await?;
    }
    Ok(())
}

/// Ends every flow for nobody yet that has come back from a provider with this account, in a transaction.
pub(crate) async fn end_of_nobody(parts: &Parts, tx: &mut Tx, account: &Account, why: &'static str) -> Result<()> {
    for flow in take_of_nobody(tx.conn(), account).await? {
        close(parts, tx, &through(&flow), &flow, why).await?;
    }
    Ok(())
}

/// Ends one flow; says whether it was as it was read.
async fn end(parts: &Parts, flow: &Flow) -> Result<bool> {
    let mut tx = parts.store.begin().await?;
    if !delete(tx.conn(), flow).await? {
        return Ok(false);
    }
    close(parts, &mut tx, &through(flow), flow, Ended::Expired.detail()).await?;
    tx.commit().await?;
    Ok(true)
}
