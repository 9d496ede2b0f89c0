//! For the operator, off the public port: is it alive, can it serve, what is it doing.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::http::header::ORIGIN;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

use super::at;
use super::connection::Census;
use crate::http::blitz::error::{Failure, not_found};
use crate::http::failure::report;
use crate::http::pulse::Pulse;
use service::reload::{Refused, Reload, Reloaded};
use service::{Current, meters};

/// The text form of `OpenMetrics`.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

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

/// What the operator, or the process itself, has a running service do.
#[derive(Clone, Default)]
pub struct Hands {
    /// Has it go down.
    pub leaving: Leaving,
    /// Has it read its settings anew, if they are somewhere to be read.
    pub reload: Option<Arc<Reload>>,
}

/// What the operator asks about.
#[derive(Clone)]
pub(super) struct Watched {
    pub(super) current: Current,
    pub(super) operator: Hands,
    /// Where the operator's listener is.
    pub(super) here: IpAddr,
    pub(super) pulse: Arc<Pulse>,
    pub(super) census: Arc<Census>,
}

/// The routes of the operations port.
pub(super) fn routes(watched: &Watched, config: &mut ServiceConfig) {
    config.app_data(Data::new(watched.clone())).default_service(web::to(not_found));
    at!(config, "/healthz", get => healthz);
    at!(config, "/readyz", get => readyz);
    at!(config, "/metrics", get => metrics);
    at!(config, "/reload", post => reload);
}

/// `GET /healthz`: the process runs.
async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(json!({"status": "ok"}))
}

/// `GET /readyz`: the database answers, the keyring is open and every worker gets to its work; or no new request should come.
async fn readyz(watched: Data<Watched>) -> HttpResponse {
    if watched.operator.leaving.has_begun() {
        return HttpResponse::ServiceUnavailable().json(json!({"status": "unavailable"}));
    }
    let answered = watched.current.take().store.ping().await;
    if let Err(error) = &answered {
        report(error);
    }
    let database = answered.is_ok();
    let workers = watched.pulse.is_regular();
    let word = |is_ok: bool| if is_ok { "ok" } else { "unavailable" };
    let is_ready = database && workers;
    let mut response = if is_ready { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    // The keyring was opened before the port was.
    let checks = json!({"database": word(database), "keyring": "ok", "workers": word(workers)});
    response.json(json!({"status": word(is_ready), "checks": checks}))
}

/// `GET /metrics`: all that is measured, for Prometheus (docs/metrics.md).
async fn metrics(watched: Data<Watched>) -> Result<HttpResponse, Failure> {
    let text = meters::told(&watched.current.take(), watched.census.rooms()).await?;
    Ok(HttpResponse::Ok().content_type(OPEN_METRICS).body(text))
}

/// `POST /reload`: reads the settings and the keyring anew, for who is on this machine; no page of a browser is.
async fn reload(watched: Data<Watched>, request: HttpRequest) -> HttpResponse {
    let Some(reload) = &watched.operator.reload else { return not_found().await };
    let peer = request.peer_addr().map(|peer| peer.ip().to_canonical());
    // Who is on this machine has the address that it has reached us at.
    let is_from_here = peer.is_some_and(|peer| peer.is_loopback() || peer == watched.here);
    if !is_from_here || request.headers().contains_key(ORIGIN) {
        let mistakes = ["ask on the machine that serves, such as by `fedlink reload`"];
        return HttpResponse::Forbidden().json(json!({"status": "refused", "mistakes": mistakes}));
    }
    match reload.run().await {
        Ok(Reloaded { at_next_start, keyring }) => {
            HttpResponse::Ok().json(json!({"status": "ok", "keyring": keyring, "at_next_start": at_next_start}))
        }
        Err(Refused { mistakes }) => {
            HttpResponse::UnprocessableEntity().json(json!({"status": "refused", "mistakes": mistakes}))
        }
    }
}
