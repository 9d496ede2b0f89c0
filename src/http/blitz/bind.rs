//! Bind: the app's two calls, and the browser's half between them.

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use url::{Origin, Url};
use uuid::Uuid;

use super::error::Failure;
use crate::app::App;
use crate::http::address::origin;
use crate::http::caller::{actor, bearer_or_basic};
use crate::http::fields::once;
use crate::http::limits::{Kind, body};
use crate::http::path::last;
use crate::http::words::{self, Words};
use crate::http::{cookies, nul, page, path};
use domain::ids::{FlowId, Subject};
use domain::{Error, json};
use service::bind::{self, Answer, Browser, Completion, FlowCookie, Instruction, Question, Return, Shown, Step, Whom};

/// The field that says that a form is our own, with an answer that has been posted before.
const AGAIN: &str = "fedlink_again";

#[derive(Deserialize)]
struct InstructBody {
    fp: String,
    callback: String,
    #[serde(rename = "isPopup")]
    is_popup: Option<bool>,
    code_challenge: Option<String>,
    code_challenge_method: Option<String>,
    login_hint: Option<String>,
}

/// `POST /api/v2/users/current/fa/bind`
pub(crate) async fn instruct(app: App, request: HttpRequest, payload: Payload) -> Result<HttpResponse, Failure> {
    let caller = bearer_or_basic(&app, &request).await?;
    let sent: InstructBody = json::read("body", &body(&request, payload, Kind::Json).await?)?;
    let instruction = Instruction {
        fp: sent.fp,
        callback: sent.callback,
        popup: sent.is_popup.unwrap_or(false),
        code_challenge: sent.code_challenge,
        code_challenge_method: sent.code_challenge_method,
        login_hint: sent.login_hint,
    };
    let redirect_to = bind::instruct(&app.parts, &caller, instruction).await?;
    Ok(HttpResponse::Ok().json(json!({"redirectTo": redirect_to.as_str()})))
}

#[derive(Deserialize)]
struct CompleteBody {
    bind_code: SecretString,
    code_verifier: SecretString,
    subject: Option<String>,
}

/// `POST /api/v2/users/current/fa/bind/complete`
pub(crate) async fn complete(app: App, request: HttpRequest, payload: Payload) -> Result<HttpResponse, Failure> {
    let caller = bearer_or_basic(&app, &request).await?;
    let sent: CompleteBody = json::read("body", &body(&request, payload, Kind::Json).await?)?;
    let subject = sent.subject.map(Subject::parse).transpose();
    let completion = Completion {
        bind_code: sent.bind_code,
        code_verifier: sent.code_verifier,
        subject: subject.map_err(|error| rename(error, "subject"))?,
    };
    let done = bind::complete(&app.parts, &caller, actor(&request, &caller), completion).await;
    done.map_err(|error| rename(error, "subject"))?;
    Ok(HttpResponse::NoContent().finish())
}

/// The field as this body calls it.
fn rename(error: Error, field: &'static str) -> Error {
    match error {
        Error::Input { problem, .. } => Error::input(field, problem),
        other => other,
    }
}

/// `GET /api/v2/users/current/fa/bind/auth/{id}`
pub(crate) async fn open(app: App, request: HttpRequest) -> HttpResponse {
    let words = words::of(&app, &request);
    if is_prefetch(&request) {
        return page::bad_request(words, words.prefetched);
    }
    let [id] = last(&request);
    let Some(flow) = flow(id) else { return no_flow(words, &request) };
    let browser = browser(&app, &request);
    shape(words, bind::open(&app.parts, flow, browser).await)
}

/// `GET /login/externalIdps/callback/{type}/{name}/{isPopup}`
pub(crate) async fn callback(app: App, request: HttpRequest) -> HttpResponse {
    let words = words::of(&app, &request);
    match answer(words, &request, request.query_string().as_bytes()) {
        Ok(answer) => shape(words, bind::callback(&app.parts, answer, browser(&app, &request)).await),
        Err(refusal) => *refusal,
    }
}

#[derive(Template)]
#[template(path = "blitz/posted.html", config = ".config/askama.toml")]
struct PostedPage<'a> {
    words: &'a Words,
    fields: Vec<(&'a str, &'a str)>,
    nonce: &'a str,
}

/// `POST /login/externalIdps/callback/{type}/{name}/{isPopup}`: a provider answers by form, and the browser is asked to
/// post that once more from here, since it sends Lax cookies with no POST of another site's. Never more than once: what
/// comes from our own form without a cookie is not this browser's.
pub(crate) async fn posted(app: App, request: HttpRequest, payload: Payload) -> HttpResponse {
    let words = words::of(&app, &request);
    let form = match body(&request, payload, Kind::Form).await {
        Ok(form) => form,
        Err(unread) => return page::failure(words, &unread.into()),
    };
    let answer = match answer(words, &request, &form) {
        Ok(answer) => answer,
        Err(refusal) => return *refusal,
    };
    let browser = browser(&app, &request);
    if browser.has_flows() || answer.params.contains_key(AGAIN) {
        return shape(words, bind::callback(&app.parts, answer, browser).await);
    }
    match bind::once_more(&app.parts, &answer).await {
        Ok(Some(again)) => {
            let nonce = page::nonce();
            let fields = again.fields.iter().map(|(name, value)| (name.as_str(), value.expose_secret()));
            let template = PostedPage { words, fields: fields.chain([(AGAIN, "1")]).collect(), nonce: &nonce };
            page::scripted(&template, &nonce, Some(&again.callback))
        }
        Ok(None) => page::gone(words),
        Err(error) => page::failure(words, &error),
    }
}

/// The provider's answer, in a query or a form; else the page that says what is wrong with it.
fn answer(words: &Words, request: &HttpRequest, text: &[u8]) -> Result<Answer, Box<HttpResponse>> {
    let [fp_type, fp_name, _popup] = last(request);
    let provider = path::provider(fp_type, fp_name).map_err(|error| page::failure(words, &error))?;
    if let Some(parameter) = nul::in_form(text) {
        return Err(Box::new(page::failure(words, &Error::input(parameter, json::NUL))));
    }
    let mut sent = once(text).ok_or_else(|| page::bad_request(words, words.parameter_twice))?;
    let params = sent.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    let state = sent.remove("state").ok_or_else(|| page::bad_request(words, words.state_missing))?;
    Ok(Answer {
        provider,
        state: state.into(),
        code: sent.remove("code").map(SecretString::from),
        error: sent.remove("error"),
        iss: sent.remove("iss"),
        params,
    })
}

#[derive(Template)]
#[template(path = "blitz/confirm.html", config = ".config/askama.toml")]
struct ConfirmPage<'a> {
    words: &'a Words,
    question: &'a Question,
    csrf: &'a str,
    nonce: &'a str,
}

/// `GET /api/v2/users/current/fa/bind/auth/{id}/confirm`
pub(crate) async fn question(app: App, request: HttpRequest) -> HttpResponse {
    let words = words::of(&app, &request);
    let [id, _confirm] = last(&request);
    let Some(flow) = flow(id) else { return no_flow(words, &request) };
    match bind::question(&app.parts, flow, browser(&app, &request)).await {
        Ok(Shown::Question(question)) => {
            let nonce = page::nonce();
            let template =
                ConfirmPage { words, csrf: question.csrf.expose_secret(), question: &question, nonce: &nonce };
            page::scripted(&template, &nonce, Some(&question.callback))
        }
        Ok(Shown::Instead(step)) => shape(words, Ok(step)),
        Err(error) => page::failure(words, &error),
    }
}

/// `POST /api/v2/users/current/fa/bind/auth/{id}/confirm`
pub(crate) async fn confirm(app: App, request: HttpRequest, payload: Payload) -> HttpResponse {
    let words = words::of(&app, &request);
    let form = match body(&request, payload, Kind::Form).await {
        Ok(form) => form,
        Err(unread) => return page::failure(words, &unread.into()),
    };
    let [id, _confirm] = last(&request);
    let Some(flow) = flow(id) else { return no_flow(words, &request) };
    let mut form = once(&form).unwrap_or_default();
    let (Some(csrf), Some(decision)) = (form.remove("csrf"), form.remove("decision")) else {
        return page::bad_request(words, words.decision_missing);
    };
    let browser = browser(&app, &request);
    shape(words, bind::confirm(&app.parts, flow, browser, csrf.into(), decision).await)
}

fn flow(id: &str) -> Option<FlowId> {
    Uuid::try_parse(id).ok().map(FlowId)
}

/// No id of a flow.
fn no_flow(words: &Words, request: &HttpRequest) -> HttpResponse {
    nul::refuse(request).map_or_else(|error| page::failure(words, &error), |()| page::gone(words))
}

/// A browser that fetches ahead of its user must not use up the one opening.
fn is_prefetch(request: &HttpRequest) -> bool {
    ["sec-purpose", "purpose", "x-moz"].iter().any(|name| {
        let value = request.headers().get(*name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        value.contains("prefetch") || value.contains("prerender")
    })
}

/// The browser, with the flow cookies that it sent.
fn browser(app: &App, request: &HttpRequest) -> Browser {
    let settings = &app.parts.settings;
    let ours = cookies::sent(request).filter(|(name, _)| bind::is_flow_cookie(settings, name));
    let ours = ours.map(|(name, value)| (name.to_owned(), value.into())).collect();
    Browser::new(ours, cookies::session(app, request), origin(app, request))
}

fn shape(words: &Words, step: Result<Step, Error>) -> HttpResponse {
    match step {
        Ok(Step::ToSignIn(url, cookie) | Step::ToProvider(url, cookie)) => redirect(url.as_str(), cookie),
        Ok(Step::ToConfirm(url)) => redirect(url.as_str(), None),
        Ok(Step::ToApp(end)) if end.popup => popup(words, &end),
        Ok(Step::ToApp(end)) => redirect(&end.address, None),
        Ok(Step::Nothing) => page::gone(words),
        Err(error) => page::failure(words, &error),
    }
}

#[derive(Template)]
#[template(path = "blitz/popup.html", config = ".config/askama.toml")]
struct PopupPage<'a> {
    words: &'a Words,
    end: &'a Return,
    /// The callback's; empty if it is an application's own scheme, which no window can be of.
    origin: &'a str,
    result: &'a str,
    nonce: &'a str,
}

/// A popup's last page, which tells its opener what is otherwise told to the callback.
fn popup(words: &Words, end: &Return) -> HttpResponse {
    let origin = Url::parse(&end.address).map(|address| address.origin());
    let origin = origin.ok().filter(Origin::is_tuple).map(|origin| origin.ascii_serialization()).unwrap_or_default();
    let told: serde_json::Map<String, Value> =
        end.told.iter().map(|(name, value)| ((*name).to_owned(), value.as_str().into())).collect();
    let (nonce, result) = (page::nonce(), Value::Object(told).to_string());
    let template = PopupPage { words, end, origin: &origin, result: &result, nonce: &nonce };
    page::active(StatusCode::OK, &template, &nonce)
}

fn redirect(to: &str, cookie: Option<FlowCookie>) -> HttpResponse {
    let mut response = page::private(HttpResponse::SeeOther());
    response.insert_header((LOCATION, to));
    if let Some(cookie) = cookie {
        let secure = cookie.secure;
        response.cookie(cookies::keep(&cookie.name, cookie.value.expose_secret(), cookie.max_age, secure));
        for name in &cookie.forget {
            response.cookie(cookies::forget(name, secure));
        }
    }
    response.finish()
}
