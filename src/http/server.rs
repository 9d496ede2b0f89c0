//! The two listeners: the service's and the operator's.

use std::io;
use std::net::TcpListener;
use std::time::Duration;

use actix_web::dev::Server;
/// Stops a running server.
pub use actix_web::dev::ServerHandle;
use actix_web::web;
use actix_web::{App as ActixApp, HttpServer};

use super::condo::graphql;
use super::headers::on_every_answer;
pub use super::ops::Leaving;
use crate::app::App;

/// How long a request that is being served may take to finish when the service goes down, in seconds.
const FINISH: u64 = 20;
/// How long a client may take to send a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// A server that is ready to run.
pub struct Service {
    public: Server,
    ops: Server,
}

impl Service {
    /// Serves `app` on listeners that are already bound. `workers` threads serve the public one.
    pub fn new(
        app: &App,
        public: TcpListener,
        ops: TcpListener,
        workers: usize,
        leaving: &Leaving,
    ) -> io::Result<Self> {
        let served = app.clone();
        let api = web::Data::new(graphql::api(&app.parts.settings));
        let public = HttpServer::new(move || {
            let (served, api) = (served.clone(), api.clone());
            let careful = on_every_answer(served.parts.settings.is_secure());
            ActixApp::new().wrap(careful).configure(move |config| super::routes(&served, &api, config))
        })
        .workers(workers)
        .client_request_timeout(HEAD_TIMEOUT)
        .shutdown_timeout(FINISH)
        .disable_signals()
        .listen(public)?
        .run();
        let (served, leaving) = (app.clone(), leaving.clone());
        let ops = HttpServer::new(move || {
            let (served, leaving) = (served.clone(), leaving.clone());
            // RFC 6797 §7.2: nobody comes here by https.
            let careful = on_every_answer(false);
            ActixApp::new().wrap(careful).configure(move |config| super::ops::routes(&served, &leaving, config))
        })
        .workers(1)
        .disable_signals()
        .listen(ops)?
        .run();
        Ok(Self { public, ops })
    }

    /// Handles to stop the service and the operator's port.
    pub fn handles(&self) -> (ServerHandle, ServerHandle) {
        (self.public.handle(), self.ops.handle())
    }

    /// Serves until both are stopped.
    pub async fn run(self) -> io::Result<()> {
        futures_util::future::try_join(self.public, self.ops).await.map(|_| ())
    }
}
