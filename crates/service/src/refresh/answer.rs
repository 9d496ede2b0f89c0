//! Stores a granted answer. A provider that rotates has already forgotten the old token when it answers, so the answer is
//! written before anything else is done with it.

use std::time::Duration;

use secrecy::SecretString;

use super::chain::Chain;
use crate::token_sets::{Keeping, is_same, open_key, owner, swap};
use crate::{Parts, revoke, scopes};
use domain::expiry::Origin;
use domain::ids::LinkId;
use domain::params::Params;
use domain::refresh::{OnGrant, There, on_grant};
use domain::token::Grant;
use domain::token_set::{LinkOwner, TokenSet};
use domain::{Error, Result};
use store::token_sets::find;
use vault::{Column, Owner};

/// How long to wait before trying again to store an answer when the database is away.
const STORE_AGAIN: Duration = Duration::from_millis(250);

/// What became of a granted answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    /// It is written, and with it every lease is over.
    Written,
    /// Somebody linked again meanwhile: what they brought stays.
    Dropped,
    /// The link is gone.
    Gone,
    /// It could not be stored, and the database has no part in it.
    Failed,
}

/// Stores a granted answer, however often the database has to be asked: it is the only copy of the refresh token there is.
pub(super) async fn land(parts: &Parts, mut there: Replaced, spent: &SecretString, grant: Grant) -> Stored {
    let link = there.link;
    let mut keeping = Keeping {
        access: grant.access_token,
        refresh: grant.refresh_token,
        // Those that are stored stay with the token that replaces the spent one.
        params: Params { fields: grant.fields, ..Params::default() },
        scope: grant.scope,
        origin: Origin::granted(grant.lives, parts.clock.now()),
        refreshed: true,
    };
    let mut held = false;
    loop {
        match store_answer(parts, &mut there, spent, &mut keeping).await {
            Ok(Some(stored)) => return stored,
            Ok(None) => {}
            // The scope is the one text in there that is a provider's. It is worth less than the tokens beside it.
            Err(error) if store::is_refused(&error) && keeping.scope.is_some() => {
                keeping.scope = None;
                tracing::error!(
                    %link, error = %Chain(&error), "the database refuses a refreshed token; it is stored without its scope"
                );
            }
            // Whatever the database says, short of "written": no words of its are worth throwing the token away.
            Err(error) if store::is_of_database(&error) => {
                if !std::mem::replace(&mut held, true) {
                    tracing::error!(%link, error = %Chain(&error), "holding a refreshed token until the database is back");
                }
                tokio::time::sleep(STORE_AGAIN).await;
            }
            Err(error) => {
                tracing::error!(%link, error = %Chain(&error), "a refreshed token could not be stored");
                return Stored::Failed;
            }
        }
    }
}

/// The stored set that an answer replaces.
pub(super) struct Replaced {
    pub(super) link: LinkId,
    pub(super) of: LinkOwner,
    pub(super) set: TokenSet,
}

/// The scopes that the link is to have and the new tokens lack, if it lacked one of them less before; else none.
fn newly_missing(parts: &Parts, of: &LinkOwner, set: &TokenSet, keeping: &Keeping) -> Vec<String> {
    // RFC 6749 §6: a scope that is left out is as it was.
    let Some(granted) = keeping.scope.as_deref() else { return Vec::new() };
    let missing = |scope| scopes::missing_scopes(&parts.settings, &of.provider, scope);
    let (before, now) = (missing(set.scope.as_deref()), missing(Some(granted)));
    if now.iter().all(|scope| before.contains(scope)) { Vec::new() } else { now }
}

/// Writes an answer over a set, if that is still there; in one transaction with what is told of scopes, where there is any.
async fn write(parts: &Parts, owner: Owner<'_>, set: &TokenSet, keeping: &Keeping, missing: &[String]) -> Result<bool> {
    if missing.is_empty() {
        return swap(parts, &mut parts.store.write().await.map_err(may_pass)?, owner, set, keeping).await;
    }
    let mut tx = parts.store.begin().await.map_err(may_pass)?;
    if !swap(parts, tx.conn(), owner, set, keeping).await? {
        return Ok(false);
    }
    scopes::tell(parts, &mut tx, owner, missing).await?;
    tx.commit().await?;
    Ok(true)
}

/// Whatever keeps us from a connection, descriptors that ran out or certificates that cannot be read, may pass.
fn may_pass(error: Error) -> Error {
    Error::StorageUnavailable(Box::new(error))
}

/// Tries once to store an answer over a set; `None`: somebody else wrote meanwhile and it is now what they wrote.
async fn store_answer(
    parts: &Parts,
    there: &mut Replaced,
    spent: &SecretString,
    keeping: &mut Keeping,
) -> Result<Option<Stored>> {
    let Replaced { link, of, set } = there;
    let (link, owner) = (*link, owner(*link, of));
    let missing = newly_missing(parts, of, set, keeping);
    if write(parts, owner, set, keeping, &missing).await? {
        return Ok(Some(Stored::Written));
    }
    let mut conn = parts.store.write().await.map_err(may_pass)?;
    let Some((_, now_there)) = find(&mut conn, link).await? else {
        tracing::warn!(%link, "unlinked during a refresh; the new tokens are to be revoked");
        let tokens = revoke::Tokens { access: keeping.access.clone(), refresh: keeping.refresh.clone() };
        revoke::queue(parts, &mut conn, revoke::Whose::of(&owner), &tokens).await?;
        return Ok(Some(Stored::Gone));
    };
    let read = std::mem::replace(set, now_there).version;
    let key = open_key(parts, set)?;
    let stored = match &set.sealed_refresh {
        Some(sealed) => Some(parts.vault.open(&key, &owner.place(Column::Refresh), sealed)?),
        None => None,
    };
    let there = There { version: set.version, keeps_spent: stored.is_some_and(|stored| is_same(&stored, spent)) };
    match on_grant(read, Some(there)) {
        OnGrant::WriteOver(_) => {}
        OnGrant::Drop | OnGrant::Revoke => return Ok(Some(Stored::Dropped)),
    }
    // The refresh token we spent is still stored: ours must replace it. Of the access tokens the longer-lived stays; where
    // one states no expiry, ours, which is the newer as far as anybody knows; where we got none, theirs.
    let has_none = keeping.access.is_none();
    if has_none {
        keeping.origin.keeps(set.ends.access);
    }
    let gives_way = has_none || set.ends.access.is_some_and(|theirs| keeping.origin.gives_way_to(theirs));
    if let Some(sealed) = set.sealed_access.as_ref().filter(|_| gives_way && !set.rejected) {
        keeping.access = Some(parts.vault.open(&key, &owner.place(Column::Access), sealed)?);
    }
    Ok(None)
}
