//! One line of the audit record for each change, in the change's own transaction.

use super::Parts;
use domain::Result;
pub(super) use domain::event::About;
use domain::event::{Actor, AuditLine, Event};
use store::Tx;
use store::audit::insert;

/// Adds a line: who did what to whom, now.
pub(super) async fn record(parts: &Parts, tx: &mut Tx, event: Event, actor: &Actor, about: About<'_>) -> Result<()> {
    let line = AuditLine::new(parts.entropy.uuid(), parts.clock.now(), event, actor, about);
    insert(tx.conn(), &line).await
}
