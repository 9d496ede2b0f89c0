//! A Postgres as it stands across a network: reached by its name, with TLS and a password.

use std::sync::OnceLock;

use super::certificate::Authority;
use super::postgres::Server;

/// The name in its certificate. No resolver knows it, so the address goes with it.
pub(crate) const NAME: &str = "db.example";
/// The password of the one role, which is let in over TLS only.
pub(crate) const PASSWORD: &str = "pa55word-of-the-database";

/// Who signed its certificate.
pub(crate) fn authority() -> &'static Authority {
    static AUTHORITY: OnceLock<Authority> = OnceLock::new();
    AUTHORITY.get_or_init(|| Authority::new("the tests"))
}

/// The address of a new, empty database on it.
pub(crate) fn fresh_database() -> String {
    static SERVER: OnceLock<Server> = OnceLock::new();
    let server = SERVER.get_or_init(|| {
        let (certificate, key) = authority().certify(NAME);
        let hba = "hostssl all secured all scram-sha-256\nhost all secured all reject";
        let server = Server::start(&[("CERT", &certificate), ("KEY", &key), ("HBA", hba)]);
        server.sql(&format!("CREATE ROLE secured LOGIN PASSWORD '{PASSWORD}'"));
        server
    });
    let database = server.fresh_database("secured");
    format!("postgres://secured:{PASSWORD}@{NAME}:{}/{database}?hostaddr=127.0.0.1", server.port)
}
