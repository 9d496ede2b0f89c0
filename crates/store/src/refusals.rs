//! What providers keep refusing without ever saying that it is for good.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::conn::{Conn, on};
use super::error::lift;
use super::moment::Now;
use super::schema::{links, token_sets};
use super::types::{At, Uuid};
use domain::Result;
use domain::ids::{LinkId, ProviderId};
use domain::standstill::Refused;

/// How a link's token has been refused with this word up to now, if it was refused with it last.
pub async fn find(conn: &mut Conn, link: LinkId, word: &str, now: Now) -> Result<Option<Refused>> {
    let found: Option<(i32, Option<At>, At)> = on!(conn, |c| token_sets::table
        .filter(token_sets::link_id.eq(Uuid(link.0)))
        .filter(token_sets::refused_word.eq(word))
        .select((token_sets::refused_times, token_sets::refused_since, now.moment()))
        .first(c))
    .optional()
    .map_err(lift)?;
    Ok(found.and_then(|(times, since, now)| Some(Refused { times, since: since?.0, now: now.0 })))
}

/// Whether a provider has granted to any link since.
pub async fn has_granted_since(conn: &mut Conn, provider: &ProviderId, since: At) -> Result<bool> {
    let found: QueryResult<Uuid> = on!(conn, |c| links::table
        .inner_join(token_sets::table)
        .filter(links::fp_type.eq(provider.fp_type()))
        .filter(links::fp_name.eq(provider.fp_name()))
        .filter(token_sets::obtained_at.gt(since))
        .select(links::id)
        .first(c));
    Ok(found.optional().map_err(lift)?.is_some())
}
