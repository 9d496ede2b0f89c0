//! The one HTTP client towards providers: what it may reach, how long it may take, how much it may read.

use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Utc};
use oauth2::http::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};
use oauth2::{HttpRequest, http};
use reqwest::redirect::Policy;
use reqwest::tls::TlsInfo;
use secrecy::ExposeSecret as _;
use url::Url;

use super::body::{Body, Flaw, LIMIT};
use super::passing::{Passing, PassingKind};
use super::peers::{self, Peers};
use domain::clock::{SharedClock, Sleep};
use domain::ids::ProviderId;
use domain::{Error, Result};
use settings::TlsIdentity;

/// One exchange, from the first byte sent to the last one read (docs/refresh.md).
const EXCHANGE_LIMIT: Duration = Duration::from_secs(10);
/// What a request's own limit is where whoever asks has another: longer than any of those.
const NO_LIMIT: Duration = Duration::from_hours(1);
/// Connecting, TLS included.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// A connection that has been idle for longer is not used again: many servers close theirs after 5 s, and a refresh that
/// meets the closing may or may not have been read, which nobody can tell.
const IDLE_LIMIT: Duration = Duration::from_secs(2);

/// A provider's answer, as far as it was read.
#[derive(Clone)]
pub(crate) struct Answer {
    /// The status code.
    pub(crate) status: u16,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The body, as far as it came.
    pub(crate) body: Body,
}

/// The certificates that are trusted, PEM; none: the system's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trusted(Option<Vec<u8>>);

impl Trusted {
    /// Those of `ca_file`, as it is now.
    pub(crate) fn read(ca_file: Option<&Path>) -> Result<Self> {
        let read = |path: &Path| {
            std::fs::read(path)
                .map_err(|error| Error::input("ca_file", format!("{} cannot be read: {error}", path.display())))
        };
        ca_file.map(read).transpose().map(Self)
    }

    /// Whose they are, and when they end; none of the system's.
    pub(crate) fn certificates(&self) -> Vec<(String, DateTime<Utc>)> {
        self.0.as_deref().map(peers::certificates).unwrap_or_default()
    }
}

/// Sends requests to providers.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    peers: Peers,
}

impl Client {
    /// A client that trusts these certificates, or the system's without any.
    pub(crate) fn new(trusted: &Trusted, clock: SharedClock) -> Result<Self> {
        let http = builder(trusted)?.tls_info(true).build().map_err(|error| Error::internal(error.without_url()))?;
        Ok(Self { http, peers: Peers::new(clock) })
    }

    /// The same, which shows this certificate to whoever asks for one. What is seen of servers is seen by both.
    pub(crate) fn presenting(&self, trusted: &Trusted, identity: &TlsIdentity, whose: &ProviderId) -> Result<Self> {
        let pem = format!("{}\n{}", identity.certificate.expose_secret(), identity.key.expose_secret());
        let unfit = |_quotes_it: reqwest::Error| {
            Error::input(
                format!("tls_certificate of {whose}"),
                "and tls_key must be a PEM certificate and the unencrypted key to it",
            )
        };
        let pem = zeroize::Zeroizing::new(pem);
        let identity = reqwest::Identity::from_pem(pem.as_bytes()).map_err(unfit)?;
        let http = builder(trusted)?.identity(identity).tls_info(true).build().map_err(unfit)?;
        Ok(Self { http, peers: self.peers.clone() })
    }

    /// The servers that were asked.
    pub(crate) fn peers(&self) -> &Peers {
        &self.peers
    }

    /// Sends the request and reads the answer. A failure says whether the provider can have acted on it.
    pub(crate) async fn send(&self, request: HttpRequest) -> std::result::Result<Answer, Passing> {
        let ours = Box::pin(std::future::pending());
        self.send_within(request, ours, EXCHANGE_LIMIT).await
    }

    /// The same, waited for until `over` ends: what has come of a body by then counts.
    pub(crate) async fn send_until(&self, request: HttpRequest, over: Sleep) -> std::result::Result<Answer, Passing> {
        self.send_within(request, over, NO_LIMIT).await
    }

    async fn send_within(
        &self,
        request: HttpRequest,
        mut over: Sleep,
        limit: Duration,
    ) -> std::result::Result<Answer, Passing> {
        let mut request = reqwest::Request::try_from(request)
            .map_err(|_names_the_url: reqwest::Error| Passing::definite("the request cannot be built"))?;
        *request.timeout_mut() = Some(limit);
        let mut response = tokio::select! {
            biased;
            response = self.http.execute(request) => response.map_err(|error| not_sent(&error.without_url()))?,
            () = &mut over => return Err(Passing::unanswered()),
        };
        let status = response.status().as_u16();
        let headers = std::mem::take(response.headers_mut());
        let host = response.url().host_str().unwrap_or_default().to_owned();
        let certificate = response.extensions().get::<TlsInfo>().and_then(TlsInfo::peer_certificate);
        self.peers.see(response.url(), &headers, certificate);
        let (arrived, is_whole) = read_capped(response, over).await;
        let body = Body::decoded(arrived, is_whole, &headers);
        if let Some(Flaw::Coding(coding)) = body.flaw() {
            tracing::error!(
                host,
                status,
                coding,
                "an answer came in a content coding that was not asked for; it is not read"
            );
        }
        Ok(Answer { status, headers, body })
    }

    /// Gets JSON, optionally with more headers.
    pub(crate) async fn get(&self, url: &Url, headers: HeaderMap) -> std::result::Result<Answer, Passing> {
        let mut request = http::Request::builder()
            .uri(url.as_str())
            .header(http::header::ACCEPT, "application/json")
            .body(Vec::new())
            .map_err(|_names_the_url: http::Error| Passing::definite("the request cannot be built"))?;
        request.headers_mut().extend(headers);
        self.send(request).await
    }
}

/// What all clients have in common: the trusted certificates, and what no server may make them do.
pub(crate) fn builder(trusted: &Trusted) -> Result<reqwest::ClientBuilder> {
    // Redirects: a token endpoint that sends us elsewhere would be sent our secrets, elsewhere.
    // Retries: a refresh token may be spent by the first try, so only the caller decides to ask again.
    let builder = reqwest::Client::builder()
        .user_agent(concat!("fedlink/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .default_headers(HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("identity"))]))
        .connect_timeout(CONNECT_LIMIT)
        .pool_idle_timeout(IDLE_LIMIT);
    let Some(pem) = &trusted.0 else { return Ok(builder) };
    let certificates = reqwest::Certificate::from_pem_bundle(pem)
        .map_err(|error| Error::input("ca_file", format!("holds no PEM certificates: {error}")))?;
    if certificates.is_empty() {
        return Err(Error::input("ca_file", "holds no PEM certificates"));
    }
    Ok(builder.tls_certs_only(certificates))
}

fn not_sent(error: &reqwest::Error) -> Passing {
    if error.is_connect() {
        return Passing::definite("no connection");
    }
    let reason = if error.is_timeout() { "no answer in time" } else { "the connection broke" };
    // It may have read the request: a rotating refresh token may be spent.
    Passing { kind: PassingKind::Ambiguous, ..Passing::definite(reason) }
}

/// What comes of the body until then, and whether that is all that was announced.
async fn read_capped(mut response: reqwest::Response, mut over: Sleep) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        let chunk = tokio::select! {
            biased;
            chunk = response.chunk() => chunk,
            () = &mut over => return (body, false),
        };
        match chunk {
            Ok(Some(chunk)) => {
                let room = LIMIT - body.len();
                body.extend(chunk.iter().take(room));
                if chunk.len() > room {
                    return (body, false);
                }
            }
            Ok(None) => return (body, true),
            Err(_broke_off) => return (body, false),
        }
    }
}
