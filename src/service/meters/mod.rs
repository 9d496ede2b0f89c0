//! What is measured: as it happens, and, of what can be looked up, whenever somebody asks (docs/metrics.md).
//!
//! A label's values are few: names of the settings, routes, words of ours.

mod looked_up;

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
pub use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
pub use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use domain::ids::ProviderId;
pub use looked_up::{Rooms, told};

/// What the name of each metric begins with.
const PREFIX: &str = "fedlink";

/// From 50 µs, which a fresh token takes, to a minute, in seconds.
const BUCKETS: [f64; 19] = [
    0.000_05, 0.000_1, 0.000_2, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0,
    30.0, 60.0,
];

fn durations() -> Histogram {
    Histogram::new(BUCKETS)
}

type Durations<L> = Family<L, Histogram, fn() -> Histogram>;

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
struct Provider {
    provider: String,
}

/// What is measured as it happens.
pub struct Meters {
    registry: Registry,
    requests: Family<Answer, Counter>,
    request_seconds: Durations<Route>,
    refreshes: Family<Refresh, Counter>,
    answer_seconds: Durations<Provider>,
    lease_waits: Counter,
}

impl Default for Meters {
    fn default() -> Self {
        let mut registry = Registry::with_prefix(PREFIX);
        let requests = Family::default();
        registry.register("http_requests", "Requests that were answered", requests.clone());
        let request_seconds = Durations::new_with_constructor(durations);
        registry.register("http_request_seconds", "How long requests took to be answered", request_seconds.clone());
        let refreshes = Family::default();
        registry.register("refreshes", "Refreshes that a provider was asked for", refreshes.clone());
        let answer_seconds = Durations::new_with_constructor(durations);
        registry.register(
            "provider_answer_seconds",
            "How long providers took to answer a refresh",
            answer_seconds.clone(),
        );
        let lease_waits = Counter::default();
        registry.register("lease_waits", "Refreshes that waited for another instance's", lease_waits.clone());
        Self { registry, requests, request_seconds, refreshes, answer_seconds, lease_waits }
    }
}

impl Meters {
    /// How often a route answered so.
    pub fn requests(&self, method: &'static str, route: &str, status: u16) -> Counter {
        self.requests.get_or_create_owned(&Answer { method, route: route.to_owned(), status })
    }

    /// How long a route took, in seconds.
    pub fn request_seconds(&self, route: &str) -> Histogram {
        self.request_seconds.get_or_create_owned(&Route { route: route.to_owned() })
    }

    /// A provider was asked for a refresh, and this came of it.
    pub(super) fn refreshed(&self, provider: &ProviderId, outcome: &'static str, took: Duration) {
        let provider = provider.to_string();
        self.answer_seconds.get_or_create(&Provider { provider: provider.clone() }).observe(took.as_secs_f64());
        self.refreshes.get_or_create(&Refresh { provider, outcome }).inc();
    }

    /// A refresh waits for another instance's.
    pub(super) fn waits_for_a_lease(&self) {
        self.lease_waits.inc();
    }
}
