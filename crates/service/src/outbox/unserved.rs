//! What is not kept: dead letters past their time, and what waits for endpoints that no settings name any more.

use crate::{Parts, boxed};
use domain::Result;
use domain::outbox::DEAD_LETTERS;
use store::at;
use store::outbox::{self, find_endpoint_after, give_up_unserved};

/// Sees to both.
#[boxed]
pub async fn sweep(parts: &Parts) -> Result<()> {
    let before = at(parts.clock.now() - DEAD_LETTERS);
    while outbox::sweep(&mut parts.store.write().await?, before).await? {}
    let mut last = String::new();
    loop {
        let after = last.as_str();
        let found = store::read!(parts.store, |conn| find_endpoint_after(conn, after))?;
        let Some(endpoint) = found else { return Ok(()) };
        if !parts.settings.webhooks.contains_key(&endpoint) {
            give_up(parts, &endpoint).await?;
        }
        last = endpoint;
    }
}

async fn give_up(parts: &Parts, endpoint: &str) -> Result<()> {
    let mut all = 0;
    loop {
        let mut tx = parts.store.begin().await?;
        let given_up = give_up_unserved(tx.conn(), endpoint, store::now(parts.clock.now())).await?;
        tx.commit().await?;
        if given_up == 0 {
            break;
        }
        all += given_up;
    }
    if all > 0 {
        tracing::warn!(endpoint, events = all, "events of an endpoint that no settings name are dead letters now");
    }
    Ok(())
}
