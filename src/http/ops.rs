//! For the operator, off the public port: is it alive, can it serve.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::HttpResponse;
use actix_web::web::{self, Data, ServiceConfig};
use serde_json::json;

use super::at;
use crate::app::App;
use crate::http::blitz::error::{not_found, report};

/// Whether the service is going down: readiness drops first, so that nobody sends it anything new.
#[derive(Clone, Default)]
pub struct Leaving(Arc<AtomicBool>);

impl Leaving {
    /// From now on the service is not ready.
    pub fn begin(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether it is.
    pub(super) fn has_begun(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// The routes of the operations port.
pub(super) fn routes(app: &App, leaving: &Leaving, config: &mut ServiceConfig) {
    config.app_data(Data::new(app.clone())).app_data(Data::new(leaving.clone())).default_service(web::to(not_found));
    at!(config, "/healthz", get => healthz);
    at!(config, "/readyz", get => readyz);
}

/// `GET /healthz`: the process runs.
async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(json!({"status": "ok"}))
}

/// `GET /readyz`: the database answers and the keyring is open, or no new request should come.
async fn readyz(app: Data<App>, leaving: Data<Leaving>) -> HttpResponse {
    let mut response = HttpResponse::ServiceUnavailable();
    if leaving.has_begun() {
        return response.json(json!({"status": "unavailable"}));
    }
    match app.parts.store.ping().await {
        // The keyring was opened before the port was.
        Ok(()) => HttpResponse::Ok().json(json!({"status": "ok", "checks": {"database": "ok", "keyring": "ok"}})),
        Err(error) => {
            report(&error);
            response.json(json!({"status": "unavailable", "checks": {"database": "unavailable", "keyring": "ok"}}))
        }
    }
}
