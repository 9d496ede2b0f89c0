//! One line of the audit record for each change, in the change's own transaction.

use super::Parts;
use crate::domain::Result;
use crate::domain::event::{Actor, Event};
use crate::domain::ids::ProviderId;
use crate::store::Tx;
use crate::store::audit::{AuditRow, insert};

/// What a line speaks of.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct About<'a> {
    /// Whose links.
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
    let row = AuditRow {
        id: crate::store::row_id(parts.entropy.uuid()),
        at: crate::store::at(parts.clock.now()),
        event: event.as_str(),
        client: actor.client.clone(),
        subject: about.subject.map(str::to_owned),
        fp_type: about.provider.map(|provider| provider.fp_type().to_owned()),
        fp_name: about.provider.map(|provider| provider.fp_name().to_owned()),
        sid: about.sid.map(str::to_owned),
        detail: about.detail.map(str::to_owned),
        claimed_ip: actor.claimed_ip.clone(),
        claimed_agent: actor.claimed_agent.clone(),
    };
    insert(tx.conn(), &row).await
}
