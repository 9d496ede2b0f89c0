//! What a change has to be told of: a letter for each endpoint that wants such events, in the change's transaction.

use crate::Parts;
use domain::event::AuditLine;
use domain::outbox::Told;
use settings::Webhooks;
use store::outbox::Letter;
use store::{Now, Tx};

/// Queues what is told of a line.
pub(crate) fn post(parts: &Parts, tx: &mut Tx, line: &AuditLine) {
    let letters = letters(&parts.settings.webhooks, line, store::now(parts.clock.now()));
    if !letters.is_empty() {
        tx.post(letters);
        tx.ring(&parts.outbox.bell);
    }
}

/// The letters that a line makes.
pub(crate) fn letters(webhooks: &Webhooks, line: &AuditLine, now: Now) -> Vec<Letter> {
    let wanting = webhooks.values().filter(|webhook| webhook.wants(line.event));
    let letter =
        |webhook: &settings::Webhook| Told::of(line).map(|told| Letter { endpoint: webhook.name.clone(), told, now });
    wanting.filter_map(letter).collect()
}
