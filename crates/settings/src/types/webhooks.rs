//! Who is told of events.

use std::collections::BTreeMap;
use std::fmt;

use ipnet::IpNet;
use secrecy::SecretSlice;
use url::Url;

use domain::event::Event;

/// All who are told, by name.
pub type Webhooks = BTreeMap<String, Webhook>;

/// An endpoint that is told of events.
#[derive(Clone)]
pub struct Webhook {
    /// What the operator calls it: its events wait under this name, whatever becomes of its address.
    pub name: String,
    /// Where it listens.
    pub url: Url,
    /// What deliveries are signed with, each by each: the newest first.
    pub keys: Vec<SecretSlice<u8>>,
    /// What it is told of.
    pub events: Vec<Event>,
    /// Networks that may be connected to though nobody else has them.
    pub allow: Vec<IpNet>,
}

impl Webhook {
    /// Whether it is told of such events.
    pub fn wants(&self, event: Event) -> bool {
        self.events.contains(&event)
    }
}

/// Without its path: many receivers know who may call by that alone.
impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.url.host_str();
        f.debug_struct("Webhook").field("name", &self.name).field("host", &host).finish_non_exhaustive()
    }
}
