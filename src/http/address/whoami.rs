//! Tells a caller where it comes from, as far as we see it: whoever sets up a proxy looks here whether it is believed.

use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

use super::origin;
use crate::app::App;

/// `GET /api/whoami`
pub(in crate::http) async fn whoami(app: App, request: HttpRequest) -> HttpResponse {
    let ip = origin(&app, &request).ip.to_string();
    HttpResponse::Ok().json(json!({ "ip": ip }))
}
