//! Tells endpoints of events: a signed call to an address that is judged whenever it is connected to, and that leads nowhere else.

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use super::client::{Trusted, builder};
use super::outcome::retry_after;
use super::signed;
use domain::clock::SharedClock;
use domain::destination::may_connect;
use domain::outbox::{Answered, DELIVERY, Delivery, Sink, Told};
use domain::{Error, Result};
use settings::{Settings, Webhook};

/// The addresses of a name.
type Lookup = Arc<dyn Fn(String) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>> + Send + Sync>;

/// An endpoint that is told of events.
pub struct Receiver {
    webhook: Webhook,
    client: reqwest::Client,
    judge: Judge,
    clock: SharedClock,
}

/// A receiver for each webhook of the settings, by name.
pub(crate) fn receivers(
    settings: &Settings,
    trusted: &Trusted,
    clock: &SharedClock,
) -> Result<BTreeMap<String, Receiver>> {
    let receiver = |webhook: &Webhook| Receiver::new(webhook.clone(), trusted, Arc::clone(clock), system_lookup());
    settings.webhooks.iter().map(|(name, webhook)| Ok((name.clone(), receiver(webhook)?))).collect()
}

impl Receiver {
    pub(crate) fn new(webhook: Webhook, trusted: &Trusted, clock: SharedClock, lookup: Lookup) -> Result<Self> {
        let judge = Judge { allowed: webhook.allow.clone().into(), lookup };
        // A proxy would connect for us, to addresses that nobody judges.
        let builder = builder(trusted)?.no_proxy().dns_resolver(Arc::new(judge.clone()));
        let client = builder.build().map_err(|error| Error::internal(error.without_url()))?;
        Ok(Self { webhook, client, judge, clock })
    }

    /// What the operator calls it.
    pub fn name(&self) -> &str {
        &self.webhook.name
    }

    /// Looks whether it stands where it may be connected to; nothing is sent.
    pub async fn check(&self) -> std::result::Result<String, String> {
        let host = self.webhook.url.host_str().unwrap_or_default().to_owned();
        let found = match written(&self.webhook.url) {
            Some(address) if self.judge.allows(address) => 1,
            Some(_) => 0,
            None => self.judge.addresses(host.clone()).await.map_err(|error| format!("{host}: {error}"))?.len(),
        };
        if found == 0 {
            return Err(format!("{host} has no public address: if it is meant, name its network in allow"));
        }
        let (events, signed) = (self.webhook.events.len(), self.webhook.keys.len());
        Ok(format!("{host}, {events} kinds of events, signed with {signed} of its secrets"))
    }

    async fn call(&self, told: &Told) -> Answered {
        // The client asks nobody for what is an address already.
        if written(&self.webhook.url).is_some_and(|address| !self.judge.allows(address)) {
            return failed("address_refused");
        }
        let now = self.clock.now();
        let request = signed::post(&self.webhook.url, &told.id.to_string(), &told.body(), &self.webhook.keys, now);
        let request = request.and_then(|request| reqwest::Request::try_from(request).ok());
        let Some(request) = request else { return failed("unbuildable") };
        // The body is not read: it is hung up on.
        match self.client.execute(request).await {
            Ok(answer) if answer.status().is_success() => Answered::Taken,
            Ok(answer) => Answered::Failed {
                code: format!("status_{}", answer.status().as_u16()).into(),
                retry_after: retry_after(answer.headers(), now),
            },
            Err(error) => failed(code(&error)),
        }
    }
}

impl Sink for Receiver {
    fn deliver<'a>(&'a self, told: &'a Told) -> Delivery<'a> {
        let over = self.clock.sleep(DELIVERY);
        Box::pin(async move {
            tokio::select! {
                biased;
                answered = self.call(told) => answered,
                () = over => failed("no_answer_in_time"),
            }
        })
    }
}

/// Names it alone.
impl std::fmt::Debug for Receiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Receiver").field(&self.webhook).finish()
    }
}

fn failed(code: &'static str) -> Answered {
    Answered::Failed { code: code.into(), retry_after: None }
}

/// Why there is no answer.
fn code(error: &reqwest::Error) -> &'static str {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(inner) = cause {
        if inner.is::<NoneMay>() {
            return "address_refused";
        }
        cause = inner.source();
    }
    if error.is_connect() { "no_connection" } else { "connection_broke" }
}

/// The address that a URL names by itself.
fn written(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Ipv4(address) => Some(address.into()),
        Host::Ipv6(address) => Some(address.into()),
        Host::Domain(_) => None,
    }
}

/// None of a name's addresses may be connected to.
#[derive(Debug, thiserror::Error)]
#[error("the name has no address that may be connected to")]
struct NoneMay;

/// Gives the client those of a name's addresses that may be connected to, at each connection anew: whoever has the name can have it
/// mean another address every time.
#[derive(Clone)]
struct Judge {
    allowed: Arc<[IpNet]>,
    lookup: Lookup,
}

impl Judge {
    fn allows(&self, address: IpAddr) -> bool {
        may_connect(address, &self.allowed)
    }

    async fn addresses(&self, name: String) -> io::Result<Vec<SocketAddr>> {
        let found = (self.lookup)(name).await?;
        Ok(found.into_iter().filter(|address| self.allows(address.ip())).collect())
    }
}

impl Resolve for Judge {
    fn resolve(&self, name: Name) -> Resolving {
        let judge = self.clone();
        Box::pin(async move {
            let addresses = judge.addresses(name.as_str().to_owned()).await?;
            if addresses.is_empty() {
                return Err(NoneMay.into());
            }
            let addresses: Addrs = Box::new(addresses.into_iter());
            Ok(addresses)
        })
    }
}

/// As this machine looks names up.
fn system_lookup() -> Lookup {
    Arc::new(|name| Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) }))
}
