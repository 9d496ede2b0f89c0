//! The authorization endpoint, as a browser meets it (RFC 6749 §3.1).

use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse};

use crate::app::App;
use crate::http::{cookies, nul, page, words};
use service::authorize::{self, Step, Unfit};

/// `GET /oauth/ae`
pub(crate) async fn authorize(app: App, request: HttpRequest) -> HttpResponse {
    let words = words::of(&app, &request);
    if let Err(error) = nul::refuse(&request) {
        return page::failure(words, &error);
    }
    let session = cookies::session(&app, &request);
    let to = match authorize::authorize(&app.parts, request.query_string(), session).await {
        Ok(Step::ToSignIn(url)) => url.into(),
        Ok(Step::ToApp(address)) => address,
        Ok(Step::Nowhere(Unfit::Client)) => return page::bad_request(words, words.unknown_application),
        Ok(Step::Nowhere(Unfit::RedirectUri)) => return page::bad_request(words, words.unknown_redirect_uri),
        Ok(Step::Nowhere(Unfit::Parameters)) => return page::bad_request(words, words.too_many_parameters),
        Err(error) => return page::failure(words, &error),
    };
    page::private(HttpResponse::SeeOther()).insert_header((LOCATION, to)).finish()
}
