//! What a failure of a partner's sign-in looks like (`docs/condo-contract.md` 1.4): status and body, the keys in the source's order.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::app::App;
use crate::http::page::private;
use crate::http::words;
use domain::Error;
use domain::refusal::Refusal;
use graphql::err_id;
use graphql::refusals::{Code, Told, told};
use service::report_as;
use settings::Locale;

const HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// The longest request id of somebody else's that is passed on, in characters.
const ID_LIMIT: usize = 128;

#[derive(Serialize)]
struct Body<'a> {
    errors: [Failure<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure<'a> {
    message: &'a str,
    name: &'a str,
    req_id: &'a str,
    err_id: &'a str,
    extensions: Extensions<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Extensions<'a> {
    code: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_for_user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_for_user_template_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_for_user_template: Option<&'a str>,
    #[serde(skip_serializing_if = "Pairs::is_empty")]
    message_interpolation: Pairs<'a>,
}

/// An object whose keys keep their order.
struct Pairs<'a>(&'a [(&'static str, Value)]);

impl Pairs<'_> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Pairs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.0 {
            object.serialize_entry(name, value)?;
        }
        object.end()
    }
}

/// The id of a request: what its sender calls it, if that can be passed on as it is, else a new one.
pub(super) fn request_id(app: &App, request: &HttpRequest) -> String {
    let sent = request.headers().get(HEADER).and_then(|value| value.to_str().ok());
    let is_sane = |id: &&str| {
        (1..=ID_LIMIT).contains(&id.len())
            && id.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':'))
    };
    sent.filter(is_sane).map_or_else(|| app.parts.entropy.uuid().to_string(), str::to_owned)
}

/// Gives every answer of the dialect that has none the id of its request.
pub(in crate::http) async fn with_request_id<B: MessageBody>(
    app: App,
    request: ServiceRequest,
    next: Next<B>,
) -> std::result::Result<ServiceResponse<B>, actix_web::Error> {
    let id = HeaderValue::try_from(request_id(&app, request.request()));
    let mut response = next.call(request).await?;
    if let (false, Ok(id)) = (response.headers().contains_key(HEADER), id) {
        response.headers_mut().insert(HEADER, id);
    }
    Ok(response)
}

/// An answer of these routes: the tokens in their addresses are kept by nobody, and told to nobody.
pub(super) fn answer(status: StatusCode, request_id: &str) -> HttpResponseBuilder {
    let mut response = private(HttpResponse::build(status));
    response.insert_header((HEADER, request_id));
    response
}

/// The answer to a request that fails. Whatever went wrong on our side looks like a partner that doesn't answer.
pub(super) fn failure(app: &App, request: &HttpRequest, request_id: &str, error: &Error) -> HttpResponse {
    let err_id = err_id(&app.parts.entropy);
    let refusal = match error {
        Error::Refused(refusal) => told(refusal),
        _ => None,
    };
    let told = refusal.or_else(|| {
        report_as(error, &err_id);
        told(&Refusal::AuthorizationFailed)
    });
    let Some(told) = told else { return answer(StatusCode::INTERNAL_SERVER_ERROR, request_id).finish() };
    if matches!(error, Error::Refused(_)) && told.code == Code::InternalError {
        tracing::warn!(request_id, err_id, "a partner's sign-in failed: {}", told.kind);
    }
    shaped(&told, words::asked(app, request), request_id, &err_id)
}

fn shaped(told: &Told, locale: Locale, request_id: &str, err_id: &str) -> HttpResponse {
    let status = match told.code {
        Code::BadUserInput => StatusCode::BAD_REQUEST,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
        Code::InternalError => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let message = told.message();
    let for_user = told.message_for_user(locale);
    let key = told.for_user.map(|_| format!("api.user.{}", told.kind));
    let extensions = Extensions {
        code: told.code.as_str(),
        kind: told.kind,
        message: &message,
        message_for_user: for_user.as_ref().map(|(text, _)| text.as_str()),
        message_for_user_template_key: key.as_deref(),
        message_for_user_template: for_user.as_ref().map(|(_, template)| *template),
        message_interpolation: Pairs(&told.interpolation),
    };
    let failure = Failure { message: &message, name: "GQLError", req_id: request_id, err_id, extensions };
    answer(status, request_id).json(Body { errors: [failure] })
}
