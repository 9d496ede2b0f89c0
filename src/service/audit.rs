//! One line of the audit record for each change, in the change's own transaction.

use super::Parts;
use domain::Result;
use domain::event::{Actor, AuditLine, Event};
use domain::ids::ProviderId;
use store::Tx;
use store::audit::insert;

/// What a line speaks of.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct About<'a> {
    /// The owner of the links.
    pub(super) subject: Option<&'a str>,
    /// At which provider.
    pub(super) provider: Option<&'a ProviderId>,
    /// Which account there.
    pub(super) sid: Option<&'a str>,
    /// A reason code of ours, or which record and by whom.
    pub(super) detail: Option<&'a str>,
}

/// Adds a line: who did what to whom, now.
pub(super) async fn record(parts: &Parts, tx: &mut Tx, event: Event, actor: &Actor, about: About<'_>) -> Result<()> {
    let line = AuditLine {
        id: parts.entropy.uuid(),
        at: parts.clock.now(),
        event,
        actor: actor.clone(),
        subject: about.subject.map(str::to_owned),
        provider: about.provider.cloned(),
        sid: about.sid.map(str::to_owned),
        detail: about.detail.map(str::to_owned),
    };
    insert(tx.conn(), &line).await
}
