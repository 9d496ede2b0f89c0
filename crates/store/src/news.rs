//! What is to be told of links that are alive: that one gives tokens again, that a refresh token ends soon.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::conn::{Conn, on};
use super::error::lift;
use super::marks::dead;
use super::schema::{links, token_sets};
use super::types::{At, Uuid};
use domain::Result;
use domain::ids::{LinkId, ProviderId};
use domain::link::Health;

/// A link of which something is to be told.
#[derive(Clone, Debug)]
pub struct Newsworthy {
    /// The link.
    pub link: LinkId,
    /// Its owner.
    pub subject: String,
    /// At which provider; `None` if it can be none.
    pub provider: Option<ProviderId>,
    /// Which account there.
    pub sid: String,
    /// When its refresh token ends.
    pub ends: Option<DateTime<Utc>>,
    /// When that is to be told.
    pub warning: Option<DateTime<Utc>>,
    /// Whether it needs its user already.
    pub is_dead: bool,
}

type Row = (Uuid, String, String, String, String, Option<At>, Option<At>, String);

macro_rules! columns {
    () => {
        (
            links::id,
            links::subject,
            links::fp_type,
            links::fp_name,
            links::sid,
            token_sets::refresh_expires_at,
            token_sets::warning_at,
            token_sets::health,
        )
    };
}

fn read(rows: QueryResult<Vec<Row>>) -> Result<Vec<Newsworthy>> {
    let news = |(link, subject, fp_type, fp_name, sid, ends, warning, health): Row| Newsworthy {
        link: LinkId(link.0),
        subject,
        provider: ProviderId::from_parts(fp_type, fp_name).ok(),
        sid,
        ends: ends.map(|at| at.0),
        warning: warning.map(|at| at.0),
        is_dead: dead().contains(&health.as_str()),
    };
    Ok(rows.map_err(lift)?.into_iter().map(news).collect())
}

/// Links that needed their users, as it was told, and give tokens again.
pub async fn list_recovered(conn: &mut Conn, limit: i64) -> Result<Vec<Newsworthy>> {
    read(on!(conn, |c| links::table
        .inner_join(token_sets::table)
        .filter(token_sets::announced)
        .filter(token_sets::health.eq(Health::Ok.as_str()))
        .limit(limit)
        .select(columns!())
        .load(c)))
}

/// Takes note that it is told that a link gives tokens again; says whether it was to be told still.
pub async fn told_of_recovery(conn: &mut Conn, link: LinkId) -> Result<bool> {
    let written = on!(conn, |c| diesel::update(token_sets::table.find(Uuid(link.0)))
        .filter(token_sets::announced)
        .filter(token_sets::health.eq(Health::Ok.as_str()))
        .set(token_sets::announced.eq(false))
        .execute(c));
    Ok(written.map_err(lift)? == 1)
}

/// Links whose refresh tokens end soon, where that is to be told by `now`.
pub async fn list_ending(conn: &mut Conn, now: At, limit: i64) -> Result<Vec<Newsworthy>> {
    read(on!(conn, |c| links::table
        .inner_join(token_sets::table)
        .filter(token_sets::warning_at.le(now))
        .order(token_sets::warning_at.asc())
        .limit(limit)
        .select(columns!())
        .load(c)))
}

/// Takes note that it is told that a refresh token ends soon, and when it is next; says whether it was to be told still.
pub async fn told_of_end(conn: &mut Conn, news: &Newsworthy, next: Option<DateTime<Utc>>) -> Result<bool> {
    let written = on!(conn, |c| diesel::update(token_sets::table.find(Uuid(news.link.0)))
        .filter(token_sets::warning_at.eq(news.warning.map(At)))
        .filter(token_sets::refresh_expires_at.eq(news.ends.map(At)))
        .set(token_sets::warning_at.eq(next.map(At)))
        .execute(c));
    Ok(written.map_err(lift)? == 1)
}
