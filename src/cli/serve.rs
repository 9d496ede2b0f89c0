//! `fedlink serve`: serves until it is told to stop, takes a changed keyring when it is told to, and ends cleanly.

use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::runtime::Handle;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;

use super::manager;
use super::opened::{build, load, told_to_stop};
use super::output::Trouble;
use crate::app::App;
use crate::http::server::{Capacity, Hands, Service};
use domain::clock::SystemClock;
use domain::pace;
use domain::served::Due;
use service::reload::Reload;
use service::{Current, Rounds, counting, folding, keys, outbox, refresh, sweep};
use settings::{Configuration, process_env};
use store::Store;

pub(super) async fn run(config: &Path) -> Result<ExitCode, Trouble> {
    // First of all: until somebody listens to it, the signal ends the process.
    let hangups =
        signal(SignalKind::hangup()).map_err(|error| Trouble::say(format!("can't listen to signals: {error}")))?;
    let configuration = load(config)?;
    let start = &configuration.start;
    let (public, ops) = (bind("listen", start.listen)?, bind("ops_listen", start.ops_listen)?);
    let (drain, within) = (start.drain, start.stop_within);
    let begun = start.clone();
    // Before anything is opened: a second server must not migrate, or bring ownership in line with settings of its own.
    let only_server = lock(&configuration)?;
    let app = build(configuration).await?;
    refresh::clear_after_a_crash(&app.parts).await.map_err(|error| Trouble::from(&error))?;
    if only_server.is_some() {
        keys::forget_others(&app.parts).await.map_err(|error| Trouble::from(&error))?;
    }
    keys::join(&app.parts).await.map_err(|error| Trouble::from(&error))?;
    let addresses = public.local_addr().and_then(|public| ops.local_addr().map(|ops| (public, ops)));
    let (listen, ops_listen) = addresses.map_err(|error| Trouble::say(format!("can't listen: {error}")))?;
    let current = Current::new(&app.parts);
    let config = config.to_owned();
    let reload = Reload::new(current.clone(), begun, move || Configuration::load(&config, &process_env));
    let reload = Arc::new(reload);
    let operator = Hands { reload: Some(Arc::clone(&reload)), ..Hands::default() };
    let service = Service::new(&current, public, ops, &capacity(drain), &operator)
        .map_err(|error| Trouble::say(format!("can't serve: {error}")))?;
    let (public, ops) = service.handles();
    tracing::info!("listening on http://{listen}, operations on http://{ops_listen}");
    let rounds = Rounds::begin(&current);
    let reloading = tokio::spawn(reload_when_told(reload, hangups));
    let serving = tokio::spawn(service.run());

    manager::ready();
    told_to_stop().await?;
    manager::stopping(within);
    let stopping = Stopping { began: Instant::now(), drain, within };
    tracing::info!("stopping: requests finish, refreshes in flight are stored");
    if only_server.is_some() {
        // Before anybody hears of it: what is begun now might not be stored before the end.
        app.parts.flights.begin_no_more();
    }
    operator.leaving.begin();
    // Nothing is refreshed ahead any more; what is in the air already flies on.
    rounds.refreshing.abort();
    if only_server.is_some() {
        // Nobody else can serve what is stored; so it is served until the last answer is stored as well.
        tokio::join!(tokio::time::sleep(stopping.drain), stopping.land(&app));
    } else {
        tokio::time::sleep(stopping.drain).await;
    }
    public.stop(true).await;
    rounds.sweeping.abort();
    rounds.counting.abort();
    rounds.folding.abort();
    rounds.keeping.abort();
    reloading.abort();
    // A call that is cut off is made again: the job stays until its end is recorded.
    rounds.revoking.abort();
    stopping.land(&app).await;
    // What is cut off is told again.
    rounds.telling.abort();
    drop(rounds.telling.await);
    leave_outbox(&app).await;
    end(&app, rounds.reporting).await;
    ops.stop(true).await;
    match serving.await {
        Ok(Ok(())) => Ok(ExitCode::SUCCESS),
        Ok(Err(error)) => Err(Trouble::say(format!("serving failed: {error}"))),
        Err(error) => Err(Trouble::say(format!("serving failed: {error}"))),
    }
}

/// Lets another instance tell what waits, at once.
async fn leave_outbox(app: &App) {
    if let Err(error) = outbox::leave(&app.parts).await {
        tracing::warn!(%error, "no other instance tells of events for half a minute");
    }
}

/// What this machine lets us use: all of its processors, and connections as far as descriptors go.
fn capacity(drain: Duration) -> Capacity {
    let limit = getrlimit(Resource::Nofile);
    // A soft limit is there for programs that can't count beyond 1024.
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let descriptors = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(error) => {
            tracing::warn!(%error, "the limit of open files can't be raised");
            limit.current
        }
    };
    Capacity {
        workers: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        connections: pace::connections(descriptors.unwrap_or(u64::MAX)),
        bodies: pace::BODIES,
        clock: SystemClock::shared(),
        drain,
    }
}

/// On SIGHUP takes the settings and the keyring as they are now; it says in the log what came of that.
async fn reload_when_told(reload: Arc<Reload>, mut hangups: Signal) {
    while hangups.recv().await.is_some() {
        let _told = reload.run().await;
    }
}

/// A stop under way.
struct Stopping {
    began: Instant,
    /// How long it is served on, so that balancers see that no more should come.
    drain: Duration,
    /// How long refreshes in flight may take: as long as a slow provider's answer is waited for, which may have the only token
    /// that works.
    within: Duration,
}

impl Stopping {
    /// Begins no refresh any more, and waits until those in flight are stored.
    async fn land(&self, app: &App) {
        let left = self.within.saturating_sub(self.began.elapsed());
        if tokio::time::timeout(left, app.parts.flights.land_all()).await.is_err() {
            let flights = &app.parts.flights;
            for link in flights.in_the_air() {
                let waits_for = if flights.is_at_database(link) { "database" } else { "provider" };
                tracing::error!(%link, waits_for, "stopped with a refresh under way; its token may be lost");
            }
        }
    }
}

/// Lets what is under way reach the database.
async fn end(app: &App, reporting: JoinHandle<()>) {
    if let Err(error) = sweep::finish(&app.parts).await {
        tracing::warn!(%error, "last uses could not be written");
    }
    if let Err(error) = counting::write(&app.parts).await {
        tracing::warn!(%error, "the last counts could not be added to the record");
    }
    if let Err(error) = folding::fold(&app.parts, Due::AtTheEnd).await {
        tracing::warn!(%error, "the last tokens that were counted are added to the record later");
    }
    // The last thing: until here it may have sealed something. No report may come after the goodbye.
    reporting.abort();
    let _ended = reporting.await;
    if let Err(error) = keys::leave(&app.parts).await {
        tracing::warn!(%error, "others take this instance for a serving one for two minutes more");
    }
}

fn bind(name: &str, address: SocketAddr) -> Result<TcpListener, Trouble> {
    TcpListener::bind(address)
        .map_err(|error| Trouble::say(format!("can't listen on {address} ({name}): {error}; is it served already?")))
}

/// A SQLite file is served by one process: it alone keeps two refreshes of a link apart. The lock goes with the process.
fn lock(Configuration { start, settings }: &Configuration) -> Result<Option<File>, Trouble> {
    let store = Store::new(&start.database_url, settings.ca_file.as_deref(), Handle::current())
        .map_err(|error| Trouble::from(&error))?;
    let Some(database) = store.sqlite_path() else { return Ok(None) };
    let path = database.with_extension("lock");
    let trouble = |error: std::io::Error| {
        Trouble::say(format!("can't make {}, which locks {}: {error}", path.display(), database.display()))
    };
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path).map_err(trouble)?;
    let mode = file.metadata().map_err(trouble)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(mode & 0o700)).map_err(trouble)?;
        tracing::warn!(path = %path.display(), "others could read or write this file ({mode:o}): now its owner alone can");
    }
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(Trouble::say(format!(
            "{} is served already by another process; use PostgreSQL to serve from several",
            database.display()
        ))),
        Err(TryLockError::Error(error)) => Err(trouble(error)),
    }
}
