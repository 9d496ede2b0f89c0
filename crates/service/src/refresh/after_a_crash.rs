//! What a server that died left behind.

use crate::{Parts, boxed};
use domain::Result;
use store::leases::release_all;

/// Ends the leases that a server which died left behind, where only one process serves: call it with the lock in hand. In a
/// fleet they lapse by themselves. The attempts stay on record as unended.
#[boxed]
pub async fn clear_after_a_crash(parts: &Parts) -> Result<()> {
    if parts.store.sqlite_path().is_some() {
        let left = release_all(&mut parts.store.write().await?).await?;
        if left > 0 {
            tracing::warn!(left, "refreshes were under way when the service last ended");
        }
    }
    Ok(())
}
