//! What a process is started with, and what its settings file is read by.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

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
#[derive(Debug)]
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
