//! The one HTTP client towards providers: what it may reach, how long it may take, how much it may read.

use std::path::Path;
use std::time::Duration;

use oauth2::http::HeaderMap;
use oauth2::{HttpRequest, http};
use reqwest::redirect::Policy;
use url::Url;

use super::outcome::{Passing, PassingKind};
use crate::domain::{Error, Result};

/// One exchange, from the first byte sent to the last one read (DESIGN 10.3).
const EXCHANGE_LIMIT: Duration = Duration::from_secs(10);
/// Connecting, TLS included.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// A connection that has been idle for longer is not used again: many servers close theirs after 5 s, and a refresh that
/// meets the closing may or may not have been read, which nobody can tell.
const IDLE_LIMIT: Duration = Duration::from_secs(2);
/// The most bytes of a body.
const BODY_LIMIT: usize = 1024 * 1024;

/// A provider's answer, as far as it was read.
#[derive(Clone)]
pub(crate) struct Answer {
    /// The status code.
    pub(crate) status: u16,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The body; absent if it was cut off: by the network, the time limit, or by us at 1 MiB.
    pub(crate) body: Option<Vec<u8>>,
}

/// Sends requests to providers.
#[derive(Clone, Debug)]
pub(crate) struct Client(reqwest::Client);

impl Client {
    /// A client that trusts the certificates of `ca_file`, or the system's without one.
    pub(crate) fn new(ca_file: Option<&Path>) -> Result<Self> {
        // Redirects: a token endpoint that sends us elsewhere would be sent our secrets, elsewhere.
        // Retries: a refresh token may be spent by the first try, so only the caller decides to ask again.
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("fedlink/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(CONNECT_LIMIT)
            .pool_idle_timeout(IDLE_LIMIT)
            .timeout(EXCHANGE_LIMIT);
        if let Some(path) = ca_file {
            let pem = std::fs::read(path)
                .map_err(|error| Error::input("ca_file", format!("{} cannot be read: {error}", path.display())))?;
            let certificates = reqwest::Certificate::from_pem_bundle(&pem)
                .map_err(|error| Error::input("ca_file", format!("holds no PEM certificates: {error}")))?;
            if certificates.is_empty() {
                return Err(Error::input("ca_file", "holds no PEM certificates"));
            }
            builder = builder.tls_certs_only(certificates);
        }
        builder.build().map(Self).map_err(|error| Error::internal(error.without_url()))
    }

    /// Sends the request and reads the answer. A failure says whether the provider can have acted on it.
    pub(crate) async fn send(&self, request: HttpRequest) -> std::result::Result<Answer, Passing> {
        let request = reqwest::Request::try_from(request)
            .map_err(|_names_the_url: reqwest::Error| Passing::definite("the request cannot be built"))?;
        let mut response = self.0.execute(request).await.map_err(|error| not_sent(&error.without_url()))?;
        let status = response.status().as_u16();
        let headers = std::mem::take(response.headers_mut());
        Ok(Answer { status, headers, body: read_capped(response).await })
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

fn not_sent(error: &reqwest::Error) -> Passing {
    if error.is_connect() {
        return Passing::definite("no connection");
    }
    let reason = if error.is_timeout() { "no answer in time" } else { "the connection broke" };
    // It may have read the request: a rotating refresh token may be spent.
    Passing { retry_after: None, kind: PassingKind::Ambiguous, reason }
}

async fn read_capped(mut response: reqwest::Response) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        if body.len() + chunk.len() > BODY_LIMIT {
            return None;
        }
        body.extend_from_slice(&chunk);
    }
    Some(body)
}
