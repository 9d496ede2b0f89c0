//! A bind that a person completes: whoever is signed in at our own page, in the browser that opened the instruction. No
//! application's token and no Condo session counts (docs/bind.md).

use super::link::{self, By};
use super::{Browser, Step, back_to_app, end, missing_of};
use crate::{Parts, sessions};
use domain::flow::{Ended, Flow, Standing};
use domain::{Error, Result};
use store::{Tx, accounts, flows};

/// How the browser stands to the flow now; the session is looked up only where it matters.
pub(super) async fn standing(parts: &Parts, flow: &Flow, browser: &Browser) -> Result<Standing> {
    let session = if flow.is_persons() { sessions::find(parts, browser.session()).await? } else { None };
    Ok(flow.standing(session))
}

/// Links the account to whose flow it is.
pub(super) async fn link(parts: &Parts, flow: &Flow, browser: &Browser) -> Result<Step> {
    let mut tx = parts.store.begin().await?;
    let ended = match make(parts, &mut tx, flow, browser).await? {
        Made::Linked => {
            tx.commit().await?;
            let missing = missing_of(parts, flow);
            let told = [("status", "linked")].into_iter();
            let told: Vec<_> = told.chain(missing.as_deref().map(|missing| ("missing_scopes", missing))).collect();
            return Ok(back_to_app(parts, flow, &told));
        }
        Made::Moved => return Ok(Step::Nothing),
        Made::Refused(ended) => ended,
    };
    // Where a constraint refused, this transaction is over on Postgres.
    drop(tx);
    end(parts, flow, browser, ended).await
}

/// What became of a person's link.
enum Made {
    /// It is made.
    Linked,
    /// The flow has moved on since it was read.
    Moved,
    /// It is refused.
    Refused(Ended),
}

/// Makes the link. Once more who is signed in is asked, in the transaction that makes it.
async fn make(parts: &Parts, tx: &mut Tx, flow: &Flow, browser: &Browser) -> Result<Made> {
    let Some(subject) = &flow.subject else {
        return Err(Error::internal("a person's flow that came back is nobody's"));
    };
    accounts::hold(tx.conn(), subject).await?;
    let session = match browser.session() {
        Some(cookie) => sessions::look(parts, tx.conn(), cookie).await?,
        None => None,
    };
    match flow.standing(session).person() {
        Ok(Some(_)) => {}
        Ok(None) => return Err(Error::internal("an app's flow is no person's to complete")),
        Err(ended) => return Ok(Made::Refused(ended)),
    }
    if !flows::delete(tx.conn(), flow).await? {
        return Ok(Made::Moved);
    }
    let by = By { client: &flow.client, actor: &browser.actor(flow, Some(subject)) };
    match link::link(parts, tx, by, flow, subject).await {
        Ok(()) => Ok(Made::Linked),
        Err(Error::AlreadyLinked) => Ok(Made::Refused(Ended::AlreadyLinked)),
        Err(Error::Input { .. }) => Ok(Made::Refused(Ended::ProviderGone)),
        Err(error) => Err(error),
    }
}
