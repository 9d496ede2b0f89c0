//! A bind's end: the account is linked as proven, and its tokens are kept.

use super::{GrantSecrets, provider_of, unseal};
use crate::domain::event::Actor;
use crate::domain::expiry::Origin;
use crate::domain::ids::{ClientId, Sid, Subject};
use crate::domain::link::Proof;
use crate::domain::params::Params;
use crate::domain::{Error, Result};
use crate::service::token_sets::{Keeping, keep};
use crate::service::{Parts, links};
use crate::store::Tx;
use crate::store::flows::FlowRow;
use crate::vault::Owner;

/// Makes the link that a flow has come to, in the transaction that has taken the flow out; [`crate::domain::Error::AlreadyLinked`]
/// if the account is exclusively another's. `client` is the application through which it was made.
pub(super) async fn link(
    parts: &Parts,
    tx: &mut Tx,
    (client, actor): (&ClientId, &Actor),
    (row, subject): (&FlowRow, &Subject),
) -> Result<()> {
    let provider = provider_of(row)?;
    if !parts.settings.providers.contains_key(&provider) {
        // Nor is it known any more whether its accounts are exclusive.
        return Err(Error::input("fp", format!("{provider} is no configured provider any more")));
    }
    let sid = Sid::parse(row.sid.clone().unwrap_or_default()).map_err(Error::internal)?;
    let making = links::Making {
        subject,
        provider: &provider,
        sid: &sid,
        user_name: row.user_name.clone(),
        proof: Proof::Proven,
        origin: Some(client),
    };
    let Some(sealed) = &row.sealed else { return Err(Error::internal("a flow that came back has nothing sealed")) };
    // Before anything is believed that the row says; it may also be that no tokens are kept.
    let grant: Option<GrantSecrets> = unseal(parts, row, Some(sid.as_str()), sealed)?;
    let id = links::make(parts, tx, actor, making).await?;
    let Some(grant) = grant else { return Ok(()) };
    keep(parts, tx.conn(), Owner::new(id, subject, &provider, sid.as_str()), &keeping(grant)?).await
}

fn keeping(grant: GrantSecrets) -> Result<Keeping> {
    let (lives, obtained) = grant.times()?;
    let params = grant.params.as_ref().map(Params::from_text).transpose()?.unwrap_or_default();
    Ok(Keeping {
        access: grant.access,
        refresh: grant.refresh,
        params,
        scope: grant.scope,
        origin: Origin::granted(lives, obtained),
        refreshed: false,
    })
}
