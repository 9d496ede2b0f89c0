//! How much waits in the database, for whoever watches it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::dsl::{count_star, min};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::Lists;
use super::conn::{Conn, on};
use super::error::lift;
use super::schema::{outbox, revocations, served_pages};
use super::types::At;
use domain::Result;

/// So many, and since when the oldest of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// How many there are.
    pub count: usize,
    /// Since when the oldest of them waits.
    pub oldest: Option<DateTime<Utc>>,
}

/// What a webhook has before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Webhook {
    /// Events that it is still to be told.
    pub waiting: Waiting,
    /// Events that were given up.
    pub dead: usize,
}

/// All that waits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Tokens that are to be revoked.
    pub revocations: Waiting,
    /// Of each webhook that has anything before it, by its name.
    pub webhooks: BTreeMap<String, Webhook>,
    /// Counts of tokens that are not in the record yet.
    pub served: Waiting,
    /// Those of which nobody can read what they count.
    pub spoilt: usize,
}

impl Lists {
    /// All that waits.
    pub async fn backlog(&mut self) -> Result<Backlog> {
        let (watch, conn) = self.hurried().await?;
        watch.wait(backlog(conn)).await
    }
}

async fn backlog(conn: &mut Conn) -> Result<Backlog> {
    let count = |count: i64| usize::try_from(count).unwrap_or_default();
    let waiting =
        |number: i64, oldest: Option<At>| Waiting { count: count(number), oldest: oldest.map(|oldest| oldest.0) };
    let to_revoke: i64 = on!(conn, |c| revocations::table.select(count_star()).first(c)).map_err(lift)?;
    let oldest = revocations::table.order(revocations::created).select(revocations::created);
    let oldest = on!(conn, |c| oldest.first(c)).optional().map_err(lift)?;
    let to_revoke = waiting(to_revoke, oldest);
    let readable = served_pages::table.filter(served_pages::level.ge(0));
    let pages: i64 = on!(conn, |c| readable.select(count_star()).first(c)).map_err(lift)?;
    let oldest = readable.order(served_pages::written).select(served_pages::written);
    let oldest = on!(conn, |c| oldest.first(c)).optional().map_err(lift)?;
    let pages = waiting(pages, oldest);
    let spoilt: i64 =
        on!(conn, |c| served_pages::table.filter(served_pages::level.lt(0)).select(count_star()).first(c))
            .map_err(lift)?;
    let mut webhooks: BTreeMap<String, Webhook> = BTreeMap::new();
    // The oldest is the first: the index tells it, and how many there are, without a look at a row.
    let to_tell: Vec<(String, i64, Option<i64>)> = on!(conn, |c| outbox::table
        .filter(outbox::dead_at.is_null())
        .group_by(outbox::endpoint)
        .select((outbox::endpoint, count_star(), min(outbox::seq)))
        .load(c))
    .map_err(lift)?;
    for (endpoint, number, first) in to_tell {
        let oldest: Option<At> =
            on!(conn, |c| outbox::table.find(first.unwrap_or_default()).select(outbox::queued_at).first(c))
                .optional()
                .map_err(lift)?;
        webhooks.entry(endpoint).or_default().waiting = waiting(number, oldest);
    }
    let dead: Vec<(String, i64)> = on!(conn, |c| outbox::table
        .filter(outbox::dead_at.is_not_null())
        .group_by(outbox::endpoint)
        .select((outbox::endpoint, count_star()))
        .load(c))
    .map_err(lift)?;
    for (endpoint, number) in dead {
        webhooks.entry(endpoint).or_default().dead = count(number);
    }
    Ok(Backlog { revocations: to_revoke, webhooks, served: pages, spoilt: count(spoilt) })
}
