//! What the provider's handlers share: who is registered, what was granted, how to behave.

use std::collections::HashSet;
use std::io;
use std::net::TcpListener;
use std::sync::Mutex;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::ExposeSecret as _;

use super::clients::SandboxClient;
use super::grants::Grants;
use super::keys::Keys;
use super::lock::lock;
use super::options::{Options, SandboxUser};
use super::peculiar::Settings;
use super::pushed_requests::Pushed;
use super::script::Script;
use domain::clock::SharedClock;
use domain::entropy::SharedEntropy;

/// How often the provider was asked, by what for. A call counts when it arrives, held or not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Token calls with a code.
    pub token_code: u64,
    /// Token calls with a refresh token.
    pub token_refresh: u64,
    /// Token calls that were refused by the protocol's rules or by `refuse_refresh`.
    pub refused: u64,
    /// Userinfo calls.
    pub userinfo: u64,
    /// Authorization requests pushed (RFC 9126), taken or not.
    pub pushed: u64,
    /// Revocation calls.
    pub revoke: u64,
    /// Introspection calls.
    pub introspect: u64,
    /// Fetches of the metadata, OpenID's or RFC 8414's.
    pub discovery: u64,
    /// Fetches of the signing keys.
    pub jwks: u64,
    /// Token calls that followed a scripted redirect: a client must make none.
    pub followed_redirect: u64,
}

/// The provider's insides.
#[derive(Debug)]
pub(super) struct Core {
    base: String,
    clock: SharedClock,
    pub(super) entropy: SharedEntropy,
    pub(super) clients: Vec<SandboxClient>,
    pub(super) users: Vec<SandboxUser>,
    lifetime: Duration,
    pub(super) complete_command: Option<String>,
    pub(super) grants: Mutex<Grants>,
    pub(super) pushed: Mutex<Pushed>,
    pub(super) keys: Mutex<Keys>,
    pub(super) counts: Mutex<Counts>,
    /// The ids (`jti`) of the client assertions that were believed.
    pub(super) assertions: Mutex<HashSet<String>>,
    /// The ids of requests that came once.
    pub(super) request_ids: Mutex<HashSet<String>>,
    pub(super) script: Script,
}

impl Core {
    pub(super) fn new(options: Options) -> io::Result<(TcpListener, Self)> {
        let base = format!("http://{}", options.listener.local_addr()?);
        let core = Self {
            base,
            clock: options.clock,
            entropy: options.entropy,
            clients: options.clients,
            users: options.users,
            lifetime: options.access_token_lifetime,
            complete_command: options.complete_command,
            grants: Mutex::default(),
            pushed: Mutex::default(),
            keys: Mutex::new(Keys::new()?),
            counts: Mutex::default(),
            assertions: Mutex::default(),
            request_ids: Mutex::default(),
            script: Script::default(),
        };
        Ok((options.listener, core))
    }

    /// The address of `path` at this provider.
    pub(super) fn address(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub(super) fn issuer(&self, settings: &Settings) -> String {
        self.address(if settings.issuer_ends_in_slash { "/" } else { "" })
    }

    /// The provider's time, wrong by as much as the script says.
    pub(super) fn now(&self) -> DateTime<Utc> {
        self.clock.now() + TimeDelta::seconds(self.script.settings().clock_ahead_seconds)
    }

    /// The life of the next access token.
    pub(super) fn next_lifetime(&self, settings: &Settings) -> Duration {
        self.script.take_lifetime().or(settings.access_token_lifetime).unwrap_or(self.lifetime)
    }

    /// A fresh code or token.
    pub(super) fn secret(&self) -> String {
        self.entropy.token().expose_secret().to_owned()
    }

    pub(super) fn user(&self, sub: &str) -> Option<&SandboxUser> {
        self.users.iter().find(|user| user.sub == sub)
    }

    pub(super) fn client(&self, id: &str) -> Option<&SandboxClient> {
        self.clients.iter().find(|client| client.id == id)
    }

    pub(super) fn count(&self, what: impl FnOnce(&mut Counts)) {
        what(&mut lock(&self.counts));
    }
}
