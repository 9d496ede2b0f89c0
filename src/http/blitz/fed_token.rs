//! fedToken: valid access tokens, and nothing else of a token set.

use std::time::Duration;

use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use percent_encoding::percent_decode_str;
use secrecy::ExposeSecret as _;
use serde::{Serialize, Serializer};
use url::form_urlencoded;

use super::error::Failure;
use crate::app::App;
use crate::http::caller::bearer;
use crate::http::path;
use crate::http::path::last;
use domain::ids::Sid;
use domain::params::Texts;
use domain::{Error, Result};
use service::tokens::{MAX_MIN_TTL, Request, Served, fetch as fetch_tokens};

/// The answer: an object keyed by sid, in the order the accounts were linked.
pub(super) struct Tokens(pub(super) Vec<Served>);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Account<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_on: Option<i64>,
    token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    fields: Option<Fields<'a>>,
}

/// What was handed on with a token, in the clear: its caller is told.
pub(super) struct Fields<'a>(&'a Texts);

impl<'a> Fields<'a> {
    /// Those of a token, if there are any.
    pub(super) fn of(served: &'a Served) -> Option<Self> {
        (!served.fields.is_empty()).then_some(Self(&served.fields))
    }
}

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value.expose_secret())))
    }
}

impl Serialize for Tokens {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|served| {
            let expires_on = served.expires.map(|moment| moment.timestamp());
            (&served.sid, Account { expires_on, token: served.token.expose_secret(), fields: Fields::of(served) })
        }))
    }
}

/// The type of an answer.
pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What an answer holds beside its tokens, in bytes, as a rule.
const AROUND: usize = 128;

/// The answer, written into room that nearly always suffices: grown step by step, it would leave copies of its tokens behind.
fn answer(tokens: &Tokens) -> std::result::Result<HttpResponse, Failure> {
    let room = tokens.0.iter().map(|served| served.token.expose_secret().len() + AROUND).sum();
    let mut body = Vec::with_capacity(room);
    serde_json::to_writer(&mut body, tokens).map_err(Error::internal)?;
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, JSON)).body(body))
}

/// `GET /api/v3/users/{subjectId}/fedToken/{type}/{name}`
pub(crate) async fn fetch(app: App, request: HttpRequest) -> std::result::Result<HttpResponse, Failure> {
    let caller = bearer(&app, &request).await?;
    let [subject, _fed_token, fp_type, fp_name] = last(&request);
    let wanted = Request {
        subject: path::subject(subject)?,
        provider: path::provider(fp_type, fp_name)?,
        sid: parameter(&request, "sid")?.map(Sid::parse).transpose()?,
        only_one: false,
        scopes: Vec::new(),
        min_ttl: parameter(&request, "min_ttl")?.map(|sent| min_ttl(&sent)).transpose()?,
        force: flag(&request, "force")?,
    };
    let served = fetch_tokens(&app.parts, &caller, &wanted).await?;
    answer(&Tokens(served))
}

/// A query parameter that may stand once.
pub(super) fn parameter(request: &HttpRequest, name: &'static str) -> Result<Option<String>> {
    if request.query_string().is_empty() {
        return Ok(None);
    }
    let pairs = request.query_string().split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let mut found = pairs.filter(|(sent, _)| form_urlencoded::parse(sent.as_bytes()).any(|(sent, _)| sent == name));
    match (found.next(), found.next()) {
        (_, Some(_)) => Err(Error::input(name, "stands more than once")),
        (None, None) => Ok(None),
        (Some((_, value)), None) => {
            // Decoded exactly: lossily, two ids could become one.
            let value = value.replace('+', " ");
            let value = percent_decode_str(&value).decode_utf8();
            value.map(|value| Some(value.into_owned())).map_err(|_bytes| Error::input(name, "is not UTF-8"))
        }
    }
}

/// A query parameter that is `true` or `false`; absent means `false`.
pub(super) fn flag(request: &HttpRequest, name: &'static str) -> Result<bool> {
    match parameter(request, name)?.as_deref() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(Error::input(name, "must be true or false")),
    }
}

/// The least that a token has to live, in whole seconds.
pub(super) fn min_ttl(sent: &str) -> Result<Duration> {
    let most = MAX_MIN_TTL.as_secs();
    // Rust's parser takes a sign.
    let digits = Some(sent).filter(|sent| sent.bytes().all(|byte| byte.is_ascii_digit()));
    let seconds = digits.and_then(|sent| sent.parse().ok()).filter(|seconds| *seconds <= most);
    let seconds = seconds
        .ok_or_else(|| Error::input("min_ttl", format!("must be a whole number of seconds from 0 to {most}")))?;
    Ok(Duration::from_secs(seconds))
}
