//! nginx before a provider, through which only clients come that have its certificate.

use std::fs;

use chrono::TimeDelta;
use domain::clock::{Clock as _, MovableClock};
use serde_json::json;
use tempfile::TempDir;

use crate::support::certificate::Authority;
use crate::support::nginx::Nginx;

/// It stands as long as this.
pub(super) struct Door {
    nginx: Nginx,
    clients: Authority,
    folder: TempDir,
}

impl Door {
    /// Before the provider at an `http` address.
    pub(super) fn before(provider: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clients = Authority::new("clients of the provider");
        let nginx = Nginx::demanding("127.0.0.1", provider.trim_start_matches("http://"), &clients.pem());
        fs::write(folder.path().join("ca.pem"), &nginx.authority).expect("room");
        Self { nginx, clients, folder }
    }

    /// Where the provider is reached through it.
    pub(super) fn address(&self) -> String {
        format!("https://127.0.0.1:{}", self.nginx.port)
    }

    /// What the settings say of whom it is believed to be, at their top.
    pub(super) fn ca_line(&self) -> String {
        format!("ca_file = {}\n", json!(self.folder.path().join("ca.pem")))
    }

    /// What they say of our certificate, which ends in nine days, under the provider.
    pub(super) fn certificate(&self) -> String {
        let ends = MovableClock::running().now() + TimeDelta::days(9) + TimeDelta::hours(1);
        let (certificate, key) = self.clients.certify_until("fedlink.example", ends);
        format!("tls_certificate = {}\ntls_key = {}\n", json!(certificate), json!(key))
    }
}
