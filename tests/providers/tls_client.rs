//! A provider to which only clients come that have a TLS certificate (RFC 8705 §2), behind nginx, which sees to that.

use super::door::Door;
use super::row::bind;
use crate::support::browser::{Browser, Callback, instruct};
use crate::support::fed::{asked, fed_token, token};
use crate::support::world::{As, Body, CONSOLE, CONSOLE_PASSWORD, Engine, World, both_engines};

const BASIC: As = As::Basic(CONSOLE, CONSOLE_PASSWORD);

/// The settings of a world whose provider is behind such a door; what they say of our certificate stands last.
fn behind(door: &Door, settings: &str, shown: &str) -> String {
    let (ca, by) = (door.ca_line(), door.address());
    let issuer = issuer(settings);
    let settings =
        settings.replace("preset = \"oidc\"", "preset = \"oauth2\"").replace(&format!("issuer = \"{issuer}\"\n"), "");
    format!(
        "{ca}{settings}authorization_endpoint = \"{issuer}/authorize\"\ntoken_endpoint = \"{by}/token\"\n\
         userinfo_endpoint = \"{by}/userinfo\"\nrevocation_endpoint = \"{by}/revoke\"\n{shown}"
    )
}

fn issuer(settings: &str) -> String {
    let issuer = settings.lines().find_map(|line| line.strip_prefix("issuer = \"")).expect("an issuer");
    issuer.trim_end_matches('"').to_owned()
}

/// A world whose provider is behind such a door, to which we show a certificate of the authority that it goes by, of another, or
/// none.
async fn world(engine: Engine, authority: Option<&str>) -> (World, Door) {
    let mut door = None;
    let world = World::frozen_with(engine, |settings| {
        let before = Door::before(&issuer(&settings));
        let shown = match authority {
            None => String::new(),
            Some("ours") => before.certificate(),
            Some(_) => Door::before(&issuer(&settings)).certificate(),
        };
        let settings = behind(&before, &settings, &shown);
        door = Some(before);
        settings
    })
    .await;
    (world, door.expect("it was asked for"))
}

both_engines! {
    async fn a_certificate_is_shown_to_whoever_asks_for_one(engine: Engine) {
        let (world, _door) = &world(engine, Some("ours")).await;
        world.account("alice").await;
        bind(world, "with a certificate").await;
        world.advance(3601);
        let console = world.console().await;
        let fresh = token(&fed_token(world, &console, "").await, "oleg");
        assert!(world.sandbox.is_active(&fresh));
        assert_eq!(asked(world), 1);
        let gone = world.call("DELETE", "/api/v3/users/alice/fa/box/box_1/oleg", &console, Body::None).await;
        assert_eq!(gone.status, 204, "{}", gone.text());
        service::revoke::run_due(&world.current.take()).await.expect("the queue is worked off");
        assert!(!world.sandbox.is_active(&fresh), "revoked as well");
        // When it ends is told.
        let metrics = world.send("GET", &format!("{}/metrics", world.ops), &As::Nobody, Body::None, &[]).await.text();
        let line = metrics.lines().find(|line| line.contains("tls_certificate of box:box_1")).expect(&metrics);
        assert!(line.starts_with("fedlink_certificate_days{"), "{line}");
    }

    async fn a_certificate_comes_with_other_settings(engine: Engine) {
        let (world, door) = &world(engine, None).await;
        world.account("alice").await;
        world.decide(|settings| behind(door, &settings, &door.certificate()));
        bind(world, "decided while it is served on").await;
        assert_eq!(world.sandbox.counts().token_code, 1);
    }

    async fn without_one_or_with_anothers_nobody_is_let_in(engine: Engine) {
        for shown in [None, Some("theirs")] {
            let (world, _door) = &world(engine, shown).await;
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
