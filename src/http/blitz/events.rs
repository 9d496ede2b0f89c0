//! Events that wait or were given up: listed, and told again.

use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::body::body_for;
use super::error::Failure;
use super::fed_token::parameter;
use super::moments::{decoded, moment, no_next, place, told};
use crate::app::App;
use crate::http::caller::{actor, bearer};
use domain::audit::Place;
use domain::caller::Action;
use domain::{Error, Result, json};
use service::outbox::{self, Again, Listing, Next, Replayed, Waiting, Which};

/// The most events of one page, and how many there are where nobody says.
const PAGE: u16 = 200;
/// More than any of our fields are long.
const BODY: usize = 4096;

/// A letter as it is listed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Letter {
    endpoint: String,
    id: Uuid,
    #[serde(flatten)]
    told: serde_json::Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_attempt_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dead_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
}

impl From<Waiting> for Letter {
    fn from(letter: Waiting) -> Self {
        Self {
            endpoint: letter.endpoint,
            id: letter.told.id,
            told: letter.told.json(),
            attempts: letter.dead.is_none().then_some(letter.attempts),
            next_attempt_at: letter.due.map(|moment| moment.to_rfc3339()),
            dead_at: letter.dead.map(|moment| moment.to_rfc3339()),
            failure: letter.failure,
        }
    }
}

#[derive(Serialize)]
struct Page {
    events: Vec<Letter>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// `GET /api/v3/events`
pub(crate) async fn list(app: App, request: HttpRequest) -> std::result::Result<HttpResponse, Failure> {
    let caller = bearer(&app, &request).await?;
    let listed = outbox::list(&app.parts, &caller, actor(&request, &caller), listing(&request)?).await?;
    let next = listed.next.map(|(endpoint, seq)| URL_SAFE_NO_PAD.encode(format!("{seq}:{endpoint}")));
    let events = listed.letters.into_iter().map(Letter::from).collect();
    Ok(HttpResponse::Ok().json(Page { events, next }))
}

fn listing(request: &HttpRequest) -> Result<Listing> {
    let dead = match parameter(request, "dead")?.as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(Error::input("dead", "must be true or false")),
    };
    Ok(Listing {
        which: Which { dead, endpoint: parameter(request, "endpoint")?.map(name).transpose()? },
        after: parameter(request, "after")?.map(|sent| page_end(&sent)).transpose()?,
        limit: parameter(request, "limit")?.map_or(Ok(PAGE), |sent| limit(&sent))?,
    })
}

fn name(sent: String) -> Result<String> {
    if sent.contains('\0') { Err(Error::input("endpoint", json::NUL)) } else { Ok(sent) }
}

fn limit(sent: &str) -> Result<u16> {
    // Rust's parser takes a sign.
    let digits = Some(sent).filter(|sent| sent.bytes().all(|byte| byte.is_ascii_digit()));
    let limit = digits.and_then(|sent| sent.parse().ok()).filter(|limit| (1..=PAGE).contains(limit));
    limit.ok_or_else(|| Error::input("limit", format!("must be a whole number from 1 to {PAGE}")))
}

/// Where a page ended.
fn page_end(sent: &str) -> Result<(String, i64)> {
    let text = decoded(sent);
    let place = text.as_deref().and_then(|text| text.split_once(':'));
    let place = place.and_then(|(seq, endpoint)| Some((endpoint.to_owned(), seq.parse().ok()?)));
    place.ok_or_else(|| Error::input("after", "must be the next of a page before"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Posted {
    id: Option<String>,
    endpoint: Option<String>,
    dead: Option<bool>,
    since: Option<String>,
    until: Option<String>,
    after: Option<String>,
}

#[derive(Serialize)]
struct Answer {
    replayed: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl From<Replayed> for Answer {
    fn from(replayed: Replayed) -> Self {
        let next = replayed.next.map(|next| match next {
            Next::Dead(seq) => URL_SAFE_NO_PAD.encode(seq.to_string()),
            Next::Record(at, id) => told(Place { at, id }),
        });
        Self { replayed: replayed.count, next }
    }
}

/// `POST /api/v3/events/replay`
pub(crate) async fn replay(
    app: App,
    request: HttpRequest,
    payload: Payload,
) -> std::result::Result<HttpResponse, Failure> {
    let caller = bearer(&app, &request).await?;
    let sent = body_for(&caller, Action::SeeToEvents, &request, payload, BODY).await?;
    let again = read(json::read("body", &sent)?, app.parts.clock.now())?;
    let replayed = outbox::replay(&app.parts, &caller, actor(&request, &caller), again).await?;
    Ok(HttpResponse::Ok().json(Answer::from(replayed)))
}

/// What a body asks for: one event, an endpoint's dead letters, or what the record says of a time.
fn read(posted: Posted, now: DateTime<Utc>) -> Result<Again> {
    match posted {
        Posted { id: Some(id), endpoint, dead: None, since: None, until: None, after: None } => {
            let id = Uuid::parse_str(&id).map_err(|_no_id| Error::input("id", "must be a webhook-id"))?;
            Ok(Again::Event { id, endpoint })
        }
        Posted { id: None, endpoint: Some(endpoint), dead: Some(true), since: None, until: None, after } => {
            let after = after.map_or(Ok(0), |sent| number(&sent))?;
            Ok(Again::Dead { endpoint, after })
        }
        Posted { id: None, endpoint, dead: None, since: Some(since), until, after } => {
            let since = moment("since", &since)?;
            Ok(Again::Record {
                after: after.map_or(Ok(Place::before(since)), |sent| place(&sent)).map(|place| (place.at, place.id))?,
                until: until.map_or(Ok(now), |sent| moment("until", &sent))?,
                endpoint,
            })
        }
        _ => Err(Error::input("body", "must have id, or endpoint with dead true, or since")),
    }
}

fn number(sent: &str) -> Result<i64> {
    decoded(sent).and_then(|text| text.parse().ok()).ok_or_else(no_next)
}
