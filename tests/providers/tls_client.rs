//! A provider to which only clients come that have a TLS certificate (RFC 8705 §2), behind nginx, which sees to that.

use std::fs;

use chrono::TimeDelta;
use domain::clock::{Clock as _, MovableClock};
use serde_json::json;
use tempfile::TempDir;

use super::row::bind;
use crate::support::browser::{Browser, Callback, instruct};
use crate::support::certificate::Authority;
use crate::support::fed::{asked, fed_token, token};
use crate::support::nginx::Nginx;
use crate::support::world::{As, Body, CONSOLE, CONSOLE_PASSWORD, Engine, World, both_engines};

const BASIC: As = As::Basic(CONSOLE, CONSOLE_PASSWORD);

/// What stands around the provider.
struct Door {
    world: World,
    _nginx: Nginx,
    _folder: TempDir,
}

/// A provider behind nginx, to which we show a certificate of the authority that it goes by, or of another, or none.
async fn door(engine: Engine, authority: Option<&str>) -> Door {
    let folder = tempfile::tempdir().expect("a folder");
    let ours = Authority::new("clients of the provider");
    let theirs = Authority::new("clients of another");
    let mut started = None;
    let world = World::frozen_with(engine, |settings| {
        let issuer = settings.lines().find_map(|line| line.strip_prefix("issuer = \"")).expect("an issuer");
        let issuer = issuer.trim_end_matches('"').to_owned();
        let nginx = Nginx::demanding("127.0.0.1", issuer.trim_start_matches("http://"), &ours.pem());
        let ca = folder.path().join("ca.pem");
        fs::write(&ca, &nginx.authority).expect("room");
        let by = format!("https://127.0.0.1:{}", nginx.port);
        started = Some(nginx);
        let ends = MovableClock::running().now() + TimeDelta::days(9) + TimeDelta::hours(1);
        let shown = authority.map(|name| if name == "ours" { &ours } else { &theirs });
        let shown = shown.map_or_else(String::new, |authority| {
            let (certificate, key) = authority.certify_until("fedlink.example", ends);
            format!("tls_certificate = {}\ntls_key = {}\n", json!(certificate), json!(key))
        });
        let settings = settings.replace("preset = \"oidc\"", "preset = \"oauth2\"").replace(&format!("issuer = \"{issuer}\"\n"), "");
        format!(
            "ca_file = \"{}\"\n{settings}authorization_endpoint = \"{issuer}/authorize\"\ntoken_endpoint = \"{by}/token\"\n\
             userinfo_endpoint = \"{by}/userinfo\"\nrevocation_endpoint = \"{by}/revoke\"\n{shown}",
            ca.display()
        )
    })
    .await;
    Door { world, _nginx: started.expect("it was asked for"), _folder: folder }
}

both_engines! {
    async fn a_certificate_is_shown_to_whoever_asks_for_one(engine: Engine) {
        let Door { world, .. } = &door(engine, Some("ours")).await;
        world.account("alice").await;
        bind(world, "with a certificate").await;
        world.advance(3601);
        let console = world.console().await;
        let fresh = token(&fed_token(world, &console, "").await, "oleg");
        assert!(world.sandbox.is_active(&fresh));
        assert_eq!(asked(world), 1);
        let gone = world.call("DELETE", "/api/v3/users/alice/fa/box/box_1/oleg", &console, Body::None).await;
        assert_eq!(gone.status, 204, "{}", gone.text());
        fedlink::service::revoke::run_due(&world.current.take()).await.expect("the queue is worked off");
        assert!(!world.sandbox.is_active(&fresh), "revoked as well");
        // When it ends is told.
        let metrics = world.send("GET", &format!("{}/metrics", world.ops), &As::Nobody, Body::None, &[]).await.text();
        let line = metrics.lines().find(|line| line.contains("tls_certificate of box:box_1")).expect(&metrics);
        assert!(line.starts_with("fedlink_certificate_days{"), "{line}");
    }

    async fn without_one_or_with_anothers_nobody_is_let_in(engine: Engine) {
        for shown in [None, Some("theirs")] {
            let Door { world, .. } = &door(engine, shown).await;
            world.account("alice").await;
            let mut browser = Browser::default();
            let url = browser.open(world, &instruct(world, &BASIC).await).await;
            let yes = Body::Form(vec![("sub", "oleg".to_owned())]);
            let sent = world.send("POST", &url, &As::Nobody, yes, &[]).await.location();
            let back = Callback::of(&browser.go(world, "GET", &sent, Body::None).await);
            assert_eq!((back.get("status"), back.get("error")), ("error", "provider_error"), "{shown:?}");
            assert_eq!(world.sandbox.counts().token_code, 0, "{shown:?}");
        }
    }
}
