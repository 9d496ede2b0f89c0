//! The outbox: events that endpoints are still to be told, in order, and those that were given up.
//!
//! Whoever adds to a lane holds its row until the commit, so the order of its numbers is the order of its commits. Everybody takes
//! lanes in the order of their keys, and a lane before its letters, so nobody waits in a circle.

mod delivery;
mod erase;
mod lanes;
mod letters;
mod record;
mod replay;

pub use delivery::{DueLane, Failure, Gone, Head, done, find_head, give_up, list_due, put_off, release, take};
pub use erase::{forget_person, sweep};
pub use lanes::{UNSERVED, find_endpoint_after, give_up_unserved, tidy};
pub use letters::{Page, Waiting, Which, list_of_subject};
pub use record::{Recorded, find_recorded};
pub use replay::{DeadKey, list_dead, list_dead_of_id, revive};
#[cfg(test)]
pub(crate) use {letters::statement as letters_statement, record::statement as record_statement};

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::conn::{Conn, on};
use super::error::lift;
use super::moment::Now;
use super::prepared::Prepare as _;
use super::schema::outbox;
use super::types::{At, Uuid};
use domain::Result;
use domain::outbox::Told;

/// An event for an endpoint.
#[derive(Clone, Debug)]
pub struct Letter {
    /// For whom.
    pub endpoint: String,
    /// What they are told.
    pub told: Told,
    /// Since when it waits.
    pub now: Now,
}

/// Writes letters, each lane's in their order; what waits already is not queued twice, and what was given up waits again. The
/// lanes are held from here to the commit, which should be next.
pub(super) async fn write(conn: &mut Conn, mut letters: Vec<Letter>) -> Result<usize> {
    letters.sort_by(|one, other| (&one.endpoint, one.told.lane()).cmp(&(&other.endpoint, other.told.lane())));
    let (mut held, mut written) = (None, 0);
    for letter in &letters {
        let lane = Some((&letter.endpoint, letter.told.lane()));
        if held != lane {
            lanes::hold(conn, &letter.endpoint, Uuid(letter.told.lane()), letter.now).await?;
            held = lane;
        }
        written += insert(conn, letter).await?;
    }
    Ok(written)
}

async fn insert(conn: &mut Conn, letter: &Letter) -> Result<usize> {
    let Letter { endpoint, told, now } = letter;
    let provider = told.provider.as_ref();
    let queued = diesel::insert_into(outbox::table)
        .values((
            outbox::endpoint.eq(endpoint),
            outbox::lane.eq(Uuid(told.lane())),
            outbox::id.eq(Uuid(told.id)),
            outbox::at.eq(At(told.at)),
            outbox::event.eq(&told.event),
            outbox::subject.eq(told.subject.as_deref()),
            outbox::fp_type.eq(provider.map(|(fp_type, _)| fp_type.as_str())),
            outbox::fp_name.eq(provider.map(|(_, fp_name)| fp_name.as_str())),
            outbox::sid.eq(told.sid.as_deref()),
            outbox::reason.eq(told.reason.as_deref()),
            outbox::replayed.eq(told.replayed),
            outbox::queued_at.eq(now.moment()),
            outbox::forgotten.eq(false),
        ))
        .on_conflict((outbox::id, outbox::endpoint))
        .do_update()
        .set((
            outbox::dead_at.eq(None::<At>),
            outbox::failure.eq(None::<String>),
            outbox::replayed.eq(true),
            outbox::queued_at.eq(now.moment()),
        ));
    let queued = diesel::query_dsl::methods::FilterDsl::filter(queued, outbox::dead_at.is_not_null());
    on!(conn, |c| queued.prepared().execute(c)).map_err(lift)
}

/// What is read of a letter.
#[derive(Queryable, QueryableByName)]
#[diesel(table_name = outbox, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
struct ToldRow {
    id: Uuid,
    at: At,
    event: String,
    subject: Option<String>,
    fp_type: Option<String>,
    fp_name: Option<String>,
    sid: Option<String>,
    reason: Option<String>,
    replayed: bool,
}

macro_rules! told_columns {
    () => {
        (
            outbox::id,
            outbox::at,
            outbox::event,
            outbox::subject,
            outbox::fp_type,
            outbox::fp_name,
            outbox::sid,
            outbox::reason,
            outbox::replayed,
        )
    };
}
use told_columns;

impl From<ToldRow> for Told {
    fn from(row: ToldRow) -> Self {
        Self {
            id: row.id.0,
            at: row.at.0,
            event: row.event,
            subject: row.subject,
            provider: row.fp_type.zip(row.fp_name),
            sid: row.sid,
            reason: row.reason,
            replayed: row.replayed,
        }
    }
}
