//! One line of the audit record for each change, in the change's own transaction, and what others are told of it.

use super::Parts;
use super::outbox::post;
use domain::Result;
pub(super) use domain::event::About;
use domain::event::{Actor, AuditLine, Event};
use store::Tx;
use store::audit::insert;

/// Adds a line: who did what to whom, now. Whoever is told of such is told.
pub(super) async fn record(parts: &Parts, tx: &mut Tx, event: Event, actor: &Actor, about: About<'_>) -> Result<()> {
    write(parts, tx, AuditLine::new(parts.entropy.uuid(), parts.clock.now(), event, actor, about)).await
}

/// Adds a line of what was done so many times.
#[expect(clippy::too_many_arguments, reason = "a line has that many parts")]
pub(super) async fn record_counted(
    parts: &Parts,
    tx: &mut Tx,
    event: Event,
    actor: &Actor,
    about: About<'_>,
    count: u32,
) -> Result<()> {
    let line = AuditLine::new(parts.entropy.uuid(), parts.clock.now(), event, actor, about);
    write(parts, tx, AuditLine { count, ..line }).await
}

async fn write(parts: &Parts, tx: &mut Tx, line: AuditLine) -> Result<()> {
    insert(tx.conn(), &line).await?;
    post(parts, tx, &line);
    Ok(())
}
