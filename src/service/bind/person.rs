//! A bind that a person completes: whoever is signed in at our own page, in the browser that opened the instruction. No
//! application's token and no Condo session counts (DESIGN 8).

use super::{Browser, Ending, Step, back_to_app, end, is_persons};
use crate::domain::event::Actor;
use crate::domain::ids::{ClientId, Subject};
use crate::domain::session::Session;
use crate::domain::{Error, Result};
use crate::service::{Parts, sessions};
use crate::store::accounts;
use crate::store::flows::{self, FlowRow};

/// How a browser stands to a flow, by who is signed in there.
pub(super) enum Standing {
    /// It doesn't matter: the app completes the flow, with a verifier that only it holds.
    Apps,
    /// Whose flow it is, or whose it becomes.
    Theirs(Session),
    /// Nobody is signed in.
    Nobody,
    /// Somebody else is.
    Anothers,
}

/// How the browser stands to the flow now. It is asked at every step: who is signed in may have changed since the last.
pub(super) async fn standing(parts: &Parts, row: &FlowRow, browser: &Browser) -> Result<Standing> {
    if !is_persons(row) {
        return Ok(Standing::Apps);
    }
    Ok(match sessions::find(parts, browser.session()).await? {
        None => Standing::Nobody,
        Some(session) if row.subject.as_deref().is_none_or(|subject| subject == session.subject.as_str()) => {
            Standing::Theirs(session)
        }
        Some(_) => Standing::Anothers,
    })
}

/// Links the account to whose flow it is. Once more who is signed in is asked, in the transaction that makes the link.
pub(super) async fn link(parts: &Parts, row: &FlowRow, browser: &Browser) -> Result<Step> {
    let Some(subject) = &row.subject else {
        return Err(Error::internal("a person's flow that came back is nobody's"));
    };
    let subject = Subject::parse(subject.clone()).map_err(Error::internal)?;
    let client = ClientId::parse(row.client.clone()).map_err(Error::internal)?;
    let actor = Actor { client: Some(row.client.clone()), ..Actor::default() };
    let mut tx = parts.store.begin().await?;
    accounts::hold(tx.conn(), &subject).await?;
    let session = match browser.session() {
        Some(cookie) => sessions::look(parts, tx.conn(), cookie).await?,
        None => None,
    };
    if session.as_ref().is_none_or(|session| session.subject != subject) {
        drop(tx);
        let detail = if session.is_some() { "wrong_user" } else { "signed_out" };
        return end(parts, row, Ending::WrongUser, detail).await;
    }
    if !flows::delete(tx.conn(), row).await? {
        return Ok(Step::Nothing);
    }
    match super::link::link(parts, &mut tx, (&client, &actor), (row, &subject)).await {
        Ok(()) => tx.commit().await?,
        Err(Error::AlreadyLinked) => {
            // It was a constraint that refused, so on Postgres this transaction is over.
            drop(tx);
            return end(parts, row, Ending::AlreadyLinked, "already_linked").await;
        }
        Err(Error::Input { .. }) => {
            drop(tx);
            return end(parts, row, Ending::ProviderError, "provider_gone").await;
        }
        Err(error) => return Err(error),
    }
    Ok(back_to_app(parts, row, &[("status", "linked")]))
}
