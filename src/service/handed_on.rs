//! What a provider hands on with a token for whoever uses it, such as the address of an organization's own API: callers get it beside
//! the token (`response_fields`).

use std::collections::BTreeMap;

use super::Parts;
use domain::Result;
use domain::params::Params;
use domain::token_set::HandedOn;
use secrecy::ExposeSecret as _;
use vault::{Column, Owner, Table};

/// What was handed on with a link's tokens, in the clear.
pub(super) fn opened(parts: &Parts, owner: Owner<'_>, found: &HandedOn) -> Result<BTreeMap<String, String>> {
    let key = parts.vault.open_row_key(Table::TokenSets, found.link.0, &found.key_id, &found.wrapped_key)?;
    let params = Params::from_text(&parts.vault.open(&key, &owner.place(Column::Params), &found.sealed_params)?)?;
    Ok(params.fields.iter().map(|(name, value)| (name.to_owned(), value.expose_secret().to_owned())).collect())
}
