//! Links across users, for support and for whoever keeps an installation: a page at a time, each in the audit record.

use std::sync::Arc;

use super::Parts;
use super::audit::{self, About};
use super::caller_sized::told;
use super::links::{Listed, listed_detailed};
use super::meters::Limit;
use crate::boxed;
use domain::Result;
use domain::across::Search;
use domain::caller::{Action, Caller};
use domain::event::{Actor, Event};
use domain::ids::{LinkId, Sid, Subject};
use domain::link::Health;
use store::{Lists, Until};

/// Links that one statement looks at.
const LOOK: u16 = 400;
/// How many statements look for one page. What fits may be rare among what they look at; then a page is short, and says where to
/// go on.
const LOOKS: usize = 25;

/// What is asked for.
#[derive(Debug)]
pub struct Wanted {
    /// Which links.
    pub search: Search,
    /// From after this one's key on.
    pub after: Option<LinkId>,
    /// So many at most.
    pub limit: usize,
}

/// A link and whose it is.
#[derive(Debug)]
pub struct Owned {
    /// Whose it is.
    pub subject: Subject,
    /// The link, with all that is known of it.
    pub link: Listed,
}

/// A page of links, in the order of their keys.
#[derive(Debug)]
pub struct Page {
    /// The links: fewer than were asked for, or none, though there may be more.
    pub links: Vec<Owned>,
    /// From after which key on there may be more.
    pub next: Option<LinkId>,
}

/// A page of the links that fit.
#[boxed]
pub async fn search(parts: &Arc<Parts>, caller: &Caller, actor: Actor, wanted: Wanted) -> Result<Page> {
    caller.may_somewhere(Action::SearchLinks)?;
    let place = parts.meters.within(Limit::Lists, parts.caller_sized.place_of(&caller.client).await)?;
    let done = parts.detached(async move |parts| {
        note(&parts, &actor, &wanted.search).await?;
        let until = Until::within(parts.settings.limits.list_timeout);
        let page = read(&parts, parts.store.lists(until).await?, &wanted).await;
        drop(place);
        page
    });
    done.await.map_err(told)
}

/// Writes down who looks, before they see anything.
async fn note(parts: &Parts, actor: &Actor, search: &Search) -> Result<()> {
    let about = About {
        subject: None,
        provider: search.provider(),
        sid: search.sid().map(Sid::as_str),
        detail: search.health().map(Health::as_str),
    };
    audit::note(parts, Event::LinksSearched, actor, about).await
}

async fn read(parts: &Parts, mut lists: Lists, wanted: &Wanted) -> Result<Page> {
    let (keys, next) = keys(&mut lists, wanted).await?;
    if keys.is_empty() {
        return Ok(Page { links: Vec::new(), next });
    }
    let found = lists.list_of_keys(&keys).await?;
    let links = found
        .into_iter()
        .map(|owned| Owned { subject: owned.subject, link: listed_detailed(parts, owned.link, owned.detail) });
    Ok(Page { links: links.collect(), next })
}

/// The keys of a page, and from after which there may be more.
async fn keys(lists: &mut Lists, wanted: &Wanted) -> Result<(Vec<LinkId>, Option<LinkId>)> {
    let (mut keys, mut last) = (Vec::new(), wanted.after.unwrap_or(LinkId(uuid::Uuid::nil())));
    for _ in 0..LOOKS {
        let seen = lists.list_candidates(&wanted.search, last, LOOK).await?;
        for candidate in &seen {
            last = candidate.link;
            if wanted.search.fits(candidate) {
                keys.push(candidate.link);
            }
            if keys.len() >= wanted.limit {
                return Ok((keys, Some(last)));
            }
        }
        if seen.len() < usize::from(LOOK) {
            return Ok((keys, None));
        }
    }
    Ok((keys, Some(last)))
}
