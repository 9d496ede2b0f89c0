//! Which entries of the settings share their grants, as far as providers' metadata has to tell.

use futures_util::future::join_all;

use super::Parts;
use crate::boxed;
use domain::Result;
use domain::ids::ProviderId;
use domain::kin::{self, Entry, Kin};
use store::provider_rules;
use upstream::{Passing, Provider};

/// The entries that share their grants with one; fails in passing where only a provider's metadata could tell, and it can't
/// be had.
pub(super) async fn of(parts: &Parts, provider: &Provider) -> std::result::Result<Kin<ProviderId>, Passing> {
    let client_id = &provider.settings().client_id;
    let mut entries: Vec<Entry<ProviderId>> =
        parts.settings.grant_sources().filter(|entry| entry.client_id == *client_id).collect();
    if kin::is_open(&entries) {
        entries = discovered(parts, entries).await.into_iter().collect::<std::result::Result<_, Passing>>()?;
    }
    Ok(kin::kin_of(&provider.settings().id, &entries))
}

/// The entries with the token endpoints that their issuers name.
async fn discovered(
    parts: &Parts,
    entries: Vec<Entry<ProviderId>>,
) -> Vec<std::result::Result<Entry<ProviderId>, Passing>> {
    join_all(entries.into_iter().map(async |entry| match parts.upstream.provider(&entry.id) {
        Some(provider) if entry.token_endpoint.is_none() => {
            let endpoint = provider.token_endpoint().await?;
            Ok(Entry { token_endpoint: Some(endpoint.into()), ..entry })
        }
        _ => Ok(entry),
    }))
    .await
}

/// Entries that the settings had once. Whose grants they shared nobody knows any more; they may come back, or have been given
/// another name.
pub(super) async fn gone(parts: &Parts) -> Result<Vec<ProviderId>> {
    let known = store::read!(parts.store, |conn| provider_rules::list(conn))?;
    let ids = known.iter().filter_map(|(fp_type, fp_name)| ProviderId::parse(fp_type, fp_name).ok());
    Ok(ids.filter(|id| !parts.settings.providers.contains_key(id)).collect())
}

/// All entries, with the token endpoints that only metadata tells, as far as it can be had.
async fn known(parts: &Parts) -> Vec<Entry<ProviderId>> {
    let entries: Vec<Entry<ProviderId>> = parts.settings.grant_sources().collect();
    if !kin::is_open(&entries) {
        return entries;
    }
    let found = discovered(parts, entries.clone()).await;
    entries.into_iter().zip(found).map(|(entry, found)| found.unwrap_or(entry)).collect()
}

/// Entries that share their grants and agree on what to call an account, each group once; what only metadata can tell and can't be had
/// is passed over.
#[boxed]
pub async fn shared(parts: &Parts) -> Vec<Vec<ProviderId>> {
    let entries = known(parts).await;
    kin::shared(&entries)
}

/// Entries whose tokens are not revoked, though they should be, since they share their grants and don't agree on what to call
/// an account. Asks for metadata where only that can tell; what can't be had is passed over.
#[boxed]
pub async fn at_odds(parts: &Parts) -> Vec<Vec<ProviderId>> {
    let entries = known(parts).await;
    parts.settings.revoking(kin::at_odds(&entries))
}
