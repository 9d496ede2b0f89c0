//! What waits and what was given up, for whoever keeps an installation.

use std::sync::Arc;

use super::{Waiting, Which};
use crate::audit::{self, About};
use crate::caller_sized::told;
use crate::{Parts, boxed};
use domain::Result;
use domain::caller::{Action, Caller};
use domain::event::{Actor, Event};
use store::Until;
use store::outbox::Page;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Listing {
    /// Which letters.
    pub which: Which,
    /// From after this endpoint's letter of this number on.
    pub after: Option<(String, i64)>,
    /// So many at most.
    pub limit: u16,
}

/// A page of letters.
#[derive(Debug)]
pub struct Listed {
    /// In the order of endpoints and numbers.
    pub letters: Vec<Waiting>,
    /// From after which on there may be more.
    pub next: Option<(String, i64)>,
}

/// A page, for an application.
#[boxed]
pub async fn list(parts: &Arc<Parts>, caller: &Caller, actor: Actor, wanted: Listing) -> Result<Listed> {
    caller.may_somewhere(Action::SeeToEvents)?;
    let place = parts.caller_sized.place_of(&caller.client).await?;
    let done = parts.detached(async move |parts| {
        note(&parts, &actor).await?;
        let listed = wanted.read(&parts).await;
        drop(place);
        listed
    });
    done.await.map_err(told)
}

/// Writes down who looks, before they see anything.
async fn note(parts: &Parts, actor: &Actor) -> Result<()> {
    let about = About { detail: Some("events"), ..About::default() };
    audit::note(parts, Event::AuditSearched, actor, about).await
}

impl Listing {
    /// The page, for whoever may see all.
    #[boxed]
    pub async fn read(&self, parts: &Parts) -> Result<Listed> {
        let mut lists = parts.store.lists(Until::within(parts.settings.limits.list_timeout)).await?;
        let page = Page { after: self.after.clone().unwrap_or_default(), limit: self.limit };
        let letters = lists.list_letters(&self.which, &page).await?;
        let is_full = letters.len() >= usize::from(self.limit);
        let next = letters.last().filter(|_| is_full).map(|last| (last.endpoint.clone(), last.seq));
        Ok(Listed { letters, next })
    }
}
