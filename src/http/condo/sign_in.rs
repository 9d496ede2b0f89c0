//! The two addresses at which a partner's access token signs a user in (`docs/condo-contract.md` 1.2, 1.3), and where that ends.

use actix_web::http::StatusCode;
use actix_web::http::header::{LOCATION, SET_COOKIE};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use percent_encoding::percent_decode_str;
use secrecy::SecretString;
use url::form_urlencoded;

use super::error::{answer, failure, request_id};
use super::session::{self, Borne};
use crate::app::App;
use crate::http::nul::{self, Place};
use crate::http::path::{last_named, without_slash};
use crate::http::words::{self, Words};
use crate::http::{address, page};
use domain::refusal::Refusal;
use domain::user::User;
use domain::{Error, Result, name};
use service::condo_sessions::{CondoSession, Ticket};
use service::partner::{self, Callback, Confirmed, Param};

/// `GET /api/auth/{provider}`
pub(in crate::http) async fn begin(app: App, request: HttpRequest) -> HttpResponse {
    let request_id = request_id(&app, &request);
    let [provider] = last_named(&request);
    let begun = async {
        refuse_nul(&request)?;
        let (session, cookie) = visitor(&app, &request).await?;
        let user_type = param(&request, "user_type");
        let begun = partner::begin(&app.parts, &decoded(provider), user_type, session.as_ref()).await?;
        // As it was sent: what we don't know of is the callback's to see as well.
        let onward = format!("{}/callback?{}", without_slash(&request), request.query_string());
        redirect(&app, &request_id, &onward, begun.or(cookie).as_ref())
    };
    begun.await.unwrap_or_else(|error| failure(&app, &request, &request_id, &error))
}

/// `GET /api/auth/{provider}/callback`
pub(in crate::http) async fn callback(app: App, request: HttpRequest) -> HttpResponse {
    let request_id = request_id(&app, &request);
    let [provider, _callback] = last_named(&request);
    let mut noted = None;
    let signed_in = async {
        refuse_nul(&request)?;
        let (session, _cookie) = visitor(&app, &request).await?;
        let user_type = param(&request, "user_type");
        noted = partner::noted(&app.parts, session.as_ref(), &user_type)?;
        let callback = Callback {
            partner: decoded(provider),
            user_type,
            access_token: param(&request, "access_token"),
            client_id: param(&request, "client_id"),
            confirmed: Confirmed {
                phone: param(&request, "confirm_phone_action_token"),
                email: param(&request, "confirm_email_action_token"),
            },
            origin: address::origin(&app, &request),
            session,
        };
        let ticket = partner::sign_in(&app.parts, callback).await?;
        redirect(&app, &request_id, &home_path(&request), Some(&ticket))
    };
    match signed_in.await {
        Ok(response) => response,
        Err(error) => {
            let refused = failure(&app, &request, &request_id, &error);
            with_cookie(&app, refused, noted.as_ref())
                .unwrap_or_else(|error| failure(&app, &request, &request_id, &error))
        }
    }
}

#[derive(Template)]
#[template(path = "condo/home.html", config = ".config/askama.toml")]
struct HomePage<'a> {
    words: &'a Words,
    nonce: &'a str,
    /// What whoever is signed in is called; empty if they have neither name nor address of their own.
    user: Option<&'a str>,
}

/// `GET /`
pub(in crate::http) async fn home(app: App, request: HttpRequest) -> HttpResponse {
    let words = words::of(&app, &request);
    let (session, cookie) = match visitor(&app, &request).await {
        Ok(found) => found,
        Err(error) => return page::failure(words, &error),
    };
    let user = session.and_then(|session| session.user).filter(User::may_sign_in);
    let name = user.as_ref().map(|user| called(user).unwrap_or_default());
    let nonce = page::nonce();
    let template = HomePage { words, nonce: &nonce, user: name.as_deref() };
    let response = page::page(StatusCode::OK, &template, &nonce, None);
    with_cookie(&app, response, cookie.as_ref()).unwrap_or_else(|error| page::failure(words, &error))
}

/// An address that nobody has shown to be theirs names nobody.
fn called(user: &User) -> Option<String> {
    let name = user.name.as_deref().and_then(name::told);
    name.or(user.email.clone().filter(|_| user.email_verified)).or(user.phone.clone().filter(|_| user.phone_verified))
}

/// The session that a request brings; and the cookie to send again, if its end was put off just now.
async fn visitor(app: &App, request: &HttpRequest) -> Result<(Option<CondoSession>, Option<Ticket>)> {
    let Some((session, borne)) = session::find(app, request).await? else { return Ok((None, None)) };
    let renewed = session.renewed && borne == Borne::Cookie;
    let cookie =
        session::ticket(request).filter(|_| renewed).map(|(value, _)| Ticket { value, expires: session.expires });
    Ok((Some(session), cookie))
}

/// Refuses a U+0000, naming the parameter as this dialect does.
fn refuse_nul(request: &HttpRequest) -> Result<()> {
    const PARAMETERS: [&str; 5] =
        ["user_type", "access_token", "client_id", "confirm_phone_action_token", "confirm_email_action_token"];
    let parameter = match nul::find(request) {
        None => return Ok(()),
        Some(Place::Path) => "provider",
        Some(Place::Query(name)) => PARAMETERS.into_iter().find(|known| *known == name).unwrap_or("query"),
    };
    Err(Error::refused(Refusal::InvalidParameter(parameter)))
}

/// What the path calls the partner.
fn decoded(segment: &str) -> String {
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

fn param(request: &HttpRequest, wanted: &str) -> Param {
    let query = request.query_string().as_bytes();
    let mut values = form_urlencoded::parse(query).filter(|(name, _)| name == wanted).map(|(_, value)| value);
    match (values.next(), values.next()) {
        (Some(_), Some(_)) => Param::Repeated,
        (Some(value), None) if !value.is_empty() => Param::One(SecretString::from(value.into_owned())),
        _ => Param::Absent,
    }
}

/// Where a sign-in ends: `/`, under whatever stands before the callback's path.
fn home_path(request: &HttpRequest) -> String {
    let path = request.uri().path();
    format!("{}/", path.rsplit_once("/api/auth/").map_or("", |(before, _)| before))
}

fn redirect(app: &App, request_id: &str, to: &str, ticket: Option<&Ticket>) -> Result<HttpResponse> {
    let response = answer(StatusCode::FOUND, request_id)
        .insert_header((LOCATION, to))
        .content_type("text/plain; charset=utf-8")
        .body(format!("Found. Redirecting to {to}"));
    with_cookie(app, response, ticket)
}

fn with_cookie(app: &App, mut response: HttpResponse, ticket: Option<&Ticket>) -> Result<HttpResponse> {
    if let Some(ticket) = ticket {
        let cookie = session::set_cookie(&app.parts.settings, ticket)?;
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}
