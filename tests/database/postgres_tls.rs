//! Postgres across a network: with TLS that is verified, or not at all.

use serde_json::json;

use crate::support::certificate::Authority;
use crate::support::program::Output;
use crate::support::site::Site;
use crate::support::world::{As, Body, Engine, World};
use crate::support::{hosts, secured};

/// A site whose database is at `url`, and who trusts this authority, or the system's.
fn site(url: &str, trusted: Option<&Authority>) -> Site {
    let mut site = Site::alone();
    site.edit("\"sqlite:fedlink.db\"", r#"{ env = "DATABASE_URL" }"#);
    site.env.push(("DATABASE_URL", url.to_owned()));
    if let Some(trusted) = trusted {
        std::fs::write(site.path("ca.pem"), trusted.pem()).expect("a file");
        site.settings.insert_str(0, "ca_file = \"ca.pem\"\n");
    }
    site
}

#[track_caller]
fn assert_refused(output: &Output, words: &str) {
    let told = output.complaint();
    assert!(told.contains("can't connect to Postgres") && told.contains(words), "{words} is missing in\n{told}");
    assert!(!format!("{output:?}").contains(secured::PASSWORD), "{output:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_across_the_network_is_reached_over_tls() {
    // The role is let in over TLS only. Channel binding: the password's proof is bound to this very certificate, so that
    // nobody in between could pass it on (RFC 5929 §4).
    let url = format!("{}&channel_binding=require", secured::fresh_database());
    let folder = tempfile::tempdir().expect("a folder");
    let ca_file = folder.path().join("ca.pem");
    std::fs::write(&ca_file, secured::authority().pem()).expect("a file");
    let world = World::start_with(Engine::Postgres, |settings| {
        let (_, rest) = settings.split_once("listen =").expect("settings");
        let (public_url, _) = settings.split_once("database_url").expect("settings");
        format!("{public_url}database_url = \"{url}\"\nca_file = \"{}\"\nlisten ={rest}", ca_file.display())
    })
    .await;
    world.account("alice").await;
    let console = world.console().await;
    let link = world.call("POST", "/api/v3/users/alice/fa/box/box_1/1", &console, Body::None).await;
    assert_eq!(link.status, 204, "{}", link.text());
    let list = world.call("GET", "/api/v3/users/alice/fa", &console, Body::None).await;
    assert_eq!((list.status, list.json()[0]["sid"].clone()), (200, json!("1")));
    let nobody = world.call("GET", "/api/v3/users/alice/fa", &As::Nobody, Body::None).await;
    assert_eq!(nobody.status, 401);
}

#[test]
fn a_certificate_of_another_authority_is_refused() {
    let url = secured::fresh_database();
    let good = site(&url, Some(secured::authority()));
    assert!(good.run(&["migrate"]).good().starts_with("ran "));
    let other = Authority::new("another");
    for trusted in [Some(&other), None] {
        assert_refused(&site(&url, trusted).run(&["migrate"]), "invalid peer certificate: UnknownIssuer");
    }
}

#[test]
fn a_certificate_of_another_host_is_refused() {
    let url = secured::fresh_database();
    for (host, words) in [
        (url.replace(secured::NAME, "other.example"), "other.example"),
        (url.replace(secured::NAME, "db.example.net"), "db.example.net"),
        // An address alone is a name too, and none that the certificate has.
        (url.replace("&hostaddr=127.0.0.1", "").replace(secured::NAME, "127.0.0.1") + "&sslmode=require", "127.0.0.1"),
    ] {
        let output = site(&host, Some(secured::authority())).run(&["migrate"]);
        assert_refused(&output, "invalid peer certificate");
        assert_refused(&output, words);
    }
}

#[test]
fn a_server_without_tls_is_told_nothing() {
    for sslmode in ["", "&sslmode=disable", "&sslmode=prefer"] {
        let (port, visit) = hosts::without_tls();
        let url = format!("postgres://fedlink:{}@db.example:{port}/db?hostaddr=127.0.0.1{sslmode}", secured::PASSWORD);
        let output = site(&url, Some(secured::authority())).run(&["migrate"]);
        assert_refused(&output, "server does not support TLS");
        assert_eq!(visit.join().expect("it asked for TLS"), b"", "nothing is said in the open");
    }
}

#[test]
fn a_wrong_password_over_tls_is_told_as_such() {
    let url = secured::fresh_database();
    let wrong = url.replace(secured::PASSWORD, "not-the-passw0rd");
    let output = site(&wrong, Some(secured::authority())).run(&["migrate"]);
    assert_refused(&output, "password authentication failed");
    assert!(!format!("{output:?}").contains("not-the-passw0rd"), "{output:?}");
    // The server would take the password in the open from nobody either.
    let open = url.replace(&format!("{}:", secured::NAME), "127.0.0.1:").replace("?hostaddr=127.0.0.1", "");
    assert_refused(&site(&open, None).run(&["migrate"]), "pg_hba.conf rejects connection");
}
