//! What a provider hands on with a token for whoever uses it, such as the address of an organization's own API: callers get it beside
//! the token (`response_fields`, `callback_fields`).

use super::Parts;
use super::tokens::{Asking, Served};
use domain::Result;
use domain::ids::LinkId;
use domain::params::{Params, Texts};
use domain::token_set::HandedOn;
use settings::Provider;
use vault::{Column, Owner, Table};

impl Asking<'_> {
    /// The tokens, each with what the provider has handed on with it.
    pub(super) async fn with_fields(&self, provider: &Provider, mut served: Vec<Served>) -> Result<Vec<Served>> {
        if provider.hands_on_any() {
            // Boxed: most providers hand on nothing.
            Box::pin(self.put_fields(provider, &mut served)).await?;
        }
        Ok(served)
    }

    async fn put_fields(&self, provider: &Provider, served: &mut [Served]) -> Result<()> {
        let links: Vec<LinkId> = served.iter().map(|served| served.link).collect();
        let found = store::read!(self.parts.store, |conn| store::handed_on::handed_on(conn, &links))?;
        for served in served {
            if let Some(found) = found.iter().find(|found| found.link == served.link) {
                let owner = Owner::new(served.link, self.subject, self.provider, &served.sid);
                served.fields = beside(self.parts, provider, owner, served.version, found);
            }
        }
        Ok(())
    }
}

/// What was handed on with a token of this version of the owner's set, as far as the settings still name it. None where the link has other
/// tokens by now, whose fields may be another organization's; none either where it can't be read, since no word about a token is worth
/// the token.
pub(super) fn beside(parts: &Parts, provider: &Provider, owner: Owner<'_>, version: i64, found: &HandedOn) -> Texts {
    if found.version != version {
        return Texts::default();
    }
    match opened(parts, owner, found) {
        Ok(fields) => fields.named(|name| provider.hands_on(name)),
        Err(error) => {
            tracing::error!(link = %found.link, %error, "what a provider handed on cannot be read");
            Texts::default()
        }
    }
}

fn opened(parts: &Parts, owner: Owner<'_>, found: &HandedOn) -> Result<Texts> {
    let key = parts.vault.open_row_key(Table::TokenSets, found.link.0, &found.key_id, &found.wrapped_key)?;
    let text = parts.vault.open(&key, &owner.place(Column::Params), &found.sealed_params)?;
    Params::from_text(&text).map(|params| params.fields)
}
