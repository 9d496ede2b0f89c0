//! Connections below the application: who is let in, when they are read, and how long a peer may take over what it sends and
//! over what is sent to it. The server has no hook for these, but it serves any stream: [`stream`] is ours.

mod ahead;
mod bare;
mod body;
mod census;
mod stream;
mod turn;

use std::fmt;
use std::io;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_http::error::DispatchError;
use actix_http::{BoxedPayloadStream, ConnectionType, HttpService, KeepAlive, Payload, Protocol, Request};
use actix_service::{
    IntoServiceFactory, Service as _, ServiceFactory, ServiceFactoryExt as _, apply_fn_factory, map_config,
};
use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, Server, ServiceResponse, fn_service};
use tokio::net::TcpStream;

pub(super) use body::Stopped;
pub(super) use census::Census;

use crate::http::ops::Leaving;
use crate::http::pulse::Pulse;
use ahead::Queue;
use body::Body;
use domain::clock::{SharedClock, SystemClock};
use stream::Stream;
use turn::Turn;

/// How long a peer may still send what nobody reads, after an answer that ends the connection: so that it gets to the answer. Its
/// portions wait among those of others meanwhile.
const LINGER: Duration = Duration::from_secs(5);

/// What holds for the connections of a listener.
#[derive(Clone)]
pub(super) struct House {
    /// Who is connected.
    pub(super) census: Arc<Census>,
    /// Tells how long a peer takes.
    pub(super) clock: SharedClock,
    /// Whether people come by https.
    pub(super) by_https: bool,
    /// Hears from the workers.
    pub(super) pulse: Arc<Pulse>,
    /// Whether it closes.
    pub(super) leaving: Leaving,
    /// How many threads serve.
    pub(super) workers: usize,
    /// How many connections are served at once.
    pub(super) most: usize,
    /// How long requests may take to finish once it is stopped, in seconds.
    pub(super) finish: u64,
}

/// Serves what `app` makes, in each worker anew, on `listener`.
pub(super) fn serve<A, F, S, B>(listener: TcpListener, house: House, app: A) -> io::Result<Server>
where
    A: Fn() -> F + Send + Clone + 'static,
    F: IntoServiceFactory<S, Request> + 'static,
    S: ServiceFactory<Request, Config = AppConfig, Response = ServiceResponse<B>, Error = Error> + 'static,
    S::InitError: fmt::Debug,
    B: MessageBody + 'static,
{
    let builder = Server::build()
        .workers(house.workers)
        // Not one by one: beyond it the next ones wait until somebody goes.
        .max_concurrent_connections(house.most.div_ceil(house.workers).max(1))
        .shutdown_timeout(house.finish)
        .disable_signals();
    let stopping = builder.graceful_shutdown_signal();
    let server = builder.listen("http", listener, move || {
        // Each worker comes here once, on its own thread. No thread counts with another who has the house.
        let house = Rc::new(house.clone());
        actix_web::rt::spawn(house.pulse.beat());
        let queue = Rc::<Queue>::default();
        // The processor's time, whatever the time of day is taken to be.
        actix_web::rt::spawn(Rc::clone(&queue).run(SystemClock::shared()));
        let stopping = stopping.clone();
        let http = HttpService::build()
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            // The stream sees to these, for each head and not the first alone.
            .keep_alive(KeepAlive::Os)
            .client_request_timeout(Duration::ZERO)
            .client_disconnect_timeout(LINGER)
            .h1_allow_half_closed(true)
            .on_connect_ext(|stream: &Stream, data| {
                data.insert(Rc::clone(&stream.turn));
            })
            .finish(apply_fn_factory(map_config(app(), |()| AppConfig::default()), {
                let house = Rc::clone(&house);
                move |mut request: Request, app: &S::Service| {
                    let turn = begin(&mut request, &house);
                    let (answer, house) = (app.call(request), Rc::clone(&house));
                    async move {
                        let mut answer = answer.await?;
                        if let Some(turn) = turn {
                            turn.finish();
                        }
                        if house.leaving.has_begun() {
                            answer.response_mut().head_mut().set_connection_type(ConnectionType::Close);
                        }
                        Ok::<_, Error>(answer)
                    }
                }
            }));
        fn_service(move |io: TcpStream| {
            // Who has as many connections as one may have is told at once, and takes no turn.
            let guest = house.census.let_in(&io);
            let (house, queue) = (Rc::clone(&house), Rc::clone(&queue));
            async move {
                let guest = guest.map_err(DispatchError::Io)?;
                let turn = Turn::new(guest, queue.admit().await);
                // Who has gone meanwhile has no address any more.
                let peer = io.peer_addr().map_err(DispatchError::Io)?;
                let stream = Stream::new(io, turn, queue, SharedClock::clone(&house.clock), house.by_https);
                Ok((stream, Protocol::Http1, Some(peer)))
            }
        })
        .and_then(http)
    })?;
    Ok(server.run())
}

/// It is our turn: a whole head has come. What comes of a body is counted from here on.
fn begin(request: &mut Request, house: &House) -> Option<Rc<Turn>> {
    let turn = request.conn_data::<Rc<Turn>>().cloned()?;
    let payload = match request.take_payload() {
        Payload::H1 { payload } => {
            turn.begin(true);
            let body = Body::new(payload, Rc::clone(&turn), SharedClock::clone(&house.clock));
            let payload: BoxedPayloadStream = Box::pin(body);
            Payload::Stream { payload }
        }
        other => {
            turn.begin(false);
            other
        }
    };
    *request.payload() = payload;
    Some(turn)
}
