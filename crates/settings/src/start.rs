//! What a process is started with, and what its settings file is read by.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};

use super::types::Settings;

/// All that the settings file says.
#[derive(Debug)]
pub struct Configuration {
    /// What takes a restart to change.
    pub start: Start,
    /// What every request goes by.
    pub settings: Settings,
}

/// What a process is started with: its listeners, its database, its keyring.
#[derive(Clone, Debug)]
pub struct Start {
    /// Where the service listens.
    pub listen: SocketAddr,
    /// Where health is served, off the public port.
    pub ops_listen: SocketAddr,
    /// How long it is served on after it is told to stop, so that balancers see that no more should come.
    pub drain: Duration,
    /// How long after it is told to stop the answers to refreshes in flight are waited for.
    pub stop_within: Duration,
    /// `sqlite:PATH` or `postgres://…`; may hold a password.
    pub database_url: SecretString,
    /// Where the keyring is.
    pub keyring: KeyringSource,
}

impl Start {
    /// The keys of what `other` says otherwise: that takes a restart.
    pub fn otherwise_in(&self, other: &Self) -> Vec<&'static str> {
        let keyring = match (&self.keyring, &other.keyring) {
            // What is in the environment is what it was.
            (KeyringSource::Text(_), KeyringSource::Text(_)) => true,
            (ours, others) => ours == others,
        };
        let is_same = [
            ("listen", self.listen == other.listen),
            ("ops_listen", self.ops_listen == other.ops_listen),
            ("drain", self.drain == other.drain),
            ("stop_within", self.stop_within == other.stop_within),
            ("database_url", self.database_url.expose_secret() == other.database_url.expose_secret()),
            ("vault.keyring", keyring),
        ];
        is_same.into_iter().filter(|(_, is_same)| !is_same).map(|(key, _)| key).collect()
    }
}

impl Settings {
    /// What of `next` a process that goes by these settings can't take while it serves, key by key: its routes, and what all its answers
    /// say, are those that it was started with.
    pub fn fixed_until_restart(&self, next: &Self) -> Vec<String> {
        let mut fixed = Vec::new();
        if self.base_path != next.base_path {
            fixed.push(format!("base_path: it is served under {:?} until it is restarted", self.base_path));
        }
        if self.is_secure() != next.is_secure() {
            let scheme = self.public_url.scheme();
            fixed.push(format!("public_url: its scheme is {scheme} until it is restarted"));
        }
        fixed
    }
}

/// Where the keyring's text comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyringSource {
    /// A file, readable by its owner only.
    File(PathBuf),
    /// The value of an environment variable, already read.
    Text(KeyringText),
}

/// A keyring's text that came from the environment.
#[derive(Clone)]
pub struct KeyringText(pub SecretString);

impl std::fmt::Debug for KeyringText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyringText([redacted])")
    }
}

impl PartialEq for KeyringText {
    fn eq(&self, _: &Self) -> bool {
        false
    }
}

impl Eq for KeyringText {}

/// Whether secrets may stand in the settings themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Literals {
    /// No: they are named by environment variable or file.
    Refuse,
    /// Yes: for the demo and tests, whose secrets guard nothing.
    Allow,
}
