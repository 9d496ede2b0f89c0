//! Where accounts are known to sign in from: hashes of browsers' cookies and of networks.

use diesel::prelude::*;
use diesel::upsert::excluded;
use diesel_async::RunQueryDsl;

use super::conn::{Conn, on};
use super::error::lift;
use super::schema::known_places;
use super::types::At;
use crate::domain::Result;

/// A place of an account.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = known_places, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
pub(crate) struct KnownPlaceRow {
    pub(crate) subject: String,
    pub(crate) place: Vec<u8>,
    pub(crate) kind: String,
    pub(crate) expires: At,
}

/// Notes a place, or that it is known for longer.
pub(crate) async fn upsert(conn: &mut Conn, row: &KnownPlaceRow) -> Result<()> {
    on!(conn, |c| diesel::insert_into(known_places::table)
        .values(row)
        .on_conflict((known_places::subject, known_places::place))
        .do_update()
        .set(known_places::expires.eq(excluded(known_places::expires)))
        .execute(c))
    .map_err(lift)?;
    Ok(())
}

/// Those of `places` that are known at `now`, of whichever of these subjects.
pub(crate) async fn list(
    conn: &mut Conn,
    subjects: &[&str],
    places: &[Vec<u8>],
    now: At,
) -> Result<Vec<KnownPlaceRow>> {
    let wanted = known_places::subject.eq_any(subjects).and(known_places::place.eq_any(places));
    let known = known_places::table.filter(wanted).filter(known_places::expires.gt(now));
    on!(conn, |c| known.select(KnownPlaceRow::as_select()).load(c)).map_err(lift)
}

/// Gives a place another hash, for every account that it is known of.
pub(crate) async fn replace(conn: &mut Conn, old: &[u8], new: &[u8]) -> Result<()> {
    let those = known_places::table.filter(known_places::place.eq(old));
    on!(conn, |c| diesel::update(those).set(known_places::place.eq(new)).execute(c)).map_err(lift)?;
    Ok(())
}

/// Forgets a subject's places of this kind but for so many, those that are known for longest. The account is held.
pub(crate) async fn trim(conn: &mut Conn, (subject, kind): (&str, &str), most: i64) -> Result<()> {
    let of_kind = || known_places::table.filter(known_places::subject.eq(subject).and(known_places::kind.eq(kind)));
    let order = (known_places::expires.desc(), known_places::place);
    let too_many = of_kind().order(order).offset(most).limit(most).select(known_places::place);
    let too_many: Vec<Vec<u8>> = on!(conn, |c| too_many.load(c)).map_err(lift)?;
    if too_many.is_empty() {
        return Ok(());
    }
    let those = of_kind().filter(known_places::place.eq_any(too_many));
    on!(conn, |c| diesel::delete(those).execute(c)).map_err(lift)?;
    Ok(())
}

/// Forgets every place of a subject.
pub(crate) async fn delete_all(conn: &mut Conn, subject: &str) -> Result<()> {
    let those = known_places::table.filter(known_places::subject.eq(subject));
    on!(conn, |c| diesel::delete(those).execute(c)).map_err(lift)?;
    Ok(())
}

/// Deletes what was known until `now`.
pub(crate) async fn sweep(conn: &mut Conn, now: At) -> Result<()> {
    on!(conn, |c| diesel::delete(known_places::table.filter(known_places::expires.lt(now))).execute(c))
        .map_err(lift)?;
    Ok(())
}
