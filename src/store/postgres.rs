//! PostgreSQL: point reads and single-statement writes pipelined over a few shared connections, a pool for transactions.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;
use diesel_async::{AsyncPgConnection, RunQueryDsl as _, SimpleAsyncConnection as _};
use diesel_migrations::MigrationHarness as _;
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio::runtime::Handle;
use tokio::time::Instant;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Config, NoTls, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::conn::{Conn, PostgresLease, SharedLink};
use super::error::{lift, unavailable};
use super::pool::Pool;
use crate::domain::{Error, Result};

/// Shared connections for point queries. A few suffice: each carries many queries at once.
const SHARED: usize = 4;
/// Transactions at once.
const TRANSACTIONS: usize = 16;
/// As long as a SQLite writer waits for its turn.
const LOCK_PATIENCE: &str = "SET lock_timeout = '5s'";
/// "fedlink" in ASCII, cut to what an advisory lock takes: who migrates holds it.
const MIGRATION_LOCK: i64 = 0x0066_6564_6c69_6e6b;

/// How to reach a Postgres server.
#[derive(Clone)]
struct Address {
    config: Config,
    ca_file: Option<PathBuf>,
    runtime: Handle,
    /// When a connection was last lost or could not be made. By the machine's clock: it measures an outage, and decides
    /// nothing that tests move.
    trouble: Arc<Mutex<Option<Instant>>>,
}

/// A PostgreSQL database.
pub(super) struct Postgres {
    address: Address,
    shared: Vec<Slot>,
    next: AtomicUsize,
    transactions: Arc<Pool<Link>>,
}

/// A place for one shared connection.
struct Slot {
    current: RwLock<Option<Link>>,
    opening: tokio::sync::Mutex<()>,
}

/// An open connection, and whether its driver has ended.
#[derive(Clone)]
pub(super) struct Link {
    conn: Arc<AsyncPgConnection>,
    closed: Arc<AtomicBool>,
}

impl Link {
    fn is_closed(&self) -> bool {
        AtomicBool::load(&self.closed, Ordering::Acquire)
    }

    /// From now on nobody gets this connection; a query can tell that it is dead before its driver does.
    pub(super) fn give_up(&self) {
        self.closed.store(true, Ordering::Release);
    }
}

impl Postgres {
    /// The database that `url` names; nothing is opened yet. TLS is required and verified unless every host is this machine.
    pub(super) fn new(url: &str, ca_file: Option<&Path>, runtime: Handle) -> Result<Self> {
        let mut config: Config =
            url.parse().map_err(|error| unavailable(format!("database_url is no Postgres address: {error}")))?;
        config
            .application_name("fedlink")
            .connect_timeout(Duration::from_secs(5))
            .keepalives_idle(Duration::from_secs(30));
        let ca_file = ca_file.map(Path::to_owned);
        let address = Address { config, ca_file, runtime, trouble: Arc::default() };
        let slot = || Slot { current: RwLock::new(None), opening: tokio::sync::Mutex::new(()) };
        Ok(Self {
            address,
            shared: std::iter::repeat_with(slot).take(SHARED).collect(),
            next: AtomicUsize::new(0),
            transactions: Pool::new(TRANSACTIONS),
        })
    }

    /// Whether a connection was lost, or could not be made, so lately.
    pub(super) fn was_away_within(&self, time: Duration) -> bool {
        let trouble = *self.address.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.is_some_and(|at| at.elapsed() < time)
    }

    /// A connection that other queries use at the same time.
    pub(super) async fn shared(&self) -> Result<Conn> {
        self.shared_at(self.next.fetch_add(1, Ordering::Relaxed) % SHARED).await
    }

    /// The connection of one slot, opened if need be. The slot of a lost one gives a newer one, where any other slot may
    /// hold another that was lost at the same time.
    pub(super) async fn shared_at(&self, slot: usize) -> Result<Conn> {
        let place = self.shared.get(slot).ok_or_else(|| Error::internal("no such shared connection"))?;
        if let Some(link) = place.open_link() {
            return Ok(Conn::Shared(SharedLink { link, slot }));
        }
        let _one_opens = place.opening.lock().await;
        if let Some(link) = place.open_link() {
            return Ok(Conn::Shared(SharedLink { link, slot }));
        }
        let link = self.address.connect().await?;
        *place.current.write().unwrap_or_else(PoisonError::into_inner) = Some(link.clone());
        Ok(Conn::Shared(SharedLink { link, slot }))
    }

    /// A connection of one's own, fit for a transaction.
    pub(super) async fn own(&self) -> Result<Conn> {
        let (place, idle) = self.transactions.place().await.map_err(lift)?;
        let link = match idle.filter(|link| !link.is_closed()) {
            Some(link) => link,
            None => self.address.connect().await?,
        };
        Ok(Conn::Postgres(PostgresLease(place.fill(link))))
    }

    /// Brings the database to the newest schema; gives the names of the migrations that ran.
    pub(super) async fn migrate(&self) -> Result<Vec<String>> {
        let link = self.address.connect().await?;
        let conn = Arc::into_inner(link.conn).ok_or_else(|| Error::internal("a new connection is shared already"))?;
        // Replicas that start together: one migrates, the others wait and find nothing to do.
        let mut held = &conn;
        held.batch_execute("SET lock_timeout = 0").await.map_err(lift)?;
        diesel::sql_query("SELECT pg_advisory_lock($1)")
            .bind::<diesel::sql_types::BigInt, _>(MIGRATION_LOCK)
            .execute(&mut held)
            .await
            .map_err(lift)?;
        // The wrapper blocks on the connection, so it must not run on a worker. The lock goes with the connection.
        let run = move || {
            let mut conn = AsyncConnectionWrapper::<AsyncPgConnection>::from(conn);
            conn.run_pending_migrations(super::POSTGRES_MIGRATIONS)
                .map(|ran| ran.iter().map(ToString::to_string).collect())
                .map_err(Error::Internal)
        };
        self.address.runtime.spawn_blocking(run).await.map_err(Error::internal)?
    }
}

impl Slot {
    fn open_link(&self) -> Option<Link> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone().filter(|link| !link.is_closed())
    }
}

impl Link {
    /// The connection.
    pub(super) fn conn(&self) -> &AsyncPgConnection {
        &self.conn
    }
}

impl Address {
    /// Opens a connection; its driver runs on the main runtime, whichever worker asked for it.
    async fn connect(&self) -> Result<Link> {
        let this = self.clone();
        let opened = self.runtime.spawn(async move { this.open().await }).await.map_err(Error::internal)?;
        if opened.is_err() {
            self.note_trouble();
        }
        opened
    }

    fn note_trouble(&self) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    async fn open(self) -> Result<Link> {
        if self.is_this_machine() {
            return self.drive(self.config.clone(), NoTls).await;
        }
        let mut config = self.config.clone();
        config.ssl_mode(SslMode::Require);
        let tls = MakeRustlsConnect::new(self.tls()?);
        self.drive(config, tls).await
    }

    async fn drive<T>(&self, config: Config, tls: T) -> Result<Link>
    where
        T: MakeTlsConnect<Socket>,
        T::Stream: Send + 'static,
    {
        let (client, connection) =
            config.connect(tls).await.map_err(|error| unavailable(format!("can't connect to Postgres: {error}")))?;
        let closed = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&closed);
        let this = self.clone();
        self.runtime.spawn(async move {
            if let Err(error) = connection.await {
                this.note_trouble();
                tracing::warn!(%error, "a Postgres connection ended");
            }
            ended.store(true, Ordering::Release);
        });
        let conn = AsyncPgConnection::try_from(client)
            .await
            .map_err(|error| unavailable(format!("can't set up a Postgres connection: {error}")))?;
        // Whoever holds a lock for long must not hold every request with it. As a statement, since poolers refuse options.
        let mut shared = &conn;
        shared.batch_execute(LOCK_PATIENCE).await.map_err(lift)?;
        Ok(Link { conn: Arc::new(conn), closed })
    }

    fn is_this_machine(&self) -> bool {
        self.config.get_hosts().iter().all(|host| match host {
            Host::Unix(_) => true,
            Host::Tcp(name) => {
                name == "localhost" || name.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
            }
        })
    }

    fn tls(&self) -> Result<rustls::ClientConfig> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(Error::internal)?;
        let Some(ca_file) = &self.ca_file else {
            return Ok(builder.with_platform_verifier().map_err(Error::internal)?.with_no_client_auth());
        };
        Ok(builder.with_root_certificates(roots(ca_file)?).with_no_client_auth())
    }
}

/// The certificates of a PEM file.
fn roots(ca_file: &Path) -> Result<rustls::RootCertStore> {
    use rustls::pki_types::pem::PemObject as _;
    let unreadable =
        |error: &dyn std::fmt::Display| unavailable(format!("can't use ca_file {}: {error}", ca_file.display()));
    let mut roots = rustls::RootCertStore::empty();
    for certificate in rustls::pki_types::CertificateDer::pem_file_iter(ca_file).map_err(|error| unreadable(&error))? {
        let certificate = certificate.map_err(|error| unreadable(&error))?;
        roots.add(certificate).map_err(|error| unreadable(&error))?;
    }
    Ok(roots)
}
