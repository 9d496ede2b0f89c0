//! What rows obey, held against settings before they are gone by: when a provider becomes exclusive, or stops being so, its links are
//! brought in line once; an issuer's accounts stay what they were made by.

use std::fmt::Write as _;

use crate::boxed;
use domain::ids::ProviderId;
use domain::jwt::TokenForm;
use domain::{Error, Result};
use settings::Settings;
use store::Store;
use store::provider_rules::{Applied, apply, duplicates, find};

/// What of the settings the rows can't obey: each, a line.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
struct Unfit(Vec<String>);

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

/// What is to be written before these settings are gone by.
#[derive(Default)]
struct Due<'a> {
    /// Providers that become exclusive, or stop being so.
    exclusive: Vec<(&'a ProviderId, bool)>,
    /// By which claim issuers' users are known.
    claims: Vec<(&'a str, &'a str)>,
}

/// Brings rows in line with the settings, all or none: [`Error::Internal`] with all that they can't obey, as an issuer with accounts and
/// a `subject_claim` other than they were made by.
#[boxed]
pub async fn reconcile(store: &Store, settings: &Settings) -> Result<()> {
    let due = due(store, settings).await?;
    if due.exclusive.is_empty() && due.claims.is_empty() {
        return Ok(());
    }
    let mut tx = store.begin().await?;
    for (provider, exclusive) in due.exclusive {
        if apply(tx.conn(), provider, exclusive).await? == Applied::Duplicates {
            drop(tx);
            let shared = shared(store, provider).await?;
            return Err(Error::internal(Unfit(shared.iter().map(ToString::to_string).collect())));
        }
    }
    for (issuer, claim) in due.claims {
        store::issuer_rules::write(tx.conn(), issuer, claim).await?;
    }
    tx.commit().await
}

async fn due<'a>(store: &Store, settings: &'a Settings) -> Result<Due<'a>> {
    let (mut due, mut unfit) = (Due::default(), Vec::new());
    for issuer in &settings.issuers {
        let (name, after) = (issuer.issuer.as_str(), issuer.form.subject_claim.as_str());
        let known = store::issuer_rules::find(&mut store.read().await?, name).await?;
        if known.as_deref() == Some(after) {
            continue;
        }
        // Before this was remembered, it was always `sub`.
        let before = known.unwrap_or_else(|| TokenForm::default().subject_claim);
        if before != after && store::issuer_rules::has_accounts(&mut store.read().await?, name).await? {
            unfit.push(Renamed { issuer: name.to_owned(), before, after: after.to_owned() }.to_string());
        }
        due.claims.push((name, after));
    }
    for (id, provider) in &settings.providers {
        if find(&mut store.read().await?, id).await? == Some(provider.exclusive) {
            continue;
        }
        if provider.exclusive {
            unfit.extend(shared(store, id).await?.iter().map(ToString::to_string));
        }
        due.exclusive.push((id, provider.exclusive));
    }
    if unfit.is_empty() { Ok(due) } else { Err(Error::internal(Unfit(unfit))) }
}

/// The accounts at a provider that several users have, if there are any.
async fn shared(store: &Store, provider: &ProviderId) -> Result<Option<Shared>> {
    let mut accounts = String::new();
    for (sid, owners) in duplicates(&mut store.read().await?, provider).await? {
        let separator = if accounts.is_empty() { "" } else { ", " };
        let _infallible = write!(accounts, "{separator}{sid} ({owners} users)");
    }
    Ok((!accounts.is_empty()).then(|| Shared { provider: provider.to_string(), accounts }))
}
