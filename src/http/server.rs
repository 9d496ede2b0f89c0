//! The two listeners: the service's and the operator's.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::App as ActixApp;
use actix_web::dev::Server;
/// Stops a running server.
pub use actix_web::dev::ServerHandle;
use actix_web::web;

use super::connection::{self, Census, House};
use super::headers::on_every_answer;
use super::metered::Measuring;
use super::ops::Watched;
pub use super::ops::{Hands, Leaving};
use super::pulse::Pulse;
use domain::clock::SharedClock;
use service::Current;

/// How long after it is told to stop nobody is answered any more.
const CUT_OFF: Duration = Duration::from_secs(30);
/// How many connections the operator's listener serves at once.
const OPERATORS: usize = 64;

/// A server that is ready to run.
pub struct Service {
    public: Server,
    ops: Server,
}

/// What a server may use.
#[derive(Clone)]
pub struct Capacity {
    /// Threads that serve the public listener.
    pub workers: usize,
    /// Connections that are served at once, on the public listener.
    pub connections: usize,
    /// Bytes that bodies may take together while they are read.
    pub bodies: usize,
    /// Tells how long peers take. It is the machine's even where the service's is not.
    pub clock: SharedClock,
    /// How long it is served on after it is told to stop.
    pub drain: Duration,
}

impl Service {
    /// Serves on listeners that are already bound; each request by the parts as they are when it comes.
    pub fn new(
        current: &Current,
        public: TcpListener,
        ops: TcpListener,
        capacity: &Capacity,
        operator: &Hands,
    ) -> io::Result<Self> {
        let parts = current.take();
        let settings = &parts.settings;
        let by_https = settings.is_secure();
        let proxies = current.clone();
        let is_proxy = move |ip| proxies.take().settings.trusted_proxies.iter().any(|network| network.contains(&ip));
        let pulse = Pulse::new(SharedClock::clone(&capacity.clock));
        let house = House {
            census: Census::new(capacity.connections, capacity.bodies, is_proxy.clone()),
            clock: SharedClock::clone(&capacity.clock),
            by_https,
            pulse: Arc::clone(&pulse),
            leaving: operator.leaving.clone(),
            workers: capacity.workers,
            most: capacity.connections,
            finish: CUT_OFF.saturating_sub(capacity.drain).as_secs(),
        };
        // RFC 6797 §7.2: nobody comes here by https. And who watches does so until the end.
        let operators = House {
            census: Census::new(OPERATORS, capacity.bodies, is_proxy),
            by_https: false,
            pulse: Pulse::new(SharedClock::clone(&capacity.clock)),
            leaving: Leaving::default(),
            workers: 1,
            most: OPERATORS,
            ..house.clone()
        };
        let (served, api) = (current.clone(), web::Data::new(graphql::api(settings)));
        let (meters, clock) = (Arc::clone(&parts.meters), SharedClock::clone(&capacity.clock));
        let (census, store) = (Arc::clone(&house.census), Arc::clone(&parts.store));
        let public = connection::serve(public, house, move || {
            // Once in each worker, on its thread.
            store.read_on_this_thread();
            let (served, api) = (served.clone(), api.clone());
            ActixApp::new()
                .wrap(on_every_answer(by_https))
                .wrap(Measuring { meters: Arc::clone(&meters), clock: SharedClock::clone(&clock) })
                .configure(move |config| super::routes(&served, &api, config))
        })?;
        let here = ops.local_addr()?.ip().to_canonical();
        let watched = Watched { current: current.clone(), operator: operator.clone(), here, pulse, census };
        let ops = connection::serve(ops, operators, move || {
            let watched = watched.clone();
            let careful = on_every_answer(false);
            ActixApp::new().wrap(careful).configure(move |config| super::ops::routes(&watched, config))
        })?;
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
