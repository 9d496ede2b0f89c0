//! What nobody set is what nobody thinks of: said in the log whenever settings come into force.

use settings::{Settings, words_on_odds};

/// Tells what the operator may not have meant.
pub fn tell(settings: &Settings) {
    for warning in settings.partner_warnings() {
        tracing::warn!(partner = warning.partner, client = %warning.client, "{}", warning.words);
    }
    for warning in settings.provider_warnings() {
        tracing::warn!(provider = %warning.provider, "{}", warning.words);
    }
    // What is not revoked is told before anybody relies on it.
    for entries in settings.entries_at_odds() {
        tracing::warn!("{}", words_on_odds(&entries));
    }
}
