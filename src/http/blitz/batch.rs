//! fedTokens: the tokens of many users in one request, each answered in its place.

use std::sync::Arc;

use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};

use super::body::body_for;
use super::error::{EntryError, Failure};
use super::fed_token::{Fields, JSON};
use crate::app::App;
use crate::http::caller::bearer;
use domain::batch::{BODY, MOST, repeated};
use domain::caller::Action;
use domain::ids::{ProviderId, Sid, Subject};
use domain::{Error, Result, json};
use service::batch::{Entry, Refused, fetch_many};
use service::tokens::Served;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Posted {
    tokens: Vec<Asked>,
}

#[derive(Deserialize, PartialEq, Eq, Hash)]
#[serde(deny_unknown_fields)]
struct Asked {
    subject: String,
    fp: String,
    sid: Option<String>,
}

#[derive(Serialize)]
struct Answer<'a> {
    tokens: Vec<Told<'a>>,
}

/// What an entry is told.
#[derive(Serialize)]
#[serde(untagged)]
enum Told<'a> {
    #[serde(rename_all = "camelCase")]
    Token {
        sid: &'a str,
        token: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        expires_on: Option<i64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        fields: Option<Fields<'a>>,
    },
    Nothing(EntryError),
}

impl<'a> From<&'a std::result::Result<Served, Refused>> for Told<'a> {
    fn from(outcome: &'a std::result::Result<Served, Refused>) -> Self {
        match outcome {
            Ok(served) => Self::Token {
                sid: &served.sid,
                token: served.token.expose_secret(),
                expires_on: served.expires.map(|moment| moment.timestamp()),
                fields: Fields::of(served),
            },
            Err(Refused::Error(error)) => Self::Nothing(error.into()),
            Err(Refused::Ambiguous) => Self::Nothing(EntryError::of_its_own("ambiguous")),
            Err(Refused::TooMuch) => Self::Nothing(EntryError::of_its_own("too_much")),
        }
    }
}

/// `POST /api/v3/fedTokens`
pub(crate) async fn fetch(
    app: App,
    request: HttpRequest,
    payload: Payload,
) -> std::result::Result<HttpResponse, Failure> {
    let caller = bearer(&app, &request).await?;
    let sent = body_for(&caller, Action::FetchTokens, &request, payload, BODY).await?;
    let parts = Arc::clone(&app.parts);
    let work = async move {
        let entries = read(&sent)?;
        let outcomes = fetch_many(&parts, &caller, &entries).await?;
        let answer = Answer { tokens: outcomes.iter().map(Told::from).collect() };
        serde_json::to_vec(&answer).map_err(Error::internal)
    };
    let answer = app.parts.caller_sized.aside(work).await??;
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, JSON)).body(answer))
}

/// What a body asks for: as much as one may, and nothing twice.
fn read(sent: &[u8]) -> Result<Vec<Entry>> {
    let Posted { tokens } = json::read("body", sent)?;
    if tokens.len() > MOST {
        return Err(Error::input("tokens", format!("has {} entries, at most {MOST} are allowed", tokens.len())));
    }
    if let Some([first, again]) = repeated(&tokens) {
        return Err(Error::input(format!("tokens[{again}]"), format!("asks for the same as tokens[{first}]")));
    }
    tokens.into_iter().enumerate().map(|(place, asked)| entry(asked).map_err(|error| placed(error, place))).collect()
}

fn entry(asked: Asked) -> Result<Entry> {
    let (fp_type, fp_name) = asked.fp.split_once(':').ok_or_else(|| Error::input("fp", "must be type:name"))?;
    Ok(Entry {
        subject: Subject::parse(asked.subject)?,
        // One that can be nobody's name is as unknown as any other.
        provider: ProviderId::parse(fp_type, fp_name).ok(),
        sid: asked.sid.map(Sid::parse).transpose()?,
    })
}

/// An error of an entry, by its place.
fn placed(error: Error, place: usize) -> Error {
    match error {
        Error::Input { field, problem } => {
            let member = if field == "subjectId" { "subject" } else { &*field };
            Error::input(format!("tokens[{place}].{member}"), problem)
        }
        other => other,
    }
}
