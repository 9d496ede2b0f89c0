//! Assertions of applications that were used: each is good once, which the database says in one statement.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::conn::{Conn, on};
use super::error::lift;
use super::schema::client_assertions;
use super::types::At;
use domain::Result;
use domain::ids::ClientId;

/// Uses an assertion up that can be good until then; says whether it was unused.
pub async fn use_up(conn: &mut Conn, client: &ClientId, jti_hash: &[u8], until: At) -> Result<bool> {
    let written = on!(conn, |c| diesel::insert_into(client_assertions::table)
        .values((
            client_assertions::client.eq(client.as_str()),
            client_assertions::jti_hash.eq(jti_hash),
            client_assertions::until.eq(until),
        ))
        .on_conflict_do_nothing()
        .execute(c));
    Ok(written.map_err(lift)? == 1)
}

/// Forgets those that can't be good any more.
pub async fn sweep(conn: &mut Conn, now: At) -> Result<()> {
    let old = client_assertions::table.filter(client_assertions::until.lt(now));
    on!(conn, |c| diesel::delete(old).execute(c)).map_err(lift)?;
    Ok(())
}
