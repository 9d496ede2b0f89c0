//! What a provider hands on with a token for whoever uses it, such as the address of an organization's own API: callers get it beside
//! the token (`response_fields`).

use std::collections::BTreeMap;

use super::Parts;
use super::tokens::Served;
use domain::Result;
use domain::ids::{LinkId, ProviderId, Subject};
use domain::params::Params;
use domain::token_set::HandedOn;
use secrecy::ExposeSecret as _;
use settings::Provider;
use store::token_sets::handed_on;
use vault::{Column, Owner, Table};

/// The tokens of a subject at a provider, each with what was handed on with it.
pub(super) async fn beside(
    parts: &Parts,
    provider: &Provider,
    subject: &Subject,
    mut served: Vec<Served>,
) -> Result<Vec<Served>> {
    if !provider.response_fields.is_empty() {
        // Boxed: most providers hand on nothing.
        Box::pin(add(parts, &provider.id, subject, &mut served)).await?;
    }
    Ok(served)
}

async fn add(parts: &Parts, provider: &ProviderId, subject: &Subject, served: &mut [Served]) -> Result<()> {
    let links: Vec<LinkId> = served.iter().map(|served| served.link).collect();
    let found = store::read!(parts.store, |conn| handed_on(conn, &links))?;
    for served in served {
        if let Some(found) = found.iter().find(|found| found.link == served.link) {
            served.fields = opened(parts, Owner::new(found.link, subject, provider, &served.sid), found)?;
        }
    }
    Ok(())
}

/// What was handed on with a link's tokens, in the clear.
pub(super) fn opened(parts: &Parts, owner: Owner<'_>, found: &HandedOn) -> Result<BTreeMap<String, String>> {
    let key = parts.vault.open_row_key(Table::TokenSets, found.link.0, &found.key_id, &found.wrapped_key)?;
    let params = Params::from_text(&parts.vault.open(&key, &owner.place(Column::Params), &found.sealed_params)?)?;
    Ok(params.fields.iter().map(|(name, value)| (name.to_owned(), value.expose_secret().to_owned())).collect())
}
