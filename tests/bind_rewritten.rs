//! A bind whose row somebody rewrote in the database: it completes nothing, and its secrets go to nobody.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fedlink::service::sweep;
use sha2::{Digest as _, Sha256};

use crate::support::browser::{Browser, complete, instruct};
use crate::support::database::{assert_nothing_stored, count, execute};
use crate::support::revocations::{ends, waiting, work};
use crate::support::world::{
    As, Body, CONSOLE, CONSOLE_PASSWORD, Engine, RIVAL, RIVAL_PASSWORD, VERIFIER, World, both_engines,
};

const BASIC: As = As::Basic(CONSOLE, CONSOLE_PASSWORD);
const OWN_VERIFIER: &str = "a-verifier-of-the-attackers-own-43-characters-";

/// What an attacker writes, and what completes it if nothing holds against that: the client, the verifier, the subject.
fn rewritings() -> Vec<(String, As, &'static str, &'static str)> {
    let own = URL_SAFE_NO_PAD.encode(Sha256::digest(OWN_VERIFIER));
    let with = |change: &str| (change.to_owned(), BASIC, VERIFIER, "alice");
    vec![
        ("client = 'rival'".to_owned(), As::Basic(RIVAL, RIVAL_PASSWORD), VERIFIER, "alice"),
        ("subject = NULL".to_owned(), BASIC, VERIFIER, "mallory"),
        ("subject = 'mallory'".to_owned(), BASIC, VERIFIER, "mallory"),
        (format!("code_challenge = '{own}'"), BASIC, OWN_VERIFIER, "alice"),
        with("fp_type = 'bin'"),
        with("fp_name = 'box_2'"),
        with("callback = 'https://app.example/callback?of=another'"),
        with("sid = 'elle'"),
    ]
}

/// A world with three providers, where alice and mallory have accounts.
async fn world(engine: Engine) -> World {
    let world = World::frozen_with(engine, |text| {
        let (_, provider) = text.split_once("[[providers]]").unwrap();
        let (second, third) = (provider.replace("box_1", "box_2"), provider.replace("\"box\"", "\"bin\""));
        format!("{text}[[providers]]{second}[[providers]]{third}")
    })
    .await;
    world.account("alice").await;
    world.account("mallory").await;
    world
}

/// An instruction for alice; gives the address to open.
async fn instruct_alice(world: &World) -> String {
    let alice = world.user(CONSOLE, "alice", &["blitz_api_ufa_chg"]).await;
    instruct(world, &alice).await
}

both_engines! {
    async fn a_rewritten_flow_does_not_open(engine: Engine) {
        let world = world(engine).await;
        let mut unread = 0;
        for (change, client, verifier, subject) in rewritings() {
            for confirmed in [false, true] {
                let mut browser = Browser::default();
                let url = browser.identify(&world, &instruct_alice(&world).await, "oleg").await;
                let change = format!("UPDATE flows SET {change}");
                let callback = if confirmed {
                    let callback = browser.decide(&world, &url, "yes").await;
                    execute(&world.database_url, &change).await;
                    callback
                } else {
                    execute(&world.database_url, &change).await;
                    browser.decide(&world, &url, "yes").await
                };
                let answer = complete(&world, &client, callback.get("bind_code"), (verifier, subject)).await;
                assert_eq!(answer.status, 500, "{change}, confirmed {confirmed}: {}", answer.text());
                assert_nothing_stored(&world, &change).await;
                world.advance(3600);
                sweep::delete(&world.app.parts).await.expect("it sweeps");
                work(&world).await;
                unread += 1;
                assert_eq!((count(&world, "flows").await, waiting(&world).await), (0, 0), "{change}");
                assert_eq!(world.sandbox.counts().revoke, 0, "{change}: asked of who knows whom");
                assert_eq!(ends(&world).await, vec!["FEDERATION_REVOCATION_GIVEN_UP unreadable"; unread], "{change}");
            }
        }
        // One that nobody touched completes.
        let callback = Browser::default().walk(&world, &instruct_alice(&world).await, "oleg").await;
        let done = complete(&world, &BASIC, callback.get("bind_code"), (VERIFIER, "alice")).await;
        assert_eq!(done.status, 204, "{}", done.text());
    }

    async fn a_flow_that_is_rewritten_on_its_way_redeems_no_code(engine: Engine) {
        let world = world(engine).await;
        for (change, ..) in rewritings() {
            if change.starts_with("sid") {
                // There is none before the provider proves it.
                continue;
            }
            let mut browser = Browser::default();
            let back = browser.arrive(&world, &instruct_alice(&world).await, "oleg").await;
            execute(&world.database_url, &format!("UPDATE flows SET {change}")).await;
            let answer = browser.go(&world, "GET", &back, Body::None).await;
            // At another provider's redirect URI it is told so; the rest comes to light when the secrets are opened.
            assert_eq!(answer.status, if change.starts_with("fp_") { 303 } else { 500 }, "{change}");
            assert_eq!(world.sandbox.counts().token_code, 0, "{change}");
            execute(&world.database_url, "DELETE FROM flows").await;
        }
    }
}
