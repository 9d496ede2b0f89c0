//! Scopes that a link is to have and has not: what is missing, and that it is told.

use super::Parts;
use super::audit::{About, record};
use domain::Result;
use domain::event::{Actor, Event};
use domain::ids::ProviderId;
use domain::reason::Reason;
use domain::scope::missing;
use settings::Settings;
use store::Tx;
use vault::Owner;

/// The scopes that a provider is asked for and has not granted; none if nobody knows what was granted.
pub(super) fn missing_scopes(settings: &Settings, provider: &ProviderId, granted: Option<&str>) -> Vec<String> {
    let Some(provider) = settings.providers.get(provider) else { return Vec::new() };
    missing(provider.scopes.iter().map(String::as_str), granted, &provider.scope_aliases)
}

/// Tells that a link lacks scopes, in the transaction that gives it tokens without them; nothing if none is missing.
pub(super) async fn tell(parts: &Parts, tx: &mut Tx, owner: Owner<'_>, missing: &[String]) -> Result<()> {
    if missing.is_empty() {
        return Ok(());
    }
    let provider = ProviderId::parse(owner.fp_type, owner.fp_name).ok();
    // The code is told to subscribers, the scopes stand in the record.
    let detail = format!("{}: {}", Reason::MissingScopes.as_str(), missing.join(" "));
    let about = About {
        subject: Some(owner.subject),
        provider: provider.as_ref(),
        sid: Some(owner.sid),
        detail: Some(&detail),
    };
    record(parts, tx, Event::ScopesMissing, &Actor::default(), about).await
}
