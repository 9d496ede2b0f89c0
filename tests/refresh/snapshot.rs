//! A request, and the refresh it begins, go by one decision of the operator's to their end, whatever is decided meanwhile.

use crate::support::fed::{asked, expired, fed_token, held, lasting, token};
use crate::support::world::{ALL_SCOPES, Body, World, both_engines};

/// The settings with neither the provider nor the application that asks for its tokens.
fn without_both(settings: &str) -> String {
    let (before, _provider) = settings.split_once("[[providers]]").expect("a provider");
    let (first, others) = before.split_once("[[clients]]").expect("a client");
    let (_console, rival) = others.split_once("[[clients]]").expect("another client");
    format!("{first}[[clients]]{}", rival.replace("\"fed_tkn_box_box_1\"", "\"fed_tkn_any\""))
}

both_engines! {
    async fn a_request_ends_by_the_settings_it_began_with(engine: Engine) {
        let world = World::frozen(engine).await;
        world.account("alice").await;
        let (console, rival) = (world.console().await, world.system("rival", &ALL_SCOPES).await);
        expired(&world, "a").await;
        let hold = world.sandbox.script().hold_token_calls();
        let call = held(fed_token(&world, &console, ""), &hold).await;
        world.decide(|settings| without_both(&settings));
        // Who comes now goes by what is decided now.
        assert_eq!(fed_token(&world, &console, "").await.status, 401);
        assert_eq!(fed_token(&world, &rival, "").await.status, 401);
        assert_eq!(world.call("GET", "/api/v3/users/alice/fa", &rival, Body::None).await.status, 200);
        hold.release();
        let fresh = token(&call.await, "a");
        world.decide(|settings| settings);
        assert_eq!(token(&fed_token(&world, &console, "").await, "a"), fresh);
        assert_eq!(asked(&world), 1);
    }

    async fn a_flight_ends_by_the_settings_it_began_with_though_nobody_waits(engine: Engine) {
        let world = World::frozen(engine).await;
        world.account("alice").await;
        let console = world.console().await;
        expired(&world, "a").await;
        let hold = world.sandbox.script().hold_token_calls();
        drop(held(fed_token(&world, &console, ""), &hold).await);
        world.decide(|settings| without_both(&settings));
        hold.release();
        world.app.parts.flights.land_all().await;
        world.decide(|settings| settings);
        let stored = token(&fed_token(&world, &console, "").await, "a");
        assert!(world.sandbox.is_active(&stored));
        assert_eq!(asked(&world), 1);
    }

    // Else a provider whose metadata can't be had just now would fail all who were served by it.
    async fn what_was_fetched_is_not_fetched_again_unless_it_is_elsewhere(engine: Engine) {
        let world = World::frozen(engine).await;
        world.account("alice").await;
        let console = world.console().await;
        expired(&world, "a").await;
        token(&fed_token(&world, &console, "?sid=a").await, "a");
        let fetched = world.sandbox.counts().discovery;
        world.decide(|settings| settings);
        expired(&world, "b").await;
        token(&fed_token(&world, &console, "?sid=b").await, "b");
        assert_eq!((world.sandbox.counts().discovery, asked(&world)), (fetched, 2));
        let revoked_at = format!("revocation_endpoint = \"{}/revoke\"\nissuer =", world.sandbox.issuer());
        world.decide(|settings| settings.replace("issuer =", &revoked_at));
        expired(&world, "c").await;
        token(&fed_token(&world, &console, "?sid=c").await, "c");
        assert_ne!(world.sandbox.counts().discovery, fetched);
    }

    async fn what_is_decided_anew_holds_for_the_next_request(engine: Engine) {
        let world = World::frozen(engine).await;
        world.account("alice").await;
        let console = world.console().await;
        lasting(&world, "a", 100).await;
        let first = token(&fed_token(&world, &console, "").await, "a");
        world.decide(|settings| settings.replace("[vault]", "[tokens]\nmin_lifetime = \"2m\"\n[vault]"));
        assert_ne!(token(&fed_token(&world, &console, "").await, "a"), first);
        assert_eq!(asked(&world), 1);
    }
}
