//! `/admin/api` and `/api/graphql`: reads a request or a batch of them, runs each, and shapes the answers.

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, SET_COOKIE};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use async_graphql::Value;

use crate::app::App;
use crate::http::blitz::error::method_not_allowed;
use crate::http::condo::session::{self, Borne};
use crate::http::limits::{BODY_LIMIT, Unread, body_up_to};
use crate::http::{address, cookies, cors, words};
use domain::{Error, Result};
use graphql::{
    Answer, Api, Asked, Budget, COMPLEXITY, Envelope, Left, NUL, Read, Refused, TEXT_LIMIT, VARIABLES, Visit, err_id,
    read, read_address,
};
use service::condo_sessions::Ticket;
use service::report_as;

/// So many requests of a batch may each ask for all that one may.
const FULL: usize = 10;
/// The largest body: the longest variables, and the longest query with every character of it escaped.
const BODY: usize = VARIABLES + 6 * TEXT_LIMIT + 1024;

const WRONG_TYPE: Refused =
    Refused::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "BAD_USER_INPUT", "The body must be application/json");
const CODED: Refused =
    Refused::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "BAD_USER_INPUT", "The body must come without a Content-Encoding");
const TOO_LARGE: Refused =
    Refused::new(StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE", "The body is larger than any that is read");
const TOO_LARGE_OF_NOBODY: Refused = Refused::new(
    StatusCode::PAYLOAD_TOO_LARGE,
    "PAYLOAD_TOO_LARGE",
    "The body is larger than any that is read of who is not signed in",
);
const TOO_SLOW: Refused = Refused::new(StatusCode::REQUEST_TIMEOUT, "BAD_USER_INPUT", "The body came too slowly");
const NO_ROOM: Refused = Refused::new(
    StatusCode::TOO_MANY_REQUESTS,
    "TOO_MANY_REQUESTS",
    "Too many bodies are being read at the moment: try again in a second",
);
const BROKEN: Refused = Refused::new(StatusCode::BAD_REQUEST, "BAD_USER_INPUT", "The body broke off");
const CROSS_SITE: Refused = Refused::new(
    StatusCode::FORBIDDEN,
    "FORBIDDEN",
    "The page that sends this is of another origin: name it in cors_origins, let your own proxy pass on Sec-Fetch-Site, or send \
     the session as Bearer",
);
const UNAVAILABLE: Refused =
    Refused::new(StatusCode::SERVICE_UNAVAILABLE, "INTERNAL_ERROR", "The service is unavailable for the moment");

/// A GET changes nothing, and a page of another site can't read the answer; but it can have a browser send one, and see how long the
/// answer takes.
const PLAIN_GET: Refused = Refused::new(
    StatusCode::BAD_REQUEST,
    "BAD_USER_INPUT",
    "A GET with the session's cookie must have a header that a form can't send: Apollo-Require-Preflight, or \
     Content-Type: application/json",
);

/// `POST /admin/api`
pub(in crate::http) async fn post(app: App, api: Data<Api>, request: HttpRequest, payload: Payload) -> HttpResponse {
    let desk = Desk::of(&app, &request);
    if let Err(refused) = desk.look_at_head() {
        return desk.refuse(refused);
    }
    // Before the body: how much is read of it is a matter of who calls.
    let visit = match desk.visit().await {
        Ok(visit) => visit,
        Err(error) => return desk.unavailable(&error),
    };
    let read = match desk.read(payload, &visit).await {
        Ok(read) => read,
        Err(refused) => return desk.refuse(refused),
    };
    let answer = match read {
        Read::One(posted) => desk.run(&api, &visit, Asked::of(posted)).await,
        Read::Batch(batch) => {
            let budget = Budget::of(FULL * COMPLEXITY);
            let mut bodies = Vec::with_capacity(batch.len());
            // One after the other: what counts tries counts these as it would as many requests.
            for posted in batch {
                let answer = match posted {
                    Ok(posted) => desk.run(&api, &visit, Asked { budget: Some(&budget), ..Asked::of(posted) }).await,
                    Err(refused) => desk.envelope().refused(refused),
                };
                bodies.push(answer.body);
            }
            Answer { status: StatusCode::OK, body: Value::List(bodies) }
        }
    };
    desk.respond(answer, visit.left())
}

/// `GET /admin/api`
pub(in crate::http) async fn get(app: App, api: Data<Api>, request: HttpRequest) -> HttpResponse {
    let desk = Desk::of(&app, &request);
    let posted = match desk.look_at_link().and_then(|()| read_address(request.query_string())) {
        Ok(posted) => posted,
        Err(refused) => return desk.refuse(refused),
    };
    let visit = match desk.visit().await {
        Ok(visit) => visit,
        Err(error) => return desk.unavailable(&error),
    };
    let answer = desk.run(&api, &visit, Asked { is_query: true, ..Asked::of(posted) }).await;
    let is_refused = answer.status == StatusCode::METHOD_NOT_ALLOWED;
    let mut response = desk.respond(answer, visit.left());
    if is_refused {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
    }
    response
}

/// `OPTIONS /admin/api`
pub(in crate::http) async fn preflight(app: App, request: HttpRequest) -> HttpResponse {
    cors::preflight(&app, &request).unwrap_or_else(|| method_not_allowed(&["get", "post"]))
}

/// Where a request is taken in and its answer given out.
struct Desk<'a> {
    app: &'a App,
    request: &'a HttpRequest,
    locale: settings::Locale,
}

impl<'a> Desk<'a> {
    fn of(app: &'a App, request: &'a HttpRequest) -> Self {
        Self { app, request, locale: words::asked(app, request) }
    }

    fn envelope(&self) -> Envelope<'_> {
        Envelope { entropy: &self.app.parts.entropy, locale: self.locale }
    }

    fn look_at_head(&self) -> std::result::Result<(), Refused> {
        let borne = session::ticket(self.request).map(|(_, borne)| borne);
        if !cors::is_welcome(self.app, self.request, borne == Some(Borne::Cookie)) {
            return Err(CROSS_SITE);
        }
        if !is_json(self.request) {
            return Err(WRONG_TYPE);
        }
        if is_coded(self.request) { Err(CODED) } else { Ok(()) }
    }

    fn look_at_link(&self) -> std::result::Result<(), Refused> {
        let brings_cookie = session::ticket(self.request).is_some_and(|(_, borne)| borne == Borne::Cookie);
        if !cors::is_welcome(self.app, self.request, brings_cookie) {
            return Err(CROSS_SITE);
        }
        let is_meant = !brings_cookie || cors::is_meant(self.app, self.request, is_json(self.request));
        if is_meant { Ok(()) } else { Err(PLAIN_GET) }
    }

    async fn read(&self, payload: Payload, visit: &Visit) -> std::result::Result<Read, Refused> {
        let is_known = visit.session.is_some();
        let limit = if is_known { BODY } else { BODY_LIMIT };
        let body = body_up_to(limit, self.request, payload).await.map_err(|unread| match unread {
            Unread::TooLarge { .. } if is_known => TOO_LARGE,
            Unread::TooLarge { .. } => TOO_LARGE_OF_NOBODY,
            Unread::WrongType => WRONG_TYPE,
            Unread::Broken => BROKEN,
            Unread::TooSlow => TOO_SLOW,
            Unread::NoRoom => NO_ROOM,
            Unread::Nul(_) => NUL,
        })?;
        read(&body)
    }

    async fn visit(&self) -> Result<Visit> {
        let found = session::find(self.app, self.request).await?;
        let borne = found.as_ref().map(|(_, borne)| *borne);
        let session = found.map(|(session, _)| session);
        let visit = Visit::new(&self.app.parts, address::origin(self.app, self.request), self.locale, session);
        // A session whose end was put off is kept by the browser as long only if it is told.
        if let (Some(session), Some(Borne::Cookie)) = (visit.session.as_ref().filter(|session| session.renewed), borne)
            && let Some((value, _)) = session::ticket(self.request)
        {
            visit.leave(Ticket { value, expires: session.expires });
        }
        Ok(visit)
    }

    async fn run(&self, api: &Api, visit: &Visit, asked: Asked<'_>) -> Answer {
        api.run(&self.envelope(), visit, asked).await.unwrap_or_else(|error| {
            report_as(&error, &err_id(&self.app.parts.entropy));
            self.envelope().refused(UNAVAILABLE)
        })
    }

    fn respond(&self, answer: Answer, left: Left) -> HttpResponse {
        let settings = &self.app.parts.settings;
        let cookie = match left.session.map(|ticket| session::set_cookie(settings, &ticket)).transpose() {
            Ok(cookie) => cookie,
            Err(error) => return self.unavailable(&error),
        };
        let mut response = HttpResponse::build(answer.status);
        if let Some(cookie) = cookie {
            response.insert_header((SET_COOKIE, cookie));
        }
        if let Some(device) = left.device {
            response.cookie(cookies::keep_device(settings, &device));
        }
        let mut response = response.json(answer.body);
        cors::admit(self.app, self.request, &mut response);
        response
    }

    fn refuse(&self, refused: Refused) -> HttpResponse {
        self.respond(self.envelope().refused(refused), Left::default())
    }

    fn unavailable(&self, error: &Error) -> HttpResponse {
        report_as(error, &err_id(&self.app.parts.entropy));
        self.refuse(UNAVAILABLE)
    }
}

/// Whether the body says that it is JSON. A form, or plain text, is what a page of another site can post without asking.
fn is_json(request: &HttpRequest) -> bool {
    let stated = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = stated.and_then(|value| value.split(';').next()).unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

/// Whether the body says that it is compressed: a few bytes of that can stand for any number.
fn is_coded(request: &HttpRequest) -> bool {
    let is_none = |value: &HeaderValue| value.is_empty() || value.as_bytes().eq_ignore_ascii_case(b"identity");
    !request.headers().get_all(CONTENT_ENCODING).all(is_none)
}
