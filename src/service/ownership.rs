//! Single ownership at start: when a provider becomes exclusive, or stops being so, its rows are brought in line once.

use std::fmt::Write as _;

use super::Parts;
use domain::{Error, Result};
use store::provider_rules::{Applied, apply, duplicates, find};

/// Accounts that several users have at a provider that is to be exclusive.
#[derive(Debug, thiserror::Error)]
#[error(
    "{provider} is exclusive, but several users are linked to the same account there: {accounts}. Unlink all but one of each, or set exclusive = false"
)]
struct Shared {
    provider: String,
    accounts: String,
}

/// Brings the links of every provider in line with its `exclusive`; refuses with the list of accounts that have several owners.
pub async fn reconcile(parts: &Parts) -> Result<()> {
    for (id, provider) in &parts.settings.providers {
        let rule = find(&mut parts.store.read().await?, id).await?;
        if rule == Some(provider.exclusive) {
            continue;
        }
        let mut tx = parts.store.begin().await?;
        match apply(tx.conn(), id, provider.exclusive).await? {
            Applied::Done => tx.commit().await?,
            Applied::Duplicates => {
                drop(tx);
                let shared = duplicates(&mut parts.store.read().await?, id).await?;
                let mut accounts = String::new();
                for (sid, owners) in shared {
                    let separator = if accounts.is_empty() { "" } else { ", " };
                    let _infallible = write!(accounts, "{separator}{sid} ({owners} users)");
                }
                return Err(Error::internal(Shared { provider: id.to_string(), accounts }));
            }
        }
    }
    Ok(())
}
