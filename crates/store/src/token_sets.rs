//! Token sets: sealed tokens and what is known of them. Written by compare-and-swap alone, since a ciphertext belongs to
//! its row: an upsert could leave one sealed for another.

pub(crate) mod many;
mod row;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::conn::{Conn, load, on};
use super::error::lift;
use super::prepared::{Prepare as _, written};
use super::schema::{accounts, links, token_sets};
use super::types::{At, Shared, Uuid};
use domain::Result;
use domain::ids::{LinkId, ProviderId, Subject};
use domain::link::Health;
use domain::token_set::{LinkOwner, NewTokens, ServingSet, TokenSet};

pub use many::{Found, Wanted};
use row::{Changes, Dated, ServingRow};
pub(crate) use row::{OwnerRow, TokenRow};

/// What becomes of all that is known of a set's refresh token: its health, and who is at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Past {
    /// It is over: the refresh token is new, or has just worked.
    Over,
    /// What was held against the refresh token is over; who is at it stays, since the refresh token is the same.
    Forgiven,
    /// It stays, a lease and an unended attempt included: the refresh token is the same.
    Stays,
}

/// Nobody at it, and no attempt unended.
#[derive(Debug, AsChangeset)]
#[diesel(table_name = token_sets, treat_none_as_null = true)]
struct NoAttempt {
    attempt: Option<Uuid>,
    lease_until: Option<At>,
    unclosed_by: Option<Uuid>,
    abandoned: bool,
}

/// Nothing held against a refresh token.
#[derive(Debug, AsChangeset)]
#[diesel(table_name = token_sets, treat_none_as_null = true)]
struct NoGrudge {
    health: &'static str,
    health_since: Option<At>,
    retry_at: Option<At>,
    failed_at: Option<At>,
    failures: i32,
    notice_at: Option<At>,
    second_look: bool,
    told: bool,
    refused_word: Option<String>,
    refused_since: Option<At>,
    refused_times: i32,
}

impl Past {
    fn changes(self) -> (Option<NoAttempt>, Option<NoGrudge>) {
        let no_attempt = NoAttempt { attempt: None, lease_until: None, unclosed_by: None, abandoned: false };
        let no_grudge = NoGrudge {
            health: Health::Ok.as_str(),
            health_since: None,
            retry_at: None,
            failed_at: None,
            failures: 0,
            notice_at: None,
            second_look: false,
            told: false,
            refused_word: None,
            refused_since: None,
            refused_times: 0,
        };
        match self {
            Self::Over => (Some(no_attempt), Some(no_grudge)),
            Self::Forgiven => (None, Some(no_grudge)),
            Self::Stays => (None, None),
        }
    }
}

macro_rules! serving_columns {
    () => {
        (
            token_sets::link_id,
            links::sid,
            token_sets::key_id,
            token_sets::wrapped_key,
            // One that was rejected is kept, and handed out no more.
            diesel::dsl::case_when(
                token_sets::rejected_version
                    .is_null()
                    .or(token_sets::rejected_version.assume_not_null().ne(token_sets::version)),
                token_sets::sealed_access,
            ),
            token_sets::sealed_refresh.is_not_null(),
            token_sets::expires_at,
            token_sets::obtained_at,
            token_sets::imported_at,
            token_sets::health,
            token_sets::retry_at,
            token_sets::version,
        )
    };
}

/// What there is to serve of a subject's at a provider.
#[derive(Debug)]
pub enum Holdings {
    /// The subject has no account, and would have to.
    NoAccount,
    /// The subject's account is disabled, and serves nobody.
    Disabled,
    /// These token sets, oldest link first.
    Sets(Vec<ServingSet>),
}

/// What an account has at a provider. Why there is nothing is asked only where there is nothing: serving costs no more than
/// before accounts could be disabled.
pub async fn list_of_account(conn: &mut Conn, subject: &Subject, provider: &ProviderId) -> Result<Holdings> {
    // Two plain left joins: SQLite would materialise a joined pair on the right of one, every link of every subject.
    let rows: Vec<Option<Dated>> = load!(
        &mut *conn,
        written!(
            accounts::table
                .left_join(
                    links::table.on(links::subject
                        .eq(accounts::subject)
                        .and(links::fp_type.eq(Shared::from(provider.fp_type())))
                        .and(links::fp_name.eq(Shared::from(provider.fp_name()))))
                )
                .left_join(token_sets::table.on(token_sets::link_id.nullable().eq(links::id.nullable())))
                .filter(accounts::subject.eq(subject.as_str()).and(accounts::disabled_at.is_null()))
                .select((links::created, serving_columns!()).nullable())
        )
    )
    .map_err(lift)?;
    if rows.is_empty() {
        return why_nothing(conn, subject).await;
    }
    read(rows)
}

/// What a subject has at a provider, whether it has an account or not.
pub async fn list_of_subject(conn: &mut Conn, subject: &Subject, provider: &ProviderId) -> Result<Holdings> {
    let rows: Vec<Option<Dated>> = load!(
        &mut *conn,
        written!(
            links::table
                .inner_join(token_sets::table)
                .left_join(accounts::table.on(accounts::subject.eq(links::subject)))
                .filter(links::subject.eq(subject.as_str()))
                .filter(links::fp_type.eq(provider.fp_type()))
                .filter(links::fp_name.eq(provider.fp_name()))
                .filter(accounts::disabled_at.is_null())
                .select((links::created, serving_columns!()).nullable())
        )
    )
    .map_err(lift)?;
    if rows.is_empty()
        && let Holdings::Disabled = why_nothing(conn, subject).await?
    {
        return Ok(Holdings::Disabled);
    }
    read(rows)
}

/// The token sets of these rows, in the order of their links: there is one as a rule, and a database that is asked to sort copies each
/// row once more, however many there are.
fn read(mut rows: Vec<Option<Dated>>) -> Result<Holdings> {
    rows.sort_unstable_by_key(|dated| dated.as_ref().map(Dated::age));
    rows.into_iter().flatten().map(|dated| dated.row.try_into()).collect::<Result<_>>().map(Holdings::Sets)
}

/// Why serving found nothing of a subject's.
async fn why_nothing(conn: &mut Conn, subject: &Subject) -> Result<Holdings> {
    let account: Option<Option<At>> =
        on!(conn, |c| accounts::table.find(subject.as_str()).select(accounts::disabled_at).first(c))
            .optional()
            .map_err(lift)?;
    Ok(match account {
        None => Holdings::NoAccount,
        Some(Some(_since)) => Holdings::Disabled,
        // Made, or enabled again, since we looked.
        Some(None) => Holdings::Sets(Vec::new()),
    })
}

/// One link's token set as serving needs it, if it is still there and its subject's account is not disabled.
pub async fn find_serving(conn: &mut Conn, link: LinkId) -> Result<Option<ServingSet>> {
    let rows: QueryResult<Vec<ServingRow>> = load!(
        conn,
        written!(
            links::table
                .inner_join(token_sets::table)
                .left_join(accounts::table.on(accounts::subject.eq(links::subject)))
                .filter(links::id.eq(Uuid(link.0)).and(accounts::disabled_at.is_null()))
                .select(serving_columns!())
        )
    );
    rows.map_err(lift)?.pop().map(ServingSet::try_from).transpose()
}

/// The scopes that a link's tokens were granted, as far as they are known.
pub async fn scope(conn: &mut Conn, link: LinkId) -> Result<Option<String>> {
    let found: QueryResult<Option<String>> =
        on!(conn, |c| token_sets::table.find(Uuid(link.0)).select(token_sets::scope).first(c));
    Ok(found.optional().map_err(lift)?.flatten())
}

/// One link's token set and its owner, if it is still there.
pub async fn find(conn: &mut Conn, link: LinkId) -> Result<Option<(LinkOwner, TokenSet)>> {
    let rows: QueryResult<Vec<(OwnerRow, TokenRow)>> = load!(
        conn,
        written!(
            links::table
                .inner_join(token_sets::table)
                .filter(links::id.eq(Uuid(link.0)))
                .select(((links::subject, links::fp_type, links::fp_name, links::sid), TokenRow::as_select()))
        )
    );
    rows.map_err(lift)?.pop().map(|(of, row)| Ok((of.try_into()?, row.try_into()?))).transpose()
}

/// Writes new tokens if the row still has the version that was read; says whether it did. The row's key stays.
pub async fn replace(conn: &mut Conn, link: LinkId, version_read: i64, tokens: &NewTokens, past: Past) -> Result<bool> {
    let changes = &Changes::from(tokens);
    let written = on!(conn, |c| diesel::update(token_sets::table.find(Uuid(link.0)))
        .filter(token_sets::version.eq(version_read))
        .set((changes, past.changes()))
        .prepared()
        .execute(c));
    Ok(written.map_err(lift)? == 1)
}

/// Writes a link's first token set unless it has one; says whether it did.
pub async fn insert_if_absent(conn: &mut Conn, set: &TokenSet) -> Result<bool> {
    let row = &TokenRow::from(set);
    let written = on!(conn, |c| diesel::insert_into(token_sets::table).values(row).on_conflict_do_nothing().execute(c));
    Ok(written.map_err(lift)? == 1)
}

/// Takes a link's token set out, as it is at this moment: a refresh may have just written it.
pub async fn take(conn: &mut Conn, link: LinkId) -> Result<Option<TokenSet>> {
    let row: Option<TokenRow> = on!(conn, |c| diesel::delete(token_sets::table.find(Uuid(link.0)))
        .returning(TokenRow::as_returning())
        .get_result(c))
    .optional()
    .map_err(lift)?;
    row.map(TokenSet::try_from).transpose()
}
