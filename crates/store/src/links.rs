//! Links: who owns which account at which provider. One owner of an exclusive account is a unique index, not a check.

mod row;

use diesel::prelude::*;
use diesel::upsert::excluded;
use diesel_async::RunQueryDsl;

use super::conn::{Conn, load, on};
use super::error::{lift, violated};
use super::prepared::written;
use super::schema::{accounts, gone_links, link_uses, links, token_sets};
use super::types::{At, Uuid};
use domain::ids::{LinkId, PARTNER_TYPE, ProviderId, Sid, Subject};
use domain::link::{HeldLink, LinkDetail, LinkSummary, NewLink, Proof};
use domain::{Error, Result};

use row::{AgedRow, HeldRow, NewLinkRow};
pub(crate) use row::{DetailRow, UseRow, detailed};

diesel::define_sql_function! {
    /// The first of the two that is not null.
    fn coalesce(x: diesel::sql_types::Nullable<diesel::sql_types::Text>, y: diesel::sql_types::Nullable<diesel::sql_types::Text>)
        -> diesel::sql_types::Nullable<diesel::sql_types::Text>;
}

/// The value that makes an external account exclusive: the same for every link to it.
pub fn exclusive_key(provider: &ProviderId, sid: &str) -> String {
    // The leading part is the user type of partner links, empty for all others.
    format!("/{}/{}/{sid}", provider.fp_type(), provider.fp_name())
}

/// Whether an account is disabled, and its links, oldest first; `None` if there is no such account.
pub async fn list_of_account(conn: &mut Conn, subject: &Subject) -> Result<Option<(bool, Vec<LinkSummary>)>> {
    let rows: Vec<(Option<At>, Option<AgedRow>)> = load!(
        conn,
        written!(
            accounts::table
                .left_join(links::table.on(links::subject.eq(accounts::subject)))
                .filter(accounts::subject.eq(subject.as_str()))
                .select((accounts::disabled_at, Option::<AgedRow>::as_select()))
        )
    )
    .map_err(lift)?;
    let is_disabled = rows.as_slice().first().map(|(disabled, _)| disabled.is_some());
    let Some(is_disabled) = is_disabled else { return Ok(None) };
    Ok(Some((is_disabled, oldest_first(rows.into_iter().filter_map(|(_, row)| row).collect())?)))
}

/// The links of a subject, whether it has an account or not, oldest first.
pub async fn list_of_subject(conn: &mut Conn, subject: &Subject) -> Result<Vec<LinkSummary>> {
    let rows: Vec<AgedRow> =
        load!(conn, written!(links::table.filter(links::subject.eq(subject.as_str())).select(AgedRow::as_select())))
            .map_err(lift)?;
    oldest_first(rows)
}

/// Few have many: a database that is asked to sort them takes longer than to find them.
fn oldest_first(mut rows: Vec<AgedRow>) -> Result<Vec<LinkSummary>> {
    rows.sort_unstable_by_key(AgedRow::age);
    rows.into_iter().map(|row| row.listed.try_into()).collect()
}

/// What the detailed list shows of a link's tokens, and when one was last handed out.
macro_rules! detail_columns {
    () => {
        (
            token_sets::health.nullable(),
            token_sets::sealed_access.is_not_null().nullable(),
            token_sets::expires_at.nullable(),
            token_sets::obtained_at.nullable(),
            token_sets::imported_at.nullable(),
            token_sets::refresh_expires_at.nullable(),
            token_sets::refused_word.nullable(),
            token_sets::refused_since.nullable(),
            token_sets::scope.nullable(),
            link_uses::last_used.nullable(),
        )
    };
}
pub(crate) use detail_columns;

/// The links of a subject with all that is known of them, oldest first.
pub async fn list_detailed(conn: &mut Conn, subject: &Subject) -> Result<Vec<(LinkSummary, LinkDetail)>> {
    let rows: Vec<(DetailRow, UseRow)> = on!(conn, |c| links::table
        .left_join(token_sets::table)
        .left_join(link_uses::table)
        .filter(links::subject.eq(subject.as_str()))
        .order((links::created.asc(), links::id.asc()))
        .select((DetailRow::as_select(), detail_columns!(),))
        .load(c))
    .map_err(lift)?;
    rows.into_iter().map(|(row, tokens)| detailed(row, tokens)).collect()
}

/// Makes the link or, if the subject has it, updates it: a new name replaces the old, none keeps it; a proof is never
/// lost. Gives the row's id. [`Error::AlreadyLinked`] if the account is exclusively another's; on Postgres the
/// transaction is over then.
pub async fn upsert(conn: &mut Conn, link: &NewLink) -> Result<LinkId> {
    let user_name = coalesce(excluded(links::user_name), links::user_name);
    let target = (links::subject, links::fp_type, links::fp_name, links::sid);
    let row = &NewLinkRow::from(link);
    let written: QueryResult<Uuid> = if link.proof == Proof::Proven {
        on!(conn, |c| diesel::insert_into(links::table)
            .values(row)
            .on_conflict(target)
            .do_update()
            .set((
                links::user_name.eq(user_name),
                links::proof.eq(excluded(links::proof)),
                links::exclusive_key.eq(excluded(links::exclusive_key)),
            ))
            .returning(links::id)
            .get_result(c))
    } else {
        on!(conn, |c| diesel::insert_into(links::table)
            .values(row)
            .on_conflict(target)
            .do_update()
            .set((links::user_name.eq(user_name), links::exclusive_key.eq(excluded(links::exclusive_key))))
            .returning(links::id)
            .get_result(c))
    };
    match written {
        Ok(id) => Ok(LinkId(id.0)),
        Err(error) if violated(&error).is_some_and(|index| index.contains("exclusive_key")) => {
            Err(Error::AlreadyLinked)
        }
        Err(error) => Err(lift(error)),
    }
}

/// Locks the rows of links until the transaction ends, by an update that changes nothing, which both engines have: whoever
/// gives a link its first tokens has updated the link's row before.
macro_rules! hold {
    ($conn:expr, $which:expr) => {
        on!($conn, |c| diesel::update(links::table.filter($which))
            .set(links::subject.eq(links::subject))
            .returning(HeldRow::as_returning())
            .get_results::<HeldRow>(c))
        .map_err(lift)?
        .into_iter()
        .map(HeldLink::try_from)
        .collect::<Result<Vec<_>>>()
    };
}

/// Holds the asserted link that another subject has to an exclusive account.
pub async fn hold_asserted_rival(conn: &mut Conn, key: &str, subject: &Subject) -> Result<Option<HeldLink>> {
    let rival = links::exclusive_key
        .eq(key)
        .and(links::subject.ne(subject.as_str()))
        .and(links::proof.eq(Proof::Asserted.as_str()));
    Ok(hold!(conn, rival)?.pop())
}

/// Holds a subject's link.
pub async fn hold(conn: &mut Conn, subject: &Subject, provider: &ProviderId, sid: &Sid) -> Result<Option<HeldLink>> {
    let this = links::subject
        .eq(subject.as_str())
        .and(links::fp_type.eq(provider.fp_type()))
        .and(links::fp_name.eq(provider.fp_name()))
        .and(links::sid.eq(sid.as_str()));
    Ok(hold!(conn, this)?.pop())
}

/// Holds all links of a subject.
pub async fn hold_all(conn: &mut Conn, subject: &Subject) -> Result<Vec<HeldLink>> {
    hold!(conn, links::subject.eq(subject.as_str()))
}

/// The links by which a subject may come in with a partner's token, each with its partner's name: those that their owner has
/// proven.
pub async fn list_proven_of_partners(conn: &mut Conn, subject: &Subject) -> Result<Vec<(LinkId, String)>> {
    let found: Vec<(Uuid, String)> = on!(conn, |c| links::table
        .filter(links::subject.eq(subject.as_str()))
        .filter(links::fp_type.eq(PARTNER_TYPE).and(links::proof.eq(Proof::Proven.as_str())))
        .select((links::id, links::fp_name))
        .load(c))
    .map_err(lift)?;
    Ok(found.into_iter().map(|(id, name)| (LinkId(id.0), name)).collect())
}

/// Removes a link that is held. What it was is kept until its tokens are in the record, all of them.
pub async fn delete(conn: &mut Conn, link: LinkId, now: At) -> Result<()> {
    let this = links::table.find(Uuid(link.0));
    let gone = this.select((
        links::id,
        links::subject,
        links::fp_type,
        links::fp_name,
        links::sid,
        now.into_sql::<super::types::Instant>(),
    ));
    on!(conn, |c| diesel::insert_into(gone_links::table)
        .values(gone)
        .into_columns((
            gone_links::id,
            gone_links::subject,
            gone_links::fp_type,
            gone_links::fp_name,
            gone_links::sid,
            gone_links::gone
        ))
        .execute(c))
    .map_err(lift)?;
    on!(conn, |c| diesel::delete(links::table.find(Uuid(link.0))).execute(c)).map_err(lift)?;
    Ok(())
}
