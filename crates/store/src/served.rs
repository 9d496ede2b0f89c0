//! Pages of counts on their way into the record, and what the links that they count were.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::conn::{Conn, on};
use super::error::lift;
use super::prepared::Prepare as _;
use super::schema::{gone_links, links, served_pages, served_writers};
use super::types::{At, Uuid};
use domain::ids::{LinkId, ProviderId};
use domain::served::{Head, start_of};
use domain::{Error, Result};

/// What a link is, or was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its owner.
    pub subject: String,
    /// At which provider; `None` if it can be none.
    pub provider: Option<ProviderId>,
    /// Which account there.
    pub sid: String,
}

/// Begins to write a batch of a writer's; says whether it is not written yet. A writer's batches come one after the other.
pub async fn begin(conn: &mut Conn, writer: uuid::Uuid, batch: uuid::Uuid, now: At) -> Result<bool> {
    let this = (served_writers::batch.eq(Uuid(batch)), served_writers::written.eq(now));
    let adding = diesel::insert_into(served_writers::table)
        .values((served_writers::writer.eq(Uuid(writer)), this))
        .on_conflict(served_writers::writer)
        .do_update()
        .set(this);
    let added = diesel::query_dsl::methods::FilterDsl::filter(adding, served_writers::batch.ne(Uuid(batch)));
    let added = on!(conn, |c| added.prepared().execute(c)).map_err(lift)?;
    Ok(added == 1)
}

/// Adds a page; `head` says what it counts and how much of that is in the record.
pub async fn insert(conn: &mut Conn, head: &Head, page: Vec<u8>) -> Result<()> {
    let too_many = |_| Error::internal("a page of counts has too many entries");
    let row = (
        served_pages::id.eq(Uuid(head.id)),
        served_pages::writer.eq(Uuid(head.writer)),
        served_pages::hour.eq(head.hour),
        served_pages::level.eq(head.level),
        served_pages::entries.eq(i32::try_from(head.entries).map_err(too_many)?),
        served_pages::folded.eq(i32::try_from(head.folded).map_err(too_many)?),
        served_pages::written.eq(At(head.written)),
        served_pages::page.eq(page),
    );
    on!(conn, |c| diesel::insert_into(served_pages::table).values(row).execute(c)).map_err(lift)?;
    Ok(())
}

/// The pages there are, without what they count, oldest first; none that is spoilt.
pub async fn list(conn: &mut Conn) -> Result<Vec<Head>> {
    type Row = (Uuid, Uuid, i64, i32, i32, i32, At);
    let columns = (
        served_pages::id,
        served_pages::writer,
        served_pages::hour,
        served_pages::level,
        served_pages::entries,
        served_pages::folded,
        served_pages::written,
    );
    let rows: Vec<Row> = on!(conn, |c| served_pages::table
        .filter(served_pages::level.ge(0))
        .order((served_pages::written, served_pages::id))
        .select(columns)
        .load(c))
    .map_err(lift)?;
    let head = |(id, writer, hour, level, entries, folded, written): Row| Head {
        id: id.0,
        writer: writer.0,
        hour,
        level,
        entries: usize::try_from(entries).unwrap_or_default(),
        folded: usize::try_from(folded).unwrap_or_default(),
        written: written.0,
    };
    Ok(rows.into_iter().map(head).collect())
}

/// What a page counts, as it was packed.
pub async fn find(conn: &mut Conn, id: uuid::Uuid) -> Result<Option<Vec<u8>>> {
    on!(conn, |c| served_pages::table.find(Uuid(id)).select(served_pages::page).first(c)).optional().map_err(lift)
}

/// Deletes pages of which nothing is in the record; says whether all were there.
pub async fn delete(conn: &mut Conn, ids: &[uuid::Uuid]) -> Result<bool> {
    let ids: Vec<_> = ids.iter().map(|id| Uuid(*id)).collect();
    let unfolded = served_pages::table.filter(served_pages::id.eq_any(&ids)).filter(served_pages::folded.eq(0));
    Ok(on!(conn, |c| diesel::delete(unfolded).execute(c)).map_err(lift)? == ids.len())
}

/// Marks entries of a page as being in the record, from the first that was not; the page is gone after its last. Says whether
/// nobody else did: what they count is added in the same transaction.
pub async fn fold(conn: &mut Conn, page: &Head, until: usize) -> Result<bool> {
    let too_many = |_| Error::internal("a page of counts has too many entries");
    let (from, to) = (i32::try_from(page.folded).map_err(too_many)?, i32::try_from(until).map_err(too_many)?);
    let this = served_pages::table.find(Uuid(page.id)).filter(served_pages::folded.eq(from));
    let marked = if until >= page.entries {
        on!(conn, |c| diesel::delete(this).execute(c))
    } else {
        on!(conn, |c| diesel::update(this).set(served_pages::folded.eq(to)).prepared().execute(c))
    };
    Ok(marked.map_err(lift)? == 1)
}

/// Puts a page that can't be read out of the way, for whoever looks into it.
pub async fn set_aside(conn: &mut Conn, id: uuid::Uuid) -> Result<()> {
    let this = diesel::update(served_pages::table.find(Uuid(id))).set(served_pages::level.eq(-1));
    on!(conn, |c| this.execute(c)).map_err(lift)?;
    Ok(())
}

/// What these links are, or were, as far as that is known.
pub async fn names(conn: &mut Conn, ids: &[LinkId]) -> Result<HashMap<LinkId, Named>> {
    type Row = (Uuid, String, String, String, String);
    let ids: Vec<_> = ids.iter().map(|id| Uuid(id.0)).collect();
    let gone: Vec<Row> = on!(conn, |c| gone_links::table
        .filter(gone_links::id.eq_any(&ids))
        .select((gone_links::id, gone_links::subject, gone_links::fp_type, gone_links::fp_name, gone_links::sid))
        .load(c))
    .map_err(lift)?;
    let here: Vec<Row> = on!(conn, |c| links::table
        .filter(links::id.eq_any(&ids))
        .select((links::id, links::subject, links::fp_type, links::fp_name, links::sid))
        .load(c))
    .map_err(lift)?;
    let named = |(id, subject, fp_type, fp_name, sid): Row| {
        (LinkId(id.0), Named { subject, provider: ProviderId::from_parts(fp_type, fp_name).ok(), sid })
    };
    Ok(gone.into_iter().chain(here).map(named).collect())
}

/// Forgets what links were that are gone since before `before`, unless a page may count their tokens, and who wrote last before it;
/// and pages that can't be read and were written before `kept`.
pub async fn sweep(conn: &mut Conn, before: At, kept: At) -> Result<()> {
    let spoilt = served_pages::table.filter(served_pages::level.lt(0));
    on!(conn, |c| diesel::delete(spoilt.filter(served_pages::written.lt(kept))).execute(c)).map_err(lift)?;
    let readable = served_pages::table.filter(served_pages::level.ge(0));
    let first: Option<i64> =
        on!(conn, |c| readable.select(diesel::dsl::min(served_pages::hour)).first(c)).map_err(lift)?;
    let gone = first.and_then(start_of).map_or(before, |counted| At(counted.min(before.0)));
    on!(conn, |c| diesel::delete(gone_links::table.filter(gone_links::gone.lt(gone))).execute(c)).map_err(lift)?;
    on!(conn, |c| diesel::delete(served_writers::table.filter(served_writers::written.lt(before))).execute(c))
        .map_err(lift)?;
    Ok(())
}
