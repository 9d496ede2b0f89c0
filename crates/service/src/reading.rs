//! The audit record read: a person's, by them or by who reads everybody's; and across people. A page at a time.

use std::sync::Arc;

use super::Parts;
use super::audit::{self, About};
use super::caller_sized::told;
use super::meters::Limit;
use crate::boxed;
use domain::audit::{Order, Place, Search, Span};
use domain::caller::{Action, Caller};
use domain::event::{Actor, AuditLine, Event};
use domain::ids::{Sid, Subject};
use domain::{Error, Result};
use settings::Subjects;
use store::audit::Page as Stretch;
use store::{Lists, Until, accounts};

/// Lines that one statement looks at, where not all of them fit.
const LOOK: usize = 400;
/// How many statements look for one page. What fits may be rare among what they look at; then a page is short, and says where to
/// go on.
const LOOKS: usize = 25;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Which lines.
    pub search: Search,
    /// In which stretch of the record.
    pub span: Span,
    /// In which order.
    pub order: Order,
    /// So many at most.
    pub limit: usize,
}

/// What is asked for of one person.
#[derive(Clone, Debug)]
pub struct OfPerson {
    /// Whose record.
    pub subject: Subject,
    /// Which stretch of it.
    pub span: Span,
    /// So many lines at most.
    pub limit: usize,
}

/// A page of lines.
#[derive(Debug)]
pub struct Page {
    /// The lines: fewer than were asked for, or none, though there may be more.
    pub lines: Vec<AuditLine>,
    /// Behind which place there may be more.
    pub next: Option<Place>,
}

/// A page of a person's record, newest first. They themselves see what is theirs; who reads everybody's, all of it.
#[boxed]
pub async fn of_person(parts: &Arc<Parts>, caller: &Caller, wanted: OfPerson) -> Result<Page> {
    let subject = wanted.subject.clone();
    caller.may(Action::ReadRecord, &subject)?;
    parts.check_subject(&subject)?;
    let is_known = is_known(parts, caller, &subject).await?;
    let page = in_turn(parts, caller, wanted.into()).await?;
    // Who has no account any more still has a record, for a while, whatever stretch of it is asked for.
    if !is_known && page.lines.is_empty() {
        let any = OfPerson { subject: subject.clone(), span: Span::new(None, None), limit: 1 };
        if in_turn(parts, caller, any.into()).await?.lines.is_empty() {
            return Err(caller.no_such_user(&subject));
        }
    }
    if caller.subject().is_none() {
        return Ok(page);
    }
    let theirs = page.lines.into_iter().filter_map(AuditLine::for_its_subject);
    Ok(Page { lines: theirs.collect(), next: page.next })
}

/// Whether there is such a user; refuses those who may not ask for themselves.
async fn is_known(parts: &Parts, caller: &Caller, subject: &Subject) -> Result<bool> {
    if parts.settings.subjects == Subjects::Any {
        return Ok(true);
    }
    let account = store::read!(parts.store, |conn| accounts::find(conn, subject))?;
    let may_ask = account.as_ref().is_some_and(|account| account.disabled.is_none());
    if caller.subject().is_some() && !may_ask { Err(Error::Denied) } else { Ok(account.is_some()) }
}

/// A page of the record across people, newest first.
#[boxed]
pub async fn across(parts: &Arc<Parts>, caller: &Caller, actor: Actor, wanted: Wanted) -> Result<Page> {
    caller.may_somewhere(Action::SearchRecord)?;
    let place = parts.meters.within(Limit::Lists, parts.caller_sized.place_for(caller).await)?;
    let done = parts.detached(async move |parts| {
        note(&parts, &actor, &wanted.search).await?;
        let page = wanted.read(&parts).await;
        drop(place);
        page
    });
    done.await.map_err(told)
}

/// Writes down who looks, before they see anything.
async fn note(parts: &Parts, actor: &Actor, search: &Search) -> Result<()> {
    let events: Vec<&str> = search.events().iter().map(|event| event.as_str()).collect();
    let events = (!events.is_empty()).then(|| events.join(","));
    let about = About {
        subject: None,
        provider: search.provider(),
        sid: search.sid().map(Sid::as_str),
        detail: events.as_deref(),
    };
    audit::note(parts, Event::AuditSearched, actor, about).await
}

/// Reads in the caller's turn.
async fn in_turn(parts: &Arc<Parts>, caller: &Caller, wanted: Wanted) -> Result<Page> {
    let place = parts.meters.within(Limit::Lists, parts.caller_sized.place_for(caller).await)?;
    let done = parts.detached(async move |parts| {
        let page = wanted.read(&parts).await;
        drop(place);
        page
    });
    done.await.map_err(told)
}

impl From<OfPerson> for Wanted {
    fn from(wanted: OfPerson) -> Self {
        let OfPerson { subject, span, limit } = wanted;
        Self { search: Search::of(subject), span, order: Order::NewestFirst, limit }
    }
}

impl Wanted {
    /// The page, for whoever may see all.
    #[boxed]
    pub async fn read(&self, parts: &Parts) -> Result<Page> {
        let mut lists = parts.store.lists(Until::within(parts.settings.limits.list_timeout)).await?;
        let look = if self.search.is_all_it_goes_by() { self.limit } else { LOOK };
        let limit = u16::try_from(look).map_err(Error::internal)?;
        let mut found = Page { lines: Vec::new(), next: None };
        let mut span = self.span;
        for _ in 0..LOOKS {
            let stretch = Stretch { span, order: self.order, limit };
            let last = self.look(&mut lists, &stretch, &mut found).await?;
            let Some(last) = last else { return Ok(Page { next: None, ..found }) };
            found.next = Some(last);
            if found.lines.len() >= self.limit {
                break;
            }
            span = span.behind(last, self.order);
        }
        Ok(found)
    }

    /// Looks at a stretch and takes what fits, as long as there is room; gives the place of the last that was looked at. None if all
    /// was, and there is no more.
    async fn look(&self, lists: &mut Lists, stretch: &Stretch, found: &mut Page) -> Result<Option<Place>> {
        let seen = lists.list_written(&self.search, stretch).await?;
        let is_all = seen.len() < usize::from(stretch.limit);
        let mut last = None;
        for written in seen {
            if found.lines.len() >= self.limit {
                return Ok(last);
            }
            last = Some(written.place);
            found.lines.extend(written.line.filter(|line| self.search.fits(line)));
        }
        Ok(last.filter(|_| !is_all))
    }
}
