//! What is measured: as it happens, and, of what can be looked up, whenever somebody asks (docs/metrics.md).
//!
//! A label's values are few: names of the settings, routes, words of ours.

mod apart;
mod looked_up;
pub(super) mod minutes;

use std::time::Duration;

use chrono::{DateTime, Utc};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use domain::account::AddressKind;
use domain::ids::ProviderId;
use domain::{Error, Result};

pub use apart::{Counter, Histogram};
pub use looked_up::{Rooms, told};
use minutes::Minutes;

/// What the name of each metric begins with.
const PREFIX: &str = "fedlink";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answer {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refresh {
    provider: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reached {
    limit: &'static str,
}

/// What somebody can have too much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    /// Tokens that an application fetches (`tokens_per_minute`).
    Tokens,
    /// Binds that an application begins (`binds_per_minute`), or leaves unopened for one user.
    Binds,
    /// Wrong secrets from one network.
    Secrets,
    /// Tries to sign in.
    SignIn,
    /// Looks at codes.
    Codes,
    /// Codes that are sent by SMS.
    Sms,
    /// Codes that are sent by e-mail.
    Emails,
    /// Passwords that are looked at at once.
    Passwords,
    /// Points for lists in an hour (`list_points_per_hour`).
    ListPoints,
    /// Lists and batches at once.
    Lists,
}

impl Limit {
    const ALL: [Self; 10] = [
        Self::Tokens,
        Self::Binds,
        Self::Secrets,
        Self::SignIn,
        Self::Codes,
        Self::Sms,
        Self::Emails,
        Self::Passwords,
        Self::ListPoints,
        Self::Lists,
    ];

    /// Messages to such addresses.
    pub(super) fn messages(to: AddressKind) -> Self {
        match to {
            AddressKind::Email => Self::Emails,
            AddressKind::Phone => Self::Sms,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Tokens => "tokens",
            Self::Binds => "binds",
            Self::Secrets => "secrets",
            Self::SignIn => "sign_in",
            Self::Codes => "codes",
            Self::Sms => "sms",
            Self::Emails => "emails",
            Self::Passwords => "passwords",
            Self::ListPoints => "list_points",
            Self::Lists => "lists",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Provider {
    provider: String,
}

/// What is measured as it happens.
pub struct Meters {
    registry: Registry,
    requests: Family<Answer, Counter>,
    faults: Counter,
    request_seconds: Family<Route, Histogram>,
    refreshes: Family<Refresh, Counter>,
    answer_seconds: Family<Provider, Histogram>,
    lease_waits: Counter,
    limits: Family<Reached, Counter>,
    pub(super) minutes: Minutes,
}

impl Default for Meters {
    fn default() -> Self {
        let mut registry = Registry::with_prefix(PREFIX);
        let requests = Family::default();
        registry.register("http_requests", "Requests that were answered", requests.clone());
        let faults = Counter::default();
        registry.register("http_faults", "Requests that failed by a fault of ours", faults.clone());
        let request_seconds = Family::<Route, Histogram>::default();
        registry.register("http_request_seconds", "How long requests took to be answered", request_seconds.clone());
        let refreshes = Family::default();
        registry.register("refreshes", "Refreshes that a provider was asked for", refreshes.clone());
        let answer_seconds = Family::<Provider, Histogram>::default();
        registry.register(
            "provider_answer_seconds",
            "How long providers took to answer a refresh",
            answer_seconds.clone(),
        );
        let lease_waits = Counter::default();
        registry.register("lease_waits", "Refreshes that waited for another instance's", lease_waits.clone());
        let limits = Family::<Reached, Counter>::default();
        for limit in Limit::ALL {
            // Told from the first scrape on: a rise from nothing is none to Prometheus.
            drop(limits.get_or_create(&Reached { limit: limit.as_str() }));
        }
        registry.register("limits_reached", "Calls that were refused since somebody had too much", limits.clone());
        let minutes = Minutes::default();
        Self { registry, requests, faults, request_seconds, refreshes, answer_seconds, lease_waits, limits, minutes }
    }
}

impl Meters {
    /// How often a route answered so.
    pub fn requests(&self, method: &'static str, route: &str, status: u16) -> Counter {
        self.requests.get_or_create_owned(&Answer { method, route: route.to_owned(), status })
    }

    /// A request failed by a fault of ours.
    pub fn failed(&self) {
        self.faults.inc();
    }

    /// Tells of a provider's refreshes from now on, though there were none yet: a rise from nothing is none to Prometheus.
    pub(super) fn tell_of(&self, provider: &ProviderId) {
        for outcome in ["granted", "refused", "failed"] {
            drop(self.refreshes.get_or_create(&Refresh { provider: provider.to_string(), outcome }));
        }
        drop(self.answer_seconds.get_or_create(&Provider { provider: provider.to_string() }));
    }

    /// How long a route took, in seconds.
    pub fn request_seconds(&self, route: &str) -> Histogram {
        self.request_seconds.get_or_create_owned(&Route { route: route.to_owned() })
    }

    /// A provider was asked for a refresh, and this came of it.
    pub(super) fn refreshed(&self, now: DateTime<Utc>, provider: &ProviderId, outcome: &'static str, took: Duration) {
        self.minutes.add(now, provider, outcome, took);
        let provider = provider.to_string();
        self.answer_seconds.get_or_create(&Provider { provider: provider.clone() }).observe(took);
        self.refreshes.get_or_create(&Refresh { provider, outcome }).inc();
    }

    /// What came of something that has a limit: counted if it was one too many.
    pub(super) fn within<T>(&self, limit: Limit, outcome: Result<T>) -> Result<T> {
        if outcome.as_ref().is_err_and(Error::is_of_a_limit) {
            self.reached(limit);
        }
        outcome
    }

    /// Somebody had one too many.
    pub(super) fn reached(&self, limit: Limit) {
        self.limits.get_or_create(&Reached { limit: limit.as_str() }).inc();
    }

    /// A refresh waits for another instance's.
    pub(super) fn waits_for_a_lease(&self) {
        self.lease_waits.inc();
    }
}
