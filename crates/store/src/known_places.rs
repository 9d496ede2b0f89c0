//! Where accounts are known to sign in from: hashes of browsers' cookies and of networks.

use diesel::prelude::*;
use diesel::upsert::excluded;
use diesel_async::RunQueryDsl;

use super::conn::{Conn, on};
use super::error::{lift, unreadable};
use super::schema::known_places;
use super::types::At;
use domain::ids::Subject;
use domain::tries::{KnownPlace, PlaceKind};
use domain::{Error, Result};

/// The row of a place of an account.
#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = known_places, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
struct KnownPlaceRow {
    subject: String,
    place: Vec<u8>,
    kind: String,
    expires: At,
}

impl TryFrom<KnownPlaceRow> for KnownPlace {
    type Error = Error;

    fn try_from(row: KnownPlaceRow) -> Result<Self> {
        let unreadable = |column| unreadable("known_places", column);
        Ok(Self {
            subject: Subject::parse(row.subject).map_err(|_malformed| unreadable("subject"))?,
            place: row.place,
            kind: PlaceKind::parse(&row.kind).ok_or_else(|| unreadable("kind"))?,
            expires: row.expires.0,
        })
    }
}

/// Notes a place, or that it is known for longer.
pub async fn upsert(conn: &mut Conn, known: &KnownPlace) -> Result<()> {
    let row = &KnownPlaceRow {
        subject: known.subject.as_str().to_owned(),
        place: known.place.clone(),
        kind: known.kind.as_str().to_owned(),
        expires: At(known.expires),
    };
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
pub async fn list(conn: &mut Conn, subjects: &[&Subject], places: &[Vec<u8>], now: At) -> Result<Vec<KnownPlace>> {
    let subjects = subjects.iter().map(|subject| subject.as_str());
    let wanted = known_places::subject.eq_any(subjects).and(known_places::place.eq_any(places));
    let known = known_places::table.filter(wanted).filter(known_places::expires.gt(now));
    let rows: Vec<KnownPlaceRow> = on!(conn, |c| known.select(KnownPlaceRow::as_select()).load(c)).map_err(lift)?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// All places of a subject.
pub async fn list_of_subject(conn: &mut Conn, subject: &Subject) -> Result<Vec<KnownPlace>> {
    let theirs = known_places::table.filter(known_places::subject.eq(subject.as_str())).order(known_places::expires);
    let rows: Vec<KnownPlaceRow> = on!(conn, |c| theirs.select(KnownPlaceRow::as_select()).load(c)).map_err(lift)?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Gives a place another hash, for every account that it is known of.
pub async fn replace(conn: &mut Conn, old: &[u8], new: &[u8]) -> Result<()> {
    let those = known_places::table.filter(known_places::place.eq(old));
    on!(conn, |c| diesel::update(those).set(known_places::place.eq(new)).execute(c)).map_err(lift)?;
    Ok(())
}

/// Forgets a subject's places of this kind but for so many, those that are known for longest. The account is held.
pub async fn trim(conn: &mut Conn, subject: &Subject, kind: PlaceKind, most: i64) -> Result<()> {
    let (subject, kind) = (subject.as_str(), kind.as_str());
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
pub async fn delete_all(conn: &mut Conn, subject: &str) -> Result<()> {
    let those = known_places::table.filter(known_places::subject.eq(subject));
    on!(conn, |c| diesel::delete(those).execute(c)).map_err(lift)?;
    Ok(())
}

/// Deletes what was known until `now`.
pub async fn sweep(conn: &mut Conn, now: At) -> Result<()> {
    on!(conn, |c| diesel::delete(known_places::table.filter(known_places::expires.lt(now))).execute(c))
        .map_err(lift)?;
    Ok(())
}
