//! Links across users, a page at a time.

use actix_web::{HttpRequest, HttpResponse};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use super::error::Failure;
use super::fa::Link;
use super::fed_token::parameter;
use crate::app::App;
use crate::http::caller::{actor, bearer};
use domain::across::{PAGE, Search};
use domain::ids::{LinkId, ProviderId, Sid, Subject};
use domain::link::Health;
use domain::{Error, Result};
use service::across::{self, Page, Wanted};

#[derive(Serialize)]
struct Owned {
    subject: Subject,
    #[serde(flatten)]
    link: Link,
}

#[derive(Serialize)]
struct Answer {
    links: Vec<Owned>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl From<Page> for Answer {
    fn from(page: Page) -> Self {
        let links = page.links.into_iter().map(|owned| Owned { subject: owned.subject, link: owned.link.into() });
        Self { links: links.collect(), next: page.next.map(|key| URL_SAFE_NO_PAD.encode(key.0.as_bytes())) }
    }
}

/// `GET /api/v3/fa`
pub(crate) async fn search(app: App, request: HttpRequest) -> std::result::Result<HttpResponse, Failure> {
    let caller = bearer(&app, &request).await?;
    let page = across::search(&app.parts, &caller, actor(&request, &caller), wanted(&request)?).await?;
    Ok(HttpResponse::Ok().json(Answer::from(page)))
}

fn wanted(request: &HttpRequest) -> Result<Wanted> {
    let health = parameter(request, "health")?.map(|sent| health(&sent)).transpose()?;
    let provider = parameter(request, "fp")?.map(|sent| ProviderId::parse_pair(&sent)).transpose()?;
    let sid = parameter(request, "sid")?.map(Sid::parse).transpose()?;
    Ok(Wanted {
        search: Search::new(health, provider, sid)?,
        after: parameter(request, "after")?.map(|sent| key(&sent)).transpose()?,
        limit: parameter(request, "limit")?.map_or(Ok(PAGE), |sent| limit(&sent))?,
    })
}

fn health(sent: &str) -> Result<Health> {
    Health::parse(sent).ok_or_else(|| Error::input("health", "must be ok, degraded, needs_consent or lost_in_flight"))
}

/// The key that a page ended with.
fn key(sent: &str) -> Result<LinkId> {
    let bytes = URL_SAFE_NO_PAD.decode(sent).ok().and_then(|bytes| uuid::Uuid::from_slice(&bytes).ok());
    bytes.map(LinkId).ok_or_else(|| Error::input("after", "must be the next of a page before"))
}

fn limit(sent: &str) -> Result<usize> {
    // Rust's parser takes a sign.
    let digits = Some(sent).filter(|sent| sent.bytes().all(|byte| byte.is_ascii_digit()));
    let limit = digits.and_then(|sent| sent.parse().ok()).filter(|limit| (1..=PAGE).contains(limit));
    limit.ok_or_else(|| Error::input("limit", format!("must be a whole number from 1 to {PAGE}")))
}
