//! Pages of counts are merged, and folded into the record: a line for each application, link, hour and door.

use std::collections::HashMap;
use std::time::Duration;

use super::audit::log;
use super::counts::line_id;
use super::{Current, Parts};
use crate::boxed;
use chrono::TimeDelta;
use domain::event::{About, Actor, AuditLine, Event};
use domain::ids::LinkId;
use domain::served::{Due, Entry, Head, Page, Step, Whom, next, start_of};
use domain::{Error, Result};
use store::audit::add;
use store::served::{self, Named};

/// How often it is looked what there is to do.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Lines of one transaction: others write in between.
const AT_ONCE: usize = 200;

/// Works until it is dropped.
#[boxed]
pub async fn run(current: Current) {
    let mut rounds = tokio::time::interval(LOOK_EVERY);
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        if let Err(error) = fold(&current.take(), Due::InTime).await {
            tracing::warn!(%error, "what was counted could not be added to the record");
        }
    }
}

/// Folds what is due into the record, and merges what there is much of.
#[boxed]
pub async fn fold(parts: &Parts, due: Due) -> Result<()> {
    loop {
        let pages = store::read!(parts.store, |conn| served::list(conn))?;
        match next(&pages, parts.presence.id, parts.clock.now(), due) {
            None => return Ok(()),
            Some(Step::Merge(pages)) => merge(parts, pages).await?,
            Some(Step::Fold(page)) => fold_page(parts, page).await?,
        }
    }
}

/// Makes one page of several, unless another instance does something with them.
async fn merge(parts: &Parts, heads: Vec<Head>) -> Result<()> {
    let mut merged: Option<Page> = None;
    for head in &heads {
        let Some(page) = read(parts, head).await? else { return Ok(()) };
        merged = Some(match merged {
            None => page,
            Some(merged) => aside(parts, move || absorbed(merged, page)).await?,
        });
    }
    let Some(merged) = merged else { return Ok(()) };
    let head = Head {
        id: parts.entropy.uuid(),
        writer: parts.presence.id,
        hour: merged.hour(),
        level: heads.iter().map(|head| head.level).max().unwrap_or_default() + 1,
        entries: merged.entries().len(),
        folded: 0,
        written: heads.iter().map(|head| head.written).min().unwrap_or_else(|| parts.clock.now()),
    };
    let packed = aside(parts, move || merged.pack()).await?;
    let ids: Vec<_> = heads.iter().map(|head| head.id).collect();
    let mut tx = parts.store.begin().await?;
    if served::delete(tx.conn(), &ids).await? {
        served::insert(tx.conn(), &head, packed).await?;
        tx.commit().await?;
    }
    Ok(())
}

fn absorbed(mut page: Page, other: Page) -> Page {
    page.absorb(other);
    page
}

/// Adds what a page counts to the record, a few hundred lines at a time; what is added is marked in the same transaction, so that it is
/// added once, by whichever instance.
async fn fold_page(parts: &Parts, mut head: Head) -> Result<()> {
    let Some(page) = read(parts, &head).await? else { return Ok(()) };
    while let Some(entries) = page.entries().get(head.folded..).filter(|left| !left.is_empty()) {
        let entries = entries.get(..AT_ONCE).unwrap_or(entries);
        let until = head.folded + entries.len();
        let mut tx = parts.store.begin().await?;
        if !served::fold(tx.conn(), &head, until).await? {
            return Ok(());
        }
        let links: Vec<_> = entries.iter().map(|entry| entry.link).collect();
        let names = served::names(tx.conn(), &links).await?;
        let mut counted: Vec<_> = entries.iter().filter_map(|entry| line(&page, entry, &names)).collect();
        // Another instance may add to the same lines: who takes them in one order waits, and nobody for ever.
        counted.sort_by_key(|line| line.id);
        add(tx.conn(), &counted, parts.entropy.uuid()).await?;
        log(parts.settings.audit, &mut tx, &counted);
        tx.commit().await?;
        head.folded = until;
    }
    Ok(())
}

/// The line of what one taker got of one link in one hour.
fn line(page: &Page, entry: &Entry, names: &HashMap<LinkId, Named>) -> Option<AuditLine> {
    let (taker, of) = (page.taker(entry)?, names.get(&entry.link));
    let subject = of.map(|named| named.subject.as_str());
    let actor = match &taker.whom {
        Whom::Itself => None,
        Whom::Owner => subject,
        Whom::Another(actor) => Some(actor.as_str()),
    };
    let about = About {
        subject,
        provider: of.and_then(|named| named.provider.as_ref()),
        sid: of.map(|named| named.sid.as_str()),
        detail: Some(taker.door.as_str()),
    };
    let actor = Actor { client: Some(taker.client.clone()), subject: actor.map(str::to_owned), ..Actor::default() };
    let at = start_of(page.hour())? + TimeDelta::seconds(i64::from(entry.since));
    let mut line = AuditLine::new(entry.link.0, at, Event::TokensServed, &actor, about);
    // Whom an id names is not asked: whoever is erased has other names then.
    let whom: &[u8] = match &taker.whom {
        Whom::Itself => b"itself",
        Whom::Owner => b"owner",
        Whom::Another(_) => b"another",
    };
    line.id = line_id(&[entry.link.0.as_bytes(), whom], page.hour(), &line);
    line.count = entry.count;
    Some(line)
}

/// What a page counts, if it is still there; what can't be read is put out of the way.
async fn read(parts: &Parts, head: &Head) -> Result<Option<Page>> {
    let Some(packed) = store::read!(parts.store, |conn| served::find(conn, head.id))? else { return Ok(None) };
    let (of, id) = (head.clone(), head.id);
    match aside(parts, move || of.unpack(&packed)).await? {
        Ok(page) => Ok(Some(page)),
        Err(spoilt) => {
            tracing::error!(page = %id, error = %spoilt, "tokens handed out are not in the record: their page is kept");
            served::set_aside(&mut parts.store.write().await?, id).await?;
            Ok(None)
        }
    }
}

/// Where it keeps nobody who serves from serving.
async fn aside<R: Send + 'static>(parts: &Parts, work: impl FnOnce() -> R + Send + 'static) -> Result<R> {
    let threads = parts.counts.merging.handle().map_err(Error::internal)?;
    threads.spawn_blocking(work).await.map_err(Error::internal)
}
