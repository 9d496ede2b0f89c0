//! A bind's end: the account is linked as proven, and its tokens are kept.

use super::{GrantSecrets, unseal};
use crate::token_sets::{Keeping, keep};
use crate::{Parts, links, scopes};
use domain::event::Actor;
use domain::expiry::Origin;
use domain::flow::Flow;
use domain::ids::{ClientId, Subject};
use domain::link::Proof;
use domain::params::Params;
use domain::{Error, Result};
use store::Tx;
use vault::Owner;

/// Who makes a link.
#[derive(Clone, Copy)]
pub(super) struct By<'a> {
    /// The application through which it is made.
    pub(super) client: &'a ClientId,
    /// Who, as the audit record has it.
    pub(super) actor: &'a Actor,
}

/// Makes the link that a flow has come to, in the transaction that has taken the flow out; [`domain::Error::AlreadyLinked`]
/// if the account is exclusively another's.
pub(super) async fn link(parts: &Parts, tx: &mut Tx, by: By<'_>, flow: &Flow, subject: &Subject) -> Result<()> {
    let provider = &flow.provider;
    if !parts.settings.providers.contains_key(provider) {
        // Nor is it known any more whether its accounts are exclusive.
        return Err(Error::input("fp", format!("{provider} is no configured provider any more")));
    }
    let Some((account, sealed)) = flow.stage.account().zip(flow.sealed.as_ref()) else {
        return Err(Error::internal("a flow that came back has no account, or nothing sealed"));
    };
    let making = links::Making {
        subject,
        provider,
        sid: &account.sid,
        user_name: account.user_name.clone(),
        proof: Proof::Proven,
        origin: Some(by.client),
        created: parts.clock.now(),
    };
    // Before anything is believed that the row says; it may also be that no tokens are kept.
    let grant: Option<GrantSecrets> = unseal(parts, flow, sealed)?;
    let id = links::make(parts, tx, by.actor, making).await?;
    let Some(grant) = grant else { return Ok(()) };
    let owner = Owner::new(id, subject, provider, account.sid.as_str());
    let missing = scopes::missing_scopes(&parts.settings, provider, grant.scope.as_deref());
    keep(parts, tx.conn(), owner, &keeping(grant)?).await?;
    scopes::tell(parts, tx, owner, &missing).await
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
