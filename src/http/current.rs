//! The application as it is when a request comes: the request's handler takes it once, and hands it on.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::error::ErrorInternalServerError;
use actix_web::web::Data;
use actix_web::{Error, FromRequest, HttpRequest};

use crate::app::App;
use service::Current;

impl FromRequest for App {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let current = request.app_data::<Data<Current>>();
        ready(current.map(|current| Self { parts: current.take() }).ok_or_else(|| ErrorInternalServerError("no parts")))
    }
}
