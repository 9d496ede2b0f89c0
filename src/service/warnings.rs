//! What nobody set is what nobody thinks of: said in the log whenever settings come into force.

use settings::{Settings, WORDS_ON_UNBOUND_CODES, words_on_odds};

/// Tells what the operator may not have meant.
pub fn tell(settings: &Settings) {
    for warning in settings.partner_warnings() {
        tracing::warn!(partner = warning.partner, client = %warning.client, "{}", warning.words);
    }
    for provider in settings.unbound_codes() {
        tracing::warn!(%provider, "{WORDS_ON_UNBOUND_CODES}");
    }
    // What is not revoked is told before anybody relies on it.
    for entries in settings.entries_at_odds() {
        tracing::warn!("{}", words_on_odds(&entries));
    }
}
