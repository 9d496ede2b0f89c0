//! What is seen of the servers that are asked, beside what they answer: how long their certificates last, how far their clocks are from
//! ours.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use oauth2::http::header::{DATE, HeaderMap};
use url::Url;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

use domain::clock::SharedClock;

/// Servers that are remembered: more than settings name.
const MOST: usize = 1_000;
/// How long a server is remembered that is not asked any more: what it showed has no meaning then.
const REMEMBERED: TimeDelta = TimeDelta::days(1);

/// What the last answer of a server showed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// When its certificate ends; `None` without TLS.
    pub certificate_ends: Option<DateTime<Utc>>,
    /// How far its clock is ahead of ours, to the second and as long as the answer was on its way; `None` if it doesn't say.
    pub clock_ahead: Option<TimeDelta>,
}

/// The servers that were asked, by host and, where it is not the scheme's own, port.
#[derive(Clone, Debug)]
pub(crate) struct Peers {
    clock: SharedClock,
    seen: Arc<Mutex<Seen>>,
}

/// When each showed it.
type Seen = BTreeMap<String, (DateTime<Utc>, Peer)>;

impl Peers {
    pub(crate) fn new(clock: SharedClock) -> Self {
        Self { clock, seen: Arc::default() }
    }

    /// Looks at an answer from `url`; `certificate` is the server's, DER.
    pub(crate) fn see(&self, url: &Url, headers: &HeaderMap, certificate: Option<&[u8]>) {
        let Some(host) = url.host_str() else { return };
        let name = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let now = self.clock.now();
        let peer = Peer {
            certificate_ends: certificate.and_then(|der| ends(&Certificate::from_der(der).ok()?)),
            clock_ahead: date(headers).map(|date| date - now),
        };
        let mut seen = self.seen();
        if seen.len() < MOST || seen.contains_key(&name) {
            seen.insert(name, (now, peer));
        }
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<(String, Peer)> {
        self.seen().iter().map(|(name, (_, peer))| (name.clone(), *peer)).collect()
    }

    /// Those that were asked lately.
    fn seen(&self) -> MutexGuard<'_, Seen> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = self.clock.now() - REMEMBERED;
        seen.retain(|_, (moment, _)| *moment >= oldest);
        seen
    }
}

/// RFC 9110 §6.6.1.
fn date(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    let date = headers.get(DATE)?.to_str().ok()?;
    DateTime::parse_from_rfc2822(date).ok().map(|date| date.to_utc())
}

/// When a certificate ends (RFC 5280 §4.1.2.5).
fn ends(certificate: &Certificate) -> Option<DateTime<Utc>> {
    let since = certificate.tbs_certificate.validity.not_after.to_unix_duration();
    DateTime::from_timestamp(i64::try_from(since.as_secs()).ok()?, 0)
}

/// The certificates of a PEM bundle: whose each is, and when it ends; what can't be read is left out.
pub(crate) fn certificates(pem: &[u8]) -> Vec<(String, DateTime<Utc>)> {
    let pem = pem.trim_ascii();
    // The library subtracts from its length.
    let chain = if pem.is_empty() { Vec::new() } else { Certificate::load_pem_chain(pem).unwrap_or_default() };
    let told = |certificate: &Certificate| Some((certificate.tbs_certificate.subject.to_string(), ends(certificate)?));
    chain.iter().filter_map(told).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use domain::clock::MovableClock;

    #[test]
    fn a_server_that_is_not_asked_any_more_is_forgotten() {
        let clock = MovableClock::frozen(DateTime::from_timestamp(784_111_777, 0).unwrap());
        let peers = Peers::new(clock.clone());
        let names = || peers.all().into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        let see = |url: &str| peers.see(&Url::parse(url).unwrap(), &HeaderMap::new(), None);
        see("https://left.example");
        clock.advance(Duration::from_hours(23));
        see("https://stays.example");
        assert_eq!(names(), ["left.example", "stays.example"]);
        clock.advance(Duration::from_hours(2));
        assert_eq!(names(), ["stays.example"]);
    }

    #[test]
    fn what_has_no_certificate_tells_of_none() {
        for pem in [
            "",
            "\n",
            "\r\n \n",
            "x",
            "-----BEGIN CERTIFICATE-----",
            "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----",
        ] {
            assert_eq!(certificates(pem.as_bytes()), [], "{pem:?}");
        }
    }

    #[test]
    fn a_server_is_known_by_where_it_is_and_its_clock_by_its_answer() {
        let clock = MovableClock::frozen(DateTime::from_timestamp(784_111_777, 0).unwrap());
        let peers = Peers::new(clock);
        let headers = |date: &str| HeaderMap::from_iter([(DATE, date.parse().unwrap())]);
        for (url, date, ahead) in [
            ("https://id.bank.example/token", "Sun, 06 Nov 1994 08:49:37 GMT", Some(0)),
            ("https://id.bank.example:8443/token", "Sun, 06 Nov 1994 08:50:17 GMT", Some(40)),
            ("https://late.example", "Sun, 06 Nov 1994 08:49:07 GMT", Some(-30)),
            ("https://odd.example", "yesterday", None),
        ] {
            let url = Url::parse(url).unwrap();
            peers.see(&url, &headers(date), Some(b"no certificate"));
            let name = url.authority();
            let (_, peer) = peers.all().into_iter().find(|(known, _)| known == name).unwrap();
            assert_eq!(peer, Peer { certificate_ends: None, clock_ahead: ahead.map(TimeDelta::seconds) }, "{name}");
        }
    }
}
