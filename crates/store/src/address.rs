//! How a Postgres server is reached: which of its hosts, with TLS or without it, and how long each step may take.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use diesel_async::AsyncPgConnection;
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio::runtime::Handle;
use tokio::time::Instant;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::{chain, unavailable};
use super::pg_conn::{Hangs, PgConn};
use domain::{Error, Result};

/// How long one address may take to accept a connection; `connect_timeout` in the URL says otherwise.
const ACCEPTING: Duration = Duration::from_secs(2);
/// A host may take so many times as long to its name, the addresses of that name in turn, TLS, password and first
/// statements; then the next one is tried. A machine that takes connections and never answers must not keep us from the
/// one that was promoted.
const STEPS: u32 = 3;
/// A host that is gone sends no goodbye. Where a query is on its way, its bytes go unacknowledged, and this ends the
/// connection (Linux; elsewhere retransmission gives up after minutes, but see [`super::pg_conn::ANSWER`]).
const UNACKNOWLEDGED: Duration = Duration::from_secs(15);
/// Where none is, the first probe goes out after this, and after three more without an answer, 25 s in all, it is dead.
const QUIET: Duration = Duration::from_secs(10);
const PROBE_EVERY: Duration = Duration::from_secs(5);
const PROBES: u32 = 3;

/// What each connection starts with. As statements, since poolers refuse options.
/// - Whoever holds a lock for long must not hold every request with it: as long as a SQLite writer waits for its turn.
/// - What nobody waits for any more must not run on: a little less than [`super::pg_conn::ANSWER`], so that the server's word comes
///   first. A site that allows less keeps that.
/// - A commit that is said to be done must be on disk: the token in it is the only one there is. A site that demands more
///   (`remote_apply`) keeps it.
const SESSION: &str = "SET lock_timeout = '5s';
    SELECT set_config('statement_timeout', '14s', false) FROM pg_settings
        WHERE name = 'statement_timeout' AND setting::bigint NOT BETWEEN 1 AND 14000;
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';
    SHOW lc_messages";

/// What came of trying one host; the text says why there is no connection.
type Attempt<T> = std::result::Result<T, String>;

/// How to reach a Postgres server.
#[derive(Clone)]
pub(super) struct Address(Arc<Reach>);

struct Reach {
    /// One for each host of the URL.
    hosts: Vec<Config>,
    /// The host that answered last; it is tried first, so that a dead one costs its time once.
    last: AtomicUsize,
    tls: bool,
    ca_file: Option<PathBuf>,
    told_of_language: AtomicBool,
    /// When a connection was last lost or could not be made. By the machine's clock: it measures an outage, and decides
    /// nothing that tests move.
    trouble: Arc<Mutex<Option<Instant>>>,
    hangs: Hangs,
    runtime: Handle,
}

impl Address {
    /// The server that `url` names. TLS is required and verified unless every host is this machine, and where the URL says so.
    pub(super) fn parse(url: &str, ca_file: Option<&Path>, runtime: Handle) -> Result<Self> {
        let config: Config = url.parse().map_err(|error| no_address(&error))?;
        let tls = !is_this_machine(&config) || config.get_ssl_mode() == SslMode::Require;
        let hosts = hosts(&config, tls)?;
        Ok(Self(Arc::new(Reach {
            hosts,
            last: AtomicUsize::new(0),
            tls,
            ca_file: ca_file.map(Path::to_owned),
            told_of_language: AtomicBool::new(false),
            trouble: Arc::default(),
            hangs: Hangs::default(),
            runtime,
        })))
    }

    /// The main runtime, which drives the connections that nobody drives at home.
    pub(super) fn runtime(&self) -> &Handle {
        &self.0.runtime
    }

    /// Whether a connection was lost, or could not be made, so lately.
    pub(super) fn was_away_within(&self, time: Duration) -> bool {
        let trouble = *self.0.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.is_some_and(|at| at.elapsed() < time)
    }

    /// Opens a connection to the first host that takes one; its driver runs on the main runtime, whichever worker asked for it.
    pub(super) async fn connect(&self) -> Result<PgConn> {
        self.connect_on(self.0.runtime.clone()).await.inspect_err(|_none| note(&self.0.trouble))
    }

    /// Opens one whose driver runs on `home`. That one more can't be had is not taken for an outage.
    pub(super) async fn connect_on(&self, home: Handle) -> Result<PgConn> {
        let tls = if self.0.tls { Some(self.tls().await?) } else { None };
        let reach = Arc::clone(&self.0);
        // To its end, whether its caller waits or not.
        home.spawn(async move { reach.open(tls).await }).await.map_err(Error::internal)?
    }

    /// What TLS is spoken with. The system's certificates are read anew each time, on the main runtime: that takes longer than all else
    /// that is done to open a connection.
    async fn tls(&self) -> Result<MakeRustlsConnect> {
        let reach = Arc::clone(&self.0);
        let config = self.0.runtime.spawn(async move { reach.tls() }).await.map_err(Error::internal)??;
        Ok(MakeRustlsConnect::new(config))
    }
}

impl Reach {
    async fn open(&self, tls: Option<MakeRustlsConnect>) -> Result<PgConn> {
        let first = self.last.load(Ordering::Relaxed);
        let mut failures = String::new();
        for (index, host) in self.hosts.iter().enumerate().cycle().skip(first).take(self.hosts.len()) {
            let limit = STEPS * host.get_connect_timeout().copied().unwrap_or(ACCEPTING);
            let failure = match tokio::time::timeout(limit, self.open_host(host, tls.clone())).await {
                Ok(Ok(conn)) => {
                    self.last.store(index, Ordering::Relaxed);
                    return Ok(conn);
                }
                Ok(Err(failure)) => failure,
                Err(_elapsed) => format!("no answer within {limit:?}"),
            };
            let separator = if failures.is_empty() { "" } else { "; " };
            let _infallible = write!(failures, "{separator}{}: {failure}", name(host));
        }
        Err(unavailable(format!("can't connect to Postgres: {failures}")))
    }

    async fn open_host(&self, host: &Config, tls: Option<MakeRustlsConnect>) -> Attempt<PgConn> {
        match tls {
            Some(tls) => self.drive(host, tls).await,
            None => self.drive(host, NoTls).await,
        }
    }

    async fn drive<T>(&self, host: &Config, tls: T) -> Attempt<PgConn>
    where
        T: MakeTlsConnect<Socket>,
        T::Stream: Send + 'static,
    {
        let (client, connection) = host.connect(tls).await.map_err(|error| chain(&error))?;
        let closed = Arc::new(AtomicBool::new(false));
        let (ended, trouble) = (Ended(Arc::clone(&closed)), Arc::clone(&self.trouble));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                note(&trouble);
                tracing::warn!(error = chain(&error), "a Postgres connection ended");
            }
            drop(ended);
        });
        self.set_up(&client).await.map_err(|error| chain(&error))?;
        let conn = AsyncPgConnection::try_from(client).await.map_err(|error| chain(&error))?;
        Ok(PgConn::new(conn, closed, Hangs::clone(&self.hangs)))
    }

    async fn set_up(&self, client: &Client) -> std::result::Result<(), tokio_postgres::Error> {
        let answers = client.simple_query(SESSION).await?;
        let language = answers.iter().rev().find_map(|answer| match answer {
            SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        if language.is_some_and(is_english) {
            return Ok(());
        }
        // What an error means is told by its words (error.rs), for want of a code. Who may not choose them is told what to do.
        let Err(error) = client.batch_execute("SET lc_messages = 'C'").await else { return Ok(()) };
        if error.as_db_error().is_none() {
            return Err(error);
        }
        if !self.told_of_language.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                language,
                "Postgres reports errors in a language that fedlink can't read, so a database that is locked or full may be \
                 answered as an internal error; let a superuser run: ALTER ROLE … SET lc_messages = 'C'"
            );
        }
        Ok(())
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

/// Says that a driver has ended, also where its runtime did.
struct Ended(Arc<AtomicBool>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

fn note(trouble: &Mutex<Option<Instant>>) {
    *trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
}

/// One configuration for each host, so that each has a time limit of its own; the driver would wait for a mute one forever.
fn hosts(config: &Config, tls: bool) -> Result<Vec<Config>> {
    let (names, addresses, ports) = (config.get_hosts(), config.get_hostaddrs(), config.get_ports());
    let count = names.len().max(addresses.len());
    if count == 0 {
        return Err(unavailable("database_url names no host".to_owned()));
    }
    let fits = |listed: usize| listed == 0 || listed == count;
    if !fits(names.len()) || !fits(addresses.len()) || !(ports.len() <= 1 || ports.len() == count) {
        return Err(unavailable("database_url must have as many ports and hostaddr as hosts".to_owned()));
    }
    let one = |index: usize| {
        let mut one = settings(config, count);
        // Never "prefer": whoever sits in between could take TLS away.
        one.ssl_mode(if tls { SslMode::Require } else { SslMode::Disable });
        match names.get(index) {
            Some(Host::Tcp(name)) => one.host(name),
            #[cfg(unix)]
            Some(Host::Unix(path)) => one.host_path(path),
            None => &mut one,
        };
        if let Some(address) = addresses.get(index) {
            one.hostaddr(*address);
        }
        if let Some(port) = ports.get(index).or(ports.first()) {
            one.port(*port);
        }
        one
    };
    Ok((0..count).map(one).collect())
}

/// All that a URL says but its hosts, and what it leaves open.
fn settings(config: &Config, hosts: usize) -> Config {
    let mut one = Config::new();
    config.get_user().map(|user| one.user(user));
    config.get_password().map(|password| one.password(password));
    config.get_dbname().map(|name| one.dbname(name));
    config.get_options().map(|options| one.options(options));
    // A standby takes connections and no writes: with several hosts that would be a matter of luck.
    let wanted = match config.get_target_session_attrs() {
        TargetSessionAttrs::Any if hosts > 1 => TargetSessionAttrs::ReadWrite,
        stated => stated,
    };
    let standard = Config::new().get_keepalives_idle();
    let idle = Some(config.get_keepalives_idle()).filter(|idle| *idle != standard);
    one.application_name(config.get_application_name().unwrap_or("fedlink"))
        .ssl_negotiation(config.get_ssl_negotiation())
        .channel_binding(config.get_channel_binding())
        .load_balance_hosts(config.get_load_balance_hosts())
        .target_session_attrs(wanted)
        .connect_timeout(config.get_connect_timeout().copied().unwrap_or(ACCEPTING))
        .tcp_user_timeout(config.get_tcp_user_timeout().copied().unwrap_or(UNACKNOWLEDGED))
        .keepalives(config.get_keepalives())
        .keepalives_idle(idle.unwrap_or(QUIET))
        .keepalives_interval(config.get_keepalives_interval().unwrap_or(PROBE_EVERY))
        .keepalives_retries(config.get_keepalives_retries().unwrap_or(PROBES));
    one
}

/// Whether no byte leaves this machine, whichever host it is.
fn is_this_machine(config: &Config) -> bool {
    let here = |host: &Host| match host {
        #[cfg(unix)]
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
        }
    };
    config.get_hosts().iter().all(here) && config.get_hostaddrs().iter().all(std::net::IpAddr::is_loopback)
}

/// A host as messages name it.
fn name(host: &Config) -> String {
    let name = match (host.get_hosts().first(), host.get_hostaddrs().first()) {
        (Some(Host::Tcp(name)), _) => name.clone(),
        #[cfg(unix)]
        (Some(Host::Unix(path)), _) => return path.display().to_string(),
        (None, address) => address.map(ToString::to_string).unwrap_or_default(),
    };
    host.get_ports().first().map_or(name.clone(), |port| format!("{name}:{port}"))
}

/// What is wrong with an address, and not a word of the address itself, which may hold a password.
fn no_address(error: &tokio_postgres::Error) -> Error {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    let known = cause.filter(|cause| cause.starts_with("invalid value for option "));
    unavailable(format!("database_url is no Postgres address: {}", known.unwrap_or_else(|| error.to_string())))
}

/// Whether messages in this `lc_messages` are in English.
fn is_english(language: &str) -> bool {
    language == "C" || language == "POSIX" || language.starts_with("C.") || language.to_lowercase().starts_with("en")
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

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(url: &str) -> Result<(bool, Vec<Config>)> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let address = Address::parse(url, None, runtime.handle().clone())?;
        Ok((address.0.tls, address.0.hosts.clone()))
    }

    #[test]
    fn only_what_stays_on_this_machine_goes_without_tls() {
        for url in [
            "postgres://u@localhost/db",
            "postgres://u@127.0.0.1:5433/db",
            "postgres://u@[::1]/db",
            "postgres:///db?host=/run/postgresql",
            "postgres://u@localhost,127.0.0.1:5433/db",
            "postgres:///db?hostaddr=127.0.0.1",
            "postgres://u@localhost/db?sslmode=disable",
        ] {
            let (tls, hosts) = reach(url).unwrap();
            assert!(!tls && hosts.iter().all(|host| host.get_ssl_mode() == SslMode::Disable), "{url}");
        }
        for url in [
            "postgres://u@db.example/db",
            "postgres://u@db.example/db?sslmode=disable",
            "postgres://u@db.example/db?sslmode=prefer",
            "postgres://u@192.0.2.1/db",
            "postgres://u@localhost,db.example/db",
            "postgres://u@localhost/db?sslmode=require",
            // Where a connection goes is what counts, and under which name.
            "postgres:///db?hostaddr=192.0.2.1",
            "postgres://u@localhost/db?hostaddr=192.0.2.1",
            "postgres://u@db.example/db?hostaddr=127.0.0.1",
        ] {
            let (tls, hosts) = reach(url).unwrap();
            assert!(tls && hosts.iter().all(|host| host.get_ssl_mode() == SslMode::Require), "{url}");
        }
    }

    #[test]
    fn each_host_keeps_what_the_url_says_of_it_and_of_all() {
        let url = "postgres://me:pa55@one.example:1,two.example:2/db?hostaddr=192.0.2.1,192.0.2.2&connect_timeout=3\
                   &keepalives_idle=60&channel_binding=require&application_name=app&options=-c%20geqo%3Doff";
        let (_, hosts) = reach(url).unwrap();
        assert_eq!(hosts.iter().map(name).collect::<Vec<_>>(), ["one.example:1", "two.example:2"]);
        for (host, address) in hosts.iter().zip(["192.0.2.1", "192.0.2.2"]) {
            assert_eq!(host.get_hostaddrs(), [address.parse::<std::net::IpAddr>().unwrap()]);
            assert_eq!((host.get_user(), host.get_password()), (Some("me"), Some(b"pa55".as_slice())));
            assert_eq!((host.get_dbname(), host.get_application_name()), (Some("db"), Some("app")));
            assert_eq!(host.get_options(), Some("-c geqo=off"));
            assert_eq!(host.get_channel_binding(), tokio_postgres::config::ChannelBinding::Require);
            assert_eq!(host.get_connect_timeout(), Some(&Duration::from_secs(3)));
            assert_eq!(host.get_keepalives_idle(), Duration::from_mins(1));
            assert_eq!(host.get_tcp_user_timeout(), Some(&UNACKNOWLEDGED));
            assert_eq!(host.get_target_session_attrs(), TargetSessionAttrs::ReadWrite, "fedlink writes");
        }
        let (_, one) = reach("postgres://u@db.example/db").unwrap();
        assert_eq!(one[0].get_connect_timeout(), Some(&ACCEPTING));
        assert_eq!(one[0].get_target_session_attrs(), TargetSessionAttrs::Any);
        assert_eq!((one[0].get_keepalives_idle(), one[0].get_keepalives_retries()), (QUIET, Some(PROBES)));
        let (_, same_port) = reach("postgres:///db?host=one&host=two&port=7").unwrap();
        assert_eq!(same_port.iter().map(name).collect::<Vec<_>>(), ["one:7", "two:7"]);
    }

    #[test]
    fn a_wrong_address_is_told_without_its_password() {
        for (url, words) in [
            ("postgres:///db", "names no host"),
            ("postgres://one,two/db?hostaddr=192.0.2.1", "as many ports and hostaddr"),
            ("postgres://one:1,two:2/db?port=3", "as many ports and hostaddr"),
            ("postgres://me:pa55@one/db?target_session_attrs=primary", "`target_session_attrs`"),
            ("postgres://me:pa55@one/db?pa55=1", "no Postgres address"),
        ] {
            let told = format!("{:?}", reach(url).unwrap_err());
            assert!(told.contains(words) && !told.contains("pa55"), "{url}: {told}");
        }
    }

    #[test]
    fn only_english_messages_are_read() {
        assert!(["C", "POSIX", "C.UTF-8", "en_US.UTF-8", "English_United States.1252"].into_iter().all(is_english));
        assert!(!["", "de_DE.UTF-8", "ru_RU.UTF-8", "Russian_Russia.1251"].into_iter().any(is_english));
    }
}
