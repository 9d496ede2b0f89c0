//! What came with the grants of links, for those who use their tokens.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::conn::{Conn, on};
use super::error::lift;
use super::schema::token_sets;
use super::types::Uuid;
use domain::Result;
use domain::ids::LinkId;
use domain::token_set::HandedOn;

/// What providers have handed on with the tokens of these links; those with nothing that came with a grant are left out.
pub async fn handed_on(conn: &mut Conn, links: &[LinkId]) -> Result<Vec<HandedOn>> {
    let ids: Vec<Uuid> = links.iter().map(|link| Uuid(link.0)).collect();
    let rows: Vec<(Uuid, _, _, Option<_>, _)> = on!(conn, |c| token_sets::table
        .filter(token_sets::link_id.eq_any(&ids).and(token_sets::sealed_params.is_not_null()))
        .select((
            token_sets::link_id,
            token_sets::key_id,
            token_sets::wrapped_key,
            token_sets::sealed_params,
            token_sets::version
        ))
        .load(c))
    .map_err(lift)?;
    let handed_on = rows.into_iter().filter_map(|(link, key_id, wrapped_key, sealed_params, version)| {
        Some(HandedOn { link: LinkId(link.0), key_id, wrapped_key, sealed_params: sealed_params?, version })
    });
    Ok(handed_on.collect())
}
