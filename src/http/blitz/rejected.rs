//! A token that an API refused: the caller says which, and gets what there is instead.

use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;

use super::body::body_for;
use super::error::Failure;
use super::fed_token::Tokens;
use crate::app::App;
use crate::http::caller::bearer;
use crate::http::path;
use crate::http::path::last;
use domain::caller::Action;
use domain::ids::Sid;
use domain::{Error, json};
use service::rejected::{Report, report as look_into};

/// A token may have 64 KiB; escaped, each of its bytes takes six at most.
const BODY: usize = 512 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Posted {
    sid: String,
    token: String,
}

/// `POST /api/v3/users/{subjectId}/fedToken/{type}/{name}/rejected`
pub(crate) async fn report(
    app: App,
    request: HttpRequest,
    payload: Payload,
) -> std::result::Result<HttpResponse, Failure> {
    let caller = bearer(&app, &request).await?;
    let sent = body_for(&caller, Action::FetchTokens, &request, payload, BODY).await?;
    let [subject, _fed_token, fp_type, fp_name, _rejected] = last(&request);
    let Posted { sid, token } = json::read("body", &sent)?;
    if token.is_empty() {
        return Err(Error::input("token", "must be the token that was refused").into());
    }
    let reported = Report {
        subject: path::subject(subject)?,
        provider: path::provider(fp_type, fp_name)?,
        sid: Sid::parse(sid)?,
        token: token.into(),
    };
    let served = look_into(&app.parts, &caller, &reported).await?;
    Ok(HttpResponse::Ok().json(Tokens(served)))
}
