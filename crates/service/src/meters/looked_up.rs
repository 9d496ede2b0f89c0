//! What is looked up when somebody asks: how much there is of what waits, rests or ends.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry};

use super::PREFIX;
use crate::{Parts, boxed};
use domain::{Error, Result};
use store::Until;
use store::backlog::{Backlog, Webhook};

/// So long it may take to tell what waits in the database, a place among those who list included.
const LOOK_FOR: Duration = Duration::from_secs(2);

type Number = Gauge<f64, AtomicU64>;

/// What the public listener has room for.
#[derive(Clone, Copy, Debug)]
pub struct Rooms {
    /// Connections that are served.
    pub connections: usize,
    /// Connections that were refused since the start.
    pub refused: usize,
    /// Bodies that there was no room for, since the start.
    pub bodies_refused: usize,
    /// Bytes of bodies that are held.
    pub bytes: usize,
}

/// All that is measured, in the text form of `OpenMetrics`. What can't be looked up is left out.
#[boxed]
pub async fn told(parts: &Parts, rooms: Rooms) -> Result<String> {
    let mut text = String::new();
    let (answered, backlog) = tokio::join!(parts.store.ping(), backlog(parts));
    if let Err(error) = &backlog {
        tracing::warn!(%error, "what waits in the database could not be looked up");
    }
    for provider in parts.settings.providers.keys() {
        parts.meters.tell_of(provider);
    }
    let mut told = Told(Registry::with_prefix(PREFIX));
    told.info();
    told.this_process(parts, rooms);
    told.providers(parts);
    told.secrets(parts);
    told.peers(parts);
    told.number("database_up", "Whether the database answers", if answered.is_ok() { 1.0 } else { 0.0 });
    if let Ok(backlog) = &backlog {
        told.backlog(backlog, parts.clock.now());
    }
    let encoded = encode_registry(&mut text, &parts.meters.registry)
        .and_then(|()| encode_registry(&mut text, &told.0))
        .and_then(|()| encode_eof(&mut text));
    encoded.map_err(Error::internal).map(|()| text)
}

async fn backlog(parts: &Parts) -> Result<Backlog> {
    let look = async { parts.store.lists(Until::within(LOOK_FOR)).await?.backlog().await };
    let looked = tokio::time::timeout(LOOK_FOR, look).await;
    looked.unwrap_or_else(|_elapsed| Err(Error::StorageUnavailable("it took too long".into())))
}

/// What is told this once.
struct Told(Registry);

impl Told {
    fn add(&mut self, name: &str, help: &str, metric: impl Metric) {
        self.0.register(name, help, metric);
    }

    fn number(&mut self, name: &str, help: &str, value: f64) {
        let gauge = Number::default();
        gauge.set(value);
        self.add(name, help, gauge);
    }

    fn count(&mut self, name: &str, help: &str, value: u64) {
        let counter = Counter::<u64>::default();
        counter.inc_by(value);
        self.add(name, help, counter);
    }

    /// A number for each of these.
    fn numbers(&mut self, name: &str, help: &str, label: &'static str, each: impl IntoIterator<Item = (String, f64)>) {
        let family = Family::<Vec<(String, String)>, Number>::default();
        for (value, number) in each {
            family.get_or_create(&vec![(label.to_owned(), value)]).set(number);
        }
        self.add(name, help, family);
    }

    fn info(&mut self) {
        let version = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        self.add("build", "What this process was built from", version);
    }

    fn this_process(&mut self, parts: &Parts, rooms: Rooms) {
        self.number("flights", "Refreshes in the air", count_of(parts.flights.in_the_air().len()));
        self.number("http_connections", "Connections that are served", count_of(rooms.connections));
        self.count("http_connections_refused", "Connections that were refused", whole(rooms.refused));
        self.count("http_bodies_refused", "Bodies that there was no room for", whole(rooms.bodies_refused));
        self.number("http_body_bytes", "Bytes of bodies that are held", count_of(rooms.bytes));
        self.count("vault_openings", "Secrets that were decrypted", parts.vault.openings());
        let pools = parts.store.pools();
        let in_use = pools.iter().map(|pool| (pool.name.to_owned(), count_of(pool.in_use)));
        self.numbers("store_connections_in_use", "Connections to the database that somebody has", "pool", in_use);
        let most = pools.iter().map(|pool| (pool.name.to_owned(), count_of(pool.most)));
        self.numbers("store_connections_most", "As many as there may be", "pool", most);
        let waiting = count_of(parts.store.writes_waiting());
        self.number("store_writes_waiting", "Writes that wait for SQLite's one writer", waiting);
    }

    fn providers(&mut self, parts: &Parts) {
        let now = parts.clock.monotonic();
        let width = parts.settings.tokens.max_concurrency;
        let lanes: Vec<_> =
            parts.settings.providers.keys().map(|id| (id.to_string(), parts.flights.lane(id, width))).collect();
        let rests = lanes.iter().map(|(id, lane)| (id.clone(), lane.guard().rests(now).as_secs_f64()));
        self.numbers("provider_rest_seconds", "For how long a provider is left alone", "provider", rests);
        let asked = lanes.iter().map(|(id, lane)| (id.clone(), count_of(lane.asking())));
        self.numbers("provider_asked", "Refreshes that a provider is asked for", "provider", asked);
    }

    fn secrets(&mut self, parts: &Parts) {
        let today = parts.clock.now().date_naive();
        let days = |ends: NaiveDate| f64::from(i32::try_from((ends - today).num_days()).unwrap_or(i32::MAX));
        let ending = parts.settings.clients.values().filter_map(|client| Some((client, client.secret_ends?)));
        let ending = ending.map(|(client, ends)| (client.id.as_str().to_owned(), days(ends)));
        self.numbers("client_secret_days", "Days until an application should have another secret", "client", ending);
    }

    /// What was seen of those who are asked; how long what proves servers to be who they are does so.
    fn peers(&mut self, parts: &Parts) {
        let now = parts.clock.now();
        let days = |ends: DateTime<Utc>| (ends - now).as_seconds_f64() / TimeDelta::days(1).as_seconds_f64();
        let seen = parts.upstream.peers();
        let of_servers = seen.iter().filter_map(|(host, peer)| Some((host.clone(), days(peer.certificate_ends?))));
        let of_settings = parts.upstream.certificates().into_iter().map(|(name, ends)| (name, days(ends)));
        let ends: Vec<_> = of_servers.chain(of_settings).collect();
        self.numbers("certificate_days", "Days until a certificate ends", "of", ends);
        let ahead = seen.iter().filter_map(|(host, peer)| Some((host.clone(), peer.clock_ahead?.as_seconds_f64())));
        self.numbers("peer_clock_ahead_seconds", "How far a server's clock is ahead of ours", "of", ahead);
    }

    fn backlog(&mut self, backlog: &Backlog, now: DateTime<Utc>) {
        let age = |since: Option<DateTime<Utc>>| {
            since.map_or(0.0, |since| (now - since).to_std().unwrap_or_default().as_secs_f64())
        };
        let revocations = &backlog.revocations;
        self.number("revocations_waiting", "Tokens that wait for their revocation", count_of(revocations.count));
        self.number("revocations_oldest_seconds", "How long the oldest of them has waited", age(revocations.oldest));
        let each = |of: &dyn Fn(&Webhook) -> f64| -> Vec<_> {
            backlog.webhooks.iter().map(|(name, webhook)| (name.clone(), of(webhook))).collect()
        };
        let waiting = each(&|webhook| count_of(webhook.waiting.count));
        self.numbers("events_waiting", "Events that a webhook is still to be told", "webhook", waiting);
        let oldest = each(&|webhook| age(webhook.waiting.oldest));
        self.numbers("events_oldest_seconds", "How long the oldest of them has waited", "webhook", oldest);
        let dead = each(&|webhook| count_of(webhook.dead));
        self.numbers("events_given_up", "Events that a webhook did not take for a day", "webhook", dead);
        let pages = &backlog.served;
        self.number("served_pages_waiting", "Counts of tokens that are not in the record yet", count_of(pages.count));
        self.number("served_pages_oldest_seconds", "How long the oldest of them has waited", age(pages.oldest));
        self.number("served_pages_spoilt", "Counts of tokens that can't be read any more", count_of(backlog.spoilt));
    }
}

/// So many; there are not as many of anything as would not fit.
fn count_of(number: usize) -> f64 {
    u32::try_from(number).unwrap_or(u32::MAX).into()
}

fn whole(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
