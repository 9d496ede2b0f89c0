//! The audit record, a page at a time: of a person in Blitz's form, and across people.

use actix_web::http::header::LINK;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use serde_json::Value;

use super::error::Failure;
use super::fed_token::parameter;
use super::moments::{moment, place, told};
use crate::app::App;
use crate::http::caller::{actor, bearer};
use crate::http::path;
use crate::http::path::last;
use domain::audit::rql::Asked;
use domain::audit::{MOST, Order, PAGE, Search, Span, events, rql, shape};
use domain::event::AuditLine;
use domain::ids::{ProviderId, Sid};
use domain::{Error, Result};
use service::reading::{self, OfPerson, Page, Wanted};

/// What is told of browsers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Agents {
    AsTheySaid,
    Nothing,
}

/// `GET /api/v3/users/{subjectId}/audit`
pub(crate) async fn of_person(app: App, request: HttpRequest) -> std::result::Result<HttpResponse, Failure> {
    let caller = bearer(&app, &request).await?;
    let [subject, _audit] = last(&request);
    let (query, agents) = (parameter(&request, "rql")?, agents(&request)?);
    let asked = query.as_deref().map_or(Ok(Asked::default()), rql::parse)?;
    let after = parameter(&request, "after")?.map(|sent| place(&sent)).transpose()?;
    let span = Span::new(asked.from, asked.until);
    let span = after.map_or(span, |place| span.behind(place, Order::NewestFirst));
    let wanted = OfPerson { subject: path::subject(subject)?, span, limit: asked.limit.unwrap_or(PAGE) };
    let page = reading::of_person(&app.parts, &caller, wanted).await?;
    let mut answer = HttpResponse::Ok();
    if let Some(next) = page.next {
        answer.insert_header((LINK, format!("<?{}>; rel=\"next\"", behind(query.as_deref(), agents, &told(next)))));
    }
    Ok(answer.json(page.lines.into_iter().map(|line| shown(line, agents)).collect::<Vec<_>>()))
}

fn agents(request: &HttpRequest) -> Result<Agents> {
    match parameter(request, "ua")?.as_deref() {
        None => Ok(Agents::AsTheySaid),
        Some("none") => Ok(Agents::Nothing),
        Some(_) => Err(Error::input("ua", "must be none, or left out: agents are told as they were sent, not parsed")),
    }
}

/// The query of the page behind this one. What was read of `rql` needs no encoding.
fn behind(query: Option<&str>, agents: Agents, after: &str) -> String {
    let query = query.map(|query| format!("rql={query}&")).unwrap_or_default();
    let agents = if agents == Agents::Nothing { "ua=none&" } else { "" };
    format!("{query}{agents}after={after}")
}

fn shown(mut line: AuditLine, agents: Agents) -> Value {
    if agents == Agents::Nothing {
        line.actor.claimed_agent = None;
    }
    shape::json(&line)
}

#[derive(Serialize)]
struct Answer {
    lines: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl From<Page> for Answer {
    fn from(page: Page) -> Self {
        Self { lines: page.lines.iter().map(shape::json).collect(), next: page.next.map(told) }
    }
}

/// `GET /api/v3/audit`
pub(crate) async fn search(app: App, request: HttpRequest) -> std::result::Result<HttpResponse, Failure> {
    let caller = bearer(&app, &request).await?;
    let page = reading::across(&app.parts, &caller, actor(&request, &caller), wanted(&request)?).await?;
    Ok(HttpResponse::Ok().json(Answer::from(page)))
}

fn wanted(request: &HttpRequest) -> Result<Wanted> {
    let order = Order::NewestFirst;
    let from = parameter(request, "from")?.map(|sent| moment("from", &sent)).transpose()?;
    let to = parameter(request, "to")?.map(|sent| moment("to", &sent)).transpose()?;
    let kinds = parameter(request, "type")?.map_or(Ok(Vec::new()), |sent| events(&sent))?;
    let provider = parameter(request, "fp")?.map(|sent| ProviderId::parse_pair(&sent)).transpose()?;
    let sid = parameter(request, "sid")?.map(Sid::parse).transpose()?;
    let search = Search::new(None, kinds, provider, sid)?;
    let after = parameter(request, "after")?.map(|sent| place(&sent)).transpose()?;
    let span = Span::new(from, to);
    let span = after.map_or(span, |place| span.behind(place, order));
    let limit = parameter(request, "limit")?.map_or(Ok(PAGE), |sent| limit(&sent))?;
    Ok(Wanted { search, span, order, limit })
}

fn limit(sent: &str) -> Result<usize> {
    // Rust's parser takes a sign.
    let digits = Some(sent).filter(|sent| sent.bytes().all(|byte| byte.is_ascii_digit()));
    let limit = digits.and_then(|sent| sent.parse().ok()).filter(|limit| (1..=MOST).contains(limit));
    limit.ok_or_else(|| Error::input("limit", format!("must be a whole number from 1 to {MOST}")))
}
