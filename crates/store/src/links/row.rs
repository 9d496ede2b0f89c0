//! Links as the database holds them.

use diesel::prelude::*;

use crate::error::unreadable;
use crate::schema::links;
use crate::types::{At, Uuid};
use domain::ids::{ClientId, LinkId, ProviderId, Sid, Subject};
use domain::link::{Health, HeldLink, LinkDetail, LinkSummary, NewLink, Proof, TokensOfLink};
use domain::{Error, Result};

fn sid(text: String) -> Result<Sid> {
    Sid::parse(text).map_err(|_malformed| unreadable("links", "sid"))
}

fn provider(fp_type: String, fp_name: String) -> Result<ProviderId> {
    ProviderId::from_parts(fp_type, fp_name).map_err(|_malformed| unreadable("links", "fp_name"))
}

/// What the list shows of a link.
#[derive(Queryable, Selectable)]
#[diesel(table_name = links, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
pub(crate) struct ListedRow {
    sid: String,
    fp_type: String,
    fp_name: String,
    user_name: Option<String>,
}

impl TryFrom<ListedRow> for LinkSummary {
    type Error = Error;

    fn try_from(row: ListedRow) -> Result<Self> {
        let provider = provider(row.fp_type, row.fp_name)?;
        Ok(Self { sid: sid(row.sid)?, provider, user_name: row.user_name })
    }
}

/// The same, and what puts the oldest link first.
#[derive(Queryable, Selectable)]
#[diesel(table_name = links, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
pub(crate) struct AgedRow {
    #[diesel(embed)]
    pub(crate) listed: ListedRow,
    created: At,
    id: Uuid,
}

impl AgedRow {
    pub(crate) fn age(&self) -> impl Ord + use<> {
        (self.created.0, self.id.0)
    }
}

/// What the detailed list shows beside.
#[derive(Queryable, Selectable)]
#[diesel(table_name = links, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
pub(crate) struct DetailRow {
    #[diesel(embed)]
    listed: ListedRow,
    proof: String,
    origin_client: Option<String>,
    created: At,
}

/// The tokens' part of the detailed list; all of it null where a link has none, but for its last use.
#[derive(Queryable)]
#[diesel(check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
pub(crate) struct UseRow {
    health: Option<String>,
    has_access: Option<bool>,
    expires_at: Option<At>,
    obtained_at: Option<At>,
    imported_at: Option<At>,
    refresh_expires_at: Option<At>,
    refused_word: Option<String>,
    refused_since: Option<At>,
    scope: Option<String>,
    last_used: Option<At>,
}

/// A line of the detailed list.
pub(crate) fn detailed(row: DetailRow, tokens: UseRow) -> Result<(LinkSummary, LinkDetail)> {
    let origin = row.origin_client.map(ClientId::parse).transpose();
    let last_used = tokens.last_used.map(|at| at.0);
    let detail = LinkDetail {
        proof: Proof::parse(&row.proof).ok_or_else(|| unreadable("links", "proof"))?,
        origin: origin.map_err(|_malformed| unreadable("links", "origin_client"))?,
        created: row.created.0,
        tokens: tokens_of(tokens)?,
        last_used,
    };
    Ok((row.listed.try_into()?, detail))
}

fn tokens_of(row: UseRow) -> Result<Option<TokensOfLink>> {
    let Some(health) = row.health else { return Ok(None) };
    Ok(Some(TokensOfLink {
        health: Health::parse(&health).ok_or_else(|| unreadable("token_sets", "health"))?,
        has_access: row.has_access == Some(true),
        expires: row.expires_at.map(|at| at.0),
        obtained: row.obtained_at.map(|at| at.0),
        imported: row.imported_at.map(|at| at.0),
        refresh_expires: row.refresh_expires_at.map(|at| at.0),
        refused: row.refused_word.zip(row.refused_since.map(|at| at.0)),
        scope: row.scope,
    }))
}

/// A link as it is written.
#[derive(Insertable)]
#[diesel(table_name = links)]
pub(super) struct NewLinkRow<'a> {
    id: Uuid,
    subject: &'a str,
    fp_type: &'a str,
    fp_name: &'a str,
    sid: &'a str,
    user_name: Option<&'a str>,
    proof: &'static str,
    origin_client: Option<&'a str>,
    exclusive_key: Option<&'a str>,
    created: At,
}

impl<'a> From<&'a NewLink> for NewLinkRow<'a> {
    fn from(link: &'a NewLink) -> Self {
        Self {
            id: Uuid(link.id.0),
            subject: link.subject.as_str(),
            fp_type: link.provider.fp_type(),
            fp_name: link.provider.fp_name(),
            sid: link.sid.as_str(),
            user_name: link.user_name.as_deref(),
            proof: link.proof.as_str(),
            origin_client: link.origin.as_ref().map(ClientId::as_str),
            exclusive_key: link.exclusive_key.as_deref(),
            created: At(link.created),
        }
    }
}

/// The row of a link that is about to go.
#[derive(Queryable, Selectable)]
#[diesel(table_name = links, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
pub(super) struct HeldRow {
    id: Uuid,
    subject: String,
    fp_type: String,
    fp_name: String,
    sid: String,
}

impl TryFrom<HeldRow> for HeldLink {
    type Error = Error;

    fn try_from(row: HeldRow) -> Result<Self> {
        Ok(Self {
            id: LinkId(row.id.0),
            subject: Subject::parse(row.subject).map_err(|_malformed| unreadable("links", "subject"))?,
            provider: provider(row.fp_type, row.fp_name)?,
            sid: sid(row.sid)?,
        })
    }
}
