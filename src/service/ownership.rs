//! What rows obey, held against the settings at start: when a provider becomes exclusive, or stops being so, its links are brought in
//! line once; an issuer's accounts stay what they were made by.

use std::fmt::Write as _;

use super::Parts;
use domain::jwt::TokenForm;
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

/// An issuer whose users would all be called otherwise.
#[derive(Debug, thiserror::Error)]
#[error(
    "the users of {issuer} have accounts here by the claim {before:?}; with subject_claim = {after:?} they would be strangers, or others. Put subject_claim back"
)]
struct Renamed {
    issuer: String,
    before: String,
    after: String,
}

/// Refuses an issuer that has accounts, and a `subject_claim` other than they were made by.
pub async fn keep_issuers(parts: &Parts) -> Result<()> {
    for issuer in &parts.settings.issuers {
        let (name, after) = (issuer.issuer.as_str(), issuer.form.subject_claim.as_str());
        let known = store::issuer_rules::find(&mut parts.store.read().await?, name).await?;
        if known.as_deref() == Some(after) {
            continue;
        }
        // Before this was remembered, it was always `sub`.
        let before = known.unwrap_or_else(|| TokenForm::default().subject_claim);
        if before != after && store::issuer_rules::has_accounts(&mut parts.store.read().await?, name).await? {
            return Err(Error::internal(Renamed { issuer: name.to_owned(), before, after: after.to_owned() }));
        }
        store::issuer_rules::write(&mut parts.store.write().await?, name, after).await?;
    }
    Ok(())
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
