//! Links across users: found by an index in the order of their keys, so many looked at by one statement.

use diesel::prelude::*;
use diesel::sql_types::Text;

use super::Lists;
use super::conn::{Conn, on};
use super::error::{lift, unreadable};
use super::filter::{Bind, How, Statement};
use super::links::{DetailRow, UseRow, detail_columns, detailed};
use super::schema::{link_uses, links, token_sets};
use super::types::{Id, Uuid};
use diesel_async::RunQueryDsl;
use domain::across::{By, Candidate, Search};
use domain::ids::{LinkId, ProviderId, Subject};
use domain::link::{Health, LinkDetail, LinkSummary};
use domain::{Error, Result};

/// What decides whether a link fits.
#[derive(QueryableByName)]
#[diesel(check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
struct CandidateRow {
    #[diesel(sql_type = Id)]
    id: Uuid,
    #[diesel(sql_type = Text)]
    fp_type: String,
    #[diesel(sql_type = Text)]
    fp_name: String,
    #[diesel(sql_type = Text)]
    health: String,
}

impl TryFrom<CandidateRow> for Candidate {
    type Error = Error;

    fn try_from(row: CandidateRow) -> Result<Self> {
        Ok(Self {
            link: LinkId(row.id.0),
            provider: ProviderId::from_parts(row.fp_type, row.fp_name).ok(),
            health: Health::parse(&row.health).ok_or_else(|| unreadable("token_sets", "health"))?,
        })
    }
}

/// A link with all that is known of it.
#[derive(Debug)]
pub struct OwnedLink {
    /// Whose it is.
    pub subject: Subject,
    /// What the list shows of it.
    pub link: LinkSummary,
    /// What the detailed list shows beside.
    pub detail: LinkDetail,
}

/// What the search goes by, from after a key.
pub(crate) fn statement(search: &Search, after: LinkId, limit: u16, how: How) -> Statement {
    let mut statement = Statement::new(how);
    let by = search.by();
    let key = if matches!(by, By::Ailing(_)) { "t.link_id" } else { "l.id" };
    statement.push("SELECT l.id, l.fp_type, l.fp_name, coalesce(t.health, 'ok') AS health FROM ");
    statement.push(match by {
        By::Ailing(_) => "token_sets t JOIN links l ON l.id = t.link_id",
        By::Account(..) | By::Provider(_) | By::Key => "links l LEFT JOIN token_sets t ON t.link_id = l.id",
    });
    statement.push(" WHERE ");
    statement.push_clock();
    let mut fits = |column: &str, text: &str| {
        statement.push(column);
        statement.push(" = ");
        statement.bind(Bind::Text(text.to_owned()));
        statement.push(" AND ");
    };
    match by {
        By::Account(provider, sid) => {
            fits("l.fp_type", provider.fp_type());
            fits("l.fp_name", provider.fp_name());
            fits("l.sid", sid.as_str());
        }
        By::Provider(provider) => {
            fits("l.fp_type", provider.fp_type());
            fits("l.fp_name", provider.fp_name());
        }
        By::Ailing(health) => {
            fits("t.health", health.as_str());
            // In the words of the index, which has no others.
            statement.push("t.health <> 'ok' AND ");
        }
        By::Key => {}
    }
    statement.push(key);
    statement.push(" > ");
    statement.bind(Bind::Id(Uuid(after.0)));
    statement.push(" ORDER BY ");
    statement.push(key);
    statement.push(" LIMIT ");
    statement.bind(Bind::Number(limit.into()));
    statement
}

impl Lists {
    /// Links that may be looked for, so many at most, in the order of their keys from after `after`: what the search goes by
    /// they fit, and perhaps not the rest.
    pub async fn list_candidates(&mut self, search: &Search, after: LinkId, limit: u16) -> Result<Vec<Candidate>> {
        let rows: Vec<CandidateRow> = self.rows(|how| statement(search, after, limit, how)).await?;
        rows.into_iter().map(Candidate::try_from).collect()
    }

    /// These links with all that is known of them and whose they are, in the order of their keys.
    pub async fn list_of_keys(&mut self, keys: &[LinkId]) -> Result<Vec<OwnedLink>> {
        let (watch, conn) = self.hurried().await?;
        watch.wait(list_of_keys(conn, keys)).await
    }
}

async fn list_of_keys(conn: &mut Conn, keys: &[LinkId]) -> Result<Vec<OwnedLink>> {
    let keys: Vec<Uuid> = keys.iter().map(|key| Uuid(key.0)).collect();
    let rows: Vec<(String, DetailRow, UseRow)> = on!(conn, |c| links::table
        .left_join(token_sets::table)
        .left_join(link_uses::table)
        .filter(links::id.eq_any(&keys))
        .order(links::id.asc())
        .select((links::subject, DetailRow::as_select(), detail_columns!()))
        .load(c))
    .map_err(lift)?;
    let read = |(subject, row, tokens): (String, DetailRow, UseRow)| {
        let subject = Subject::parse(subject).map_err(|_malformed| unreadable("links", "subject"))?;
        let (link, detail) = detailed(row, tokens)?;
        Ok(OwnedLink { subject, link, detail })
    };
    rows.into_iter().map(read).collect()
}
