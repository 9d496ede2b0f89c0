//! Good news and warnings of links: one that needed its user gives tokens again; a refresh token ends soon. Any number of instances
//! may look for them at once: each is told once.

use crate::audit::{About, record};
use crate::{Parts, boxed};
use domain::Result;
use domain::event::{Actor, Event};
use domain::expiry::{ends_within, next_warning};
use store::news::{Newsworthy, list_ending, list_recovered, told_of_end, told_of_recovery};
use store::{Tx, at};

/// Links of one round.
const BATCH: i64 = 100;

/// Tells what there is to tell; gives how many links that were.
#[boxed]
pub async fn round(parts: &Parts) -> Result<usize> {
    let (now, mut told) = (parts.clock.now(), 0);
    for news in store::read!(parts.store, |conn| list_recovered(conn, BATCH))? {
        let mut tx = parts.store.begin().await?;
        if told_of_recovery(tx.conn(), news.link).await? {
            tell(parts, &mut tx, Event::Recovered, &news, None).await?;
            tx.commit().await?;
            told += 1;
        }
    }
    for news in store::read!(parts.store, |conn| list_ending(conn, at(now), BATCH))? {
        let mut tx = parts.store.begin().await?;
        let next = news.ends.and_then(|ends| next_warning(ends, now));
        if !told_of_end(tx.conn(), &news, next).await? {
            continue;
        }
        // What needs its user already ends no more.
        let soon = news.ends.filter(|_| !news.is_dead).and_then(|ends| ends_within(ends, now));
        if let Some(soon) = soon {
            tell(parts, &mut tx, Event::ExpiresSoon, &news, Some(soon)).await?;
            told += 1;
        }
        tx.commit().await?;
    }
    Ok(told)
}

async fn tell(parts: &Parts, tx: &mut Tx, event: Event, news: &Newsworthy, detail: Option<&str>) -> Result<()> {
    let about = About { subject: Some(&news.subject), provider: news.provider.as_ref(), sid: Some(&news.sid), detail };
    record(parts, tx, event, &Actor::default(), about).await
}
