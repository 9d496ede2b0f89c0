//! What is not kept: dead letters past their time, and those of a person who is erased.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::conn::{Conn, on};
use crate::error::lift;
use crate::schema::outbox;
use crate::types::At;
use domain::Result;
use domain::ids::{ProviderId, Sid, Subject};

/// Dead letters of one statement.
const BATCH: i64 = 500;

/// Deletes dead letters that were given up by `before`, a batch of them; says whether there may be more.
pub async fn sweep(conn: &mut Conn, before: At) -> Result<bool> {
    let old = diesel::alias!(outbox as old_letters);
    let (seq, dead_at) = (old.field(outbox::seq), old.field(outbox::dead_at));
    let batch = old.filter(dead_at.le(before)).order(dead_at.asc()).limit(BATCH).select(seq);
    let gone = on!(conn, |c| diesel::delete(outbox::table.filter(outbox::seq.eq_any(batch))).execute(c));
    Ok(i64::try_from(gone.map_err(lift)?).is_ok_and(|gone| gone == BATCH))
}

/// Forgets a person, in a transaction: their dead letters go, and those of their accounts that name nobody. What waits is told once,
/// and dropped where it would become a dead letter.
pub async fn forget_person(conn: &mut Conn, subject: &Subject, accounts: &[(ProviderId, Sid)]) -> Result<()> {
    macro_rules! forget {
        ($these:expr) => {
            on!(conn, |c| diesel::delete($these.filter(outbox::dead_at.is_not_null())).execute(c)).map_err(lift)?;
            on!(conn, |c| diesel::update($these.filter(outbox::dead_at.is_null()))
                .set(outbox::forgotten.eq(true))
                .execute(c))
            .map_err(lift)?;
        };
    }
    forget!(outbox::table.filter(outbox::subject.eq(subject.as_str())));
    for (provider, sid) in accounts {
        forget!(
            outbox::table
                .filter(outbox::fp_type.eq(provider.fp_type()))
                .filter(outbox::fp_name.eq(provider.fp_name()))
                .filter(outbox::sid.eq(sid.as_str()))
                .filter(outbox::subject.is_null())
        );
    }
    Ok(())
}
