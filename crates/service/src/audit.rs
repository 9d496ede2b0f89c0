//! One line of the audit record for each change, in the change's own transaction, and what others are told of it.

use super::Parts;
use super::outbox::post;
use domain::Result;
use domain::audit::TARGET;
pub(super) use domain::event::About;
use domain::event::{Actor, AuditLine, Event, Field};
use domain::ids::ProviderId;
use settings::Audit;
use store::Tx;
use store::audit::insert;

/// Adds a line: who did what to whom, now. Whoever is told of such is told.
pub(super) async fn record(parts: &Parts, tx: &mut Tx, event: Event, actor: &Actor, about: About<'_>) -> Result<()> {
    write(parts, tx, AuditLine::new(parts.entropy.uuid(), parts.clock.now(), event, actor, about)).await
}

/// Adds a line in a transaction of its own: of what changes nothing, such as a reading, before anybody sees any of it.
pub(super) async fn note(parts: &Parts, event: Event, actor: &Actor, about: About<'_>) -> Result<()> {
    let mut tx = parts.store.begin().await?;
    record(parts, &mut tx, event, actor, about).await?;
    tx.commit().await
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
    log(parts.settings.audit, tx, &[line]);
    Ok(())
}

/// Has lines that a transaction adds told to the log once it is committed, where the operator ships logs.
pub(super) fn log(audit: Audit, tx: &mut Tx, lines: &[AuditLine]) {
    if audit.log {
        let lines = lines.to_vec();
        tx.then(move || lines.iter().for_each(tell));
    }
}

/// One line of the log, with the members that a line has wherever it is shown ([`domain::audit::shape`]).
fn tell(line: &AuditLine) {
    let (rule, actor) = (line.event.rule(), &line.actor);
    tracing::info!(
        target: TARGET,
        id = %line.id,
        ts = line.at.timestamp_millis(),
        "type" = line.event.as_str(),
        proc = rule.process,
        sbj = actor.subject.as_deref(),
        obj = line.subject.as_deref(),
        cId = actor.client.as_deref(),
        ip = actor.claimed_ip.as_deref(),
        ua = actor.claimed_agent.as_deref(),
        fpType = line.provider.as_ref().map(ProviderId::fp_type),
        fpName = line.provider.as_ref().map(ProviderId::fp_name),
        extSid = line.sid.as_deref(),
        detail = line.detail.as_deref(),
        count = rule.has(Field::Count).then_some(line.count),
        "audit"
    );
}
