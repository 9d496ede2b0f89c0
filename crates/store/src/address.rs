//! A way to a Postgres server: connections to the first of its hosts that takes one.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use diesel_async::AsyncPgConnection;
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio::runtime::Handle;
use tokio::time::Instant;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::{chain, unavailable};
use super::hosts::{ACCEPTING, Hosts, name};
use super::pg_conn::{Hangs, PgConn};
use domain::{Error, Result};

/// A host may take so many times as long to its name, the addresses of that name in turn, TLS, password and first
/// statements; then the next one is tried. A machine that takes connections and never answers must not keep us from the
/// one that was promoted.
const STEPS: u32 = 3;
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
        let Hosts { hosts, tls } = Hosts::parse(url)?;
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

    #[test]
    fn only_english_messages_are_read() {
        assert!(["C", "POSIX", "C.UTF-8", "en_US.UTF-8", "English_United States.1252"].into_iter().all(is_english));
        assert!(!["", "de_DE.UTF-8", "ru_RU.UTF-8", "Russian_Russia.1251"].into_iter().any(is_english));
    }
}
