//! What the record says of a bind: from which browser it was, as far as trusted proxies tell it, and whose session it had.

use crate::support::browser::{Browser, Callback, complete, instruct_with, instruction, persons_instruction};
use crate::support::database::texts;
use crate::support::world::{As, Body, CONSOLE, CONSOLE_PASSWORD, Engine, VERIFIER, World, both_engines};

const BASIC: As = As::Basic(CONSOLE, CONSOLE_PASSWORD);

async fn behind_a_proxy(engine: Engine) -> World {
    let world = World::frozen_with(engine, |settings| format!("trusted_proxies = [\"127.0.0.1\"]\n{settings}")).await;
    world.account("alice").await;
    world.account("mallory").await;
    world
}

/// The last line of an event: client, who acted, of whom, why, from where, and by which agent.
async fn last(world: &World, event: &str) -> Vec<String> {
    let columns = ["client", "actor", "subject", "detail", "claimed_ip", "claimed_agent"]
        .map(|column| format!("coalesce({column}, '-')"))
        .join(" || ' ' || ");
    let query = format!("SELECT {columns} AS value FROM audit WHERE event = '{event}' ORDER BY at DESC, id LIMIT 1");
    texts(&world.database_url, &query).await
}

both_engines! {
    async fn a_persons_bind_names_their_browser(engine: Engine) {
        let world = behind_a_proxy(engine).await;
        let mut browser = Browser::at("198.51.100.7, 203.0.113.9", "Firefox");
        browser.sign_in(&world, "alice").await;
        let alice = world.user(CONSOLE, "alice", &["blitz_api_ufa_chg"]).await;
        let redirect_to = instruct_with(&world, &alice, persons_instruction()).await;
        let to_confirm = browser.identify(&world, &redirect_to, "oleg").await;
        browser.decide(&world, &to_confirm, "no").await;
        assert_eq!(
            last(&world, "FEDERATION_BIND_REFUSED").await,
            ["console alice alice declined_at_confirm 203.0.113.9 Firefox"]
        );

        let redirect_to = instruct_with(&world, &alice, persons_instruction()).await;
        assert_eq!(browser.walk(&world, &redirect_to, "oleg").await.get("status"), "linked");
        assert_eq!(last(&world, "FEDERATION_POINT_BOUND").await, ["console alice alice proven 203.0.113.9 Firefox"]);
    }

    async fn whose_session_met_anothers_bind_is_named(engine: Engine) {
        let world = behind_a_proxy(engine).await;
        let alice = world.user(CONSOLE, "alice", &["blitz_api_ufa_chg"]).await;
        let redirect_to = instruct_with(&world, &alice, persons_instruction()).await;
        let mut thief = Browser::at("203.0.113.66", "Curl");
        thief.sign_in(&world, "mallory").await;
        let refused = thief.go(&world, "GET", &redirect_to, Body::None).await;
        assert_eq!(Callback::of(&refused).get("error"), "wrong_user");
        assert_eq!(
            last(&world, "FEDERATION_BIND_REFUSED").await,
            ["console mallory alice wrong_user 203.0.113.66 Curl"]
        );
    }

    // An application that completes a bind is its maker; how the browser's half ended was the browser's doing.
    async fn an_applications_bind_names_the_browser_that_ended_it(engine: Engine) {
        let world = behind_a_proxy(engine).await;
        let mut browser = Browser::at("203.0.113.9", "Firefox");
        let alice = world.user(CONSOLE, "alice", &["blitz_api_ufa_chg"]).await;
        let redirect_to = instruct_with(&world, &alice, instruction()).await;
        let to_confirm = browser.identify(&world, &redirect_to, "oleg").await;
        browser.decide(&world, &to_confirm, "no").await;
        assert_eq!(
            last(&world, "FEDERATION_BIND_REFUSED").await,
            ["console - alice declined_at_confirm 203.0.113.9 Firefox"]
        );

        let redirect_to = instruct_with(&world, &BASIC, instruction()).await;
        let code = browser.walk(&world, &redirect_to, "oleg").await.get("bind_code").to_owned();
        assert_eq!(complete(&world, &alice, &code, (VERIFIER, "alice")).await.status, 204);
        let made = last(&world, "FEDERATION_POINT_BOUND").await.remove(0);
        assert!(made.starts_with("console alice alice proven - "), "{made}");
    }
}
