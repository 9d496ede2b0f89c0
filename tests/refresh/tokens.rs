//! fedToken: what is served, what is asked for, what is refused.

use std::time::Duration;

use sandbox::Answer as Shape;
use secrecy::ExposeSecret as _;
use serde_json::json;

use crate::support::database::Sql;
use crate::support::fed::{asked, expired, fed_token, give, lasting, token};
use crate::support::world::{Body, Engine, World, both_engines};

/// A world where alice has an account and the sandbox's time stands.
async fn world(engine: Engine) -> World {
    let world = World::frozen(engine).await;
    world.account("alice").await;
    world
}

both_engines! {
    async fn a_link_that_does_not_open_keeps_nothing_from_the_others(engine: Engine) {
        let world = world(engine).await;
        let console = world.console().await;
        lasting(&world, "good", 3600).await;
        expired(&world, "bad").await;
        let mut sql = Sql::open(&world.database_url).await;
        let bad = "UPDATE token_sets SET sealed_refresh = sealed_access
                   WHERE link_id IN (SELECT id FROM links WHERE sid = 'bad')";
        sql.run(bad).await;
        let answer = fed_token(&world, &console, "").await;
        assert!(world.sandbox.is_active(&token(&answer, "good")) && answer.json().get("bad").is_none());
        assert_eq!(fed_token(&world, &console, "?sid=bad").await.status, 500);
    }

    async fn every_account_has_its_token_under_its_id_and_nothing_else(engine: Engine) {
        let world = world(engine).await;
        let console = world.console().await;
        let oleg = lasting(&world, "oleg", 601).await;
        world.advance(1);
        let elle = lasting(&world, "elle/é ü", 700).await;
        world.account("bob").await;
        world.linked("bob", "bobs").await;

        let answer = fed_token(&world, &console, "").await;
        let expected = json!({
            "oleg": {"token": oleg.access_token.expose_secret(), "expiresOn": world.now().timestamp() + 600},
            "elle/é ü": {"token": elle.access_token.expose_secret(), "expiresOn": world.now().timestamp() + 700},
        });
        assert_eq!((answer.status, answer.json()), (200, expected));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        // The order is that of linking, which JSON values don't keep.
        assert!(answer.text().starts_with(r#"{"oleg":"#), "{}", answer.text());

        let one = fed_token(&world, &console, "?sid=elle%2F%C3%A9+%C3%BC").await;
        assert_eq!(token(&one, "elle/é ü"), elle.access_token.expose_secret());
        assert_eq!(one.json().as_object().expect("an object").len(), 1);
        let none = fed_token(&world, &console, "?sid=bobs").await;
        assert_eq!(none.refusal(), (404, "token_not_found".to_owned()));
        assert_eq!(asked(&world), 0);
    }

    async fn a_refreshed_answer_has_no_other_secret_in_it(engine: Engine) {
        let world = world(engine).await;
        let console = world.console().await;
        let old = expired(&world, "oleg").await;
        let answer = fed_token(&world, &console, "").await;
        let fresh = token(&answer, "oleg");
        assert!(world.sandbox.is_active(&fresh));
        // The sandbox answered an id_token and a refresh token as well.
        assert_eq!(answer.json(), json!({"oleg": {"token": fresh, "expiresOn": world.now().timestamp() + 3600}}));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert!(!answer.text().contains(old.refresh_token.expose_secret()));
        assert_eq!(asked(&world), 1);
    }

    async fn a_token_is_served_with_more_than_thirty_seconds_left(engine: Engine) {
        let world = world(engine).await;
        let console = world.console().await;
        let old = lasting(&world, "oleg", 31).await;
        assert_eq!(token(&fed_token(&world, &console, "").await, "oleg"), old.access_token.expose_secret());
        assert_eq!(asked(&world), 0);
        world.advance(1);
        assert_ne!(token(&fed_token(&world, &console, "").await, "oleg"), old.access_token.expose_secret());
        assert_eq!(asked(&world), 1);
    }

    async fn an_unknown_expiry_is_served_and_not_stated(engine: Engine) {
        let world = world(engine).await;
        let console = world.console().await;
        let issued = world.sandbox.issue("oleg", "fedlink", "openid");
        give(&world, "oleg", (Some(&issued.access_token), Some(&issued.refresh_token)), None).await;
        let answer = fed_token(&world, &console, "?min_ttl=600").await;
        assert_eq!(answer.json(), json!({"oleg": {"token": issued.access_token.expose_secret()}}));
        assert_eq!(asked(&world), 0);
        let forced = fed_token(&world, &console, "?force=true").await;
        assert_eq!(forced.json()["oleg"]["expiresOn"], world.now().timestamp() + 3600);
    }

    async fn an_import_may_have_either_token_alone(engine: Engine) {
        let world = world(engine).await;
        let console = world.console().await;
        let issued = world.sandbox.issue("oleg", "fedlink", "openid");
        give(&world, "oleg", (None, Some(&issued.refresh_token)), None).await;
        assert!(world.sandbox.is_active(&token(&fed_token(&world, &console, "").await, "oleg")));

        let issued = world.sandbox.issue("elle", "fedlink", "openid");
        give(&world, "elle", (Some(&issued.access_token), None), Some(60)).await;
        let served = fed_token(&world, &console, "?sid=elle&force=true").await;
        assert_eq!(token(&served, "elle"), issued.access_token.expose_secret());
        world.advance(30);
        let none = fed_token(&world, &console, "?sid=elle").await;
        assert_eq!(none.refusal(), (404, "token_not_found".to_owned()));
        assert!(none.text().contains("no refresh token"), "{}", none.text());
        // The other account is served without it.
        let both = fed_token(&world, &console, "").await;
        assert_eq!(both.json().as_object().expect("an object").keys().collect::<Vec<_>>(), ["oleg"]);
        assert_eq!(asked(&world), 1);
    }

    async fn tokens_that_are_not_remembered_or_not_there_are_not_found(engine: Engine) {
        let world = World::frozen_with(engine, |settings| settings + "remember_tokens = false\n").await;
        let console = world.console().await;
        world.account("alice").await;
        let link = world.call("POST", "/api/v3/users/alice/fa/box/box_1/oleg", &console, Body::None).await;
        assert_eq!(link.status, 204);
        let none = fed_token(&world, &console, "").await;
        assert_eq!(none.refusal(), (404, "token_not_found".to_owned()));
        assert!(none.text().contains("not remembered"), "{}", none.text());

        let world = World::frozen(engine).await;
        let console = world.console().await;
        world.account("alice").await;
        let none = fed_token(&world, &console, "").await;
        assert_eq!(none.refusal(), (404, "token_not_found".to_owned()));
        let link = world.call("POST", "/api/v3/users/alice/fa/box/box_1/oleg", &console, Body::None).await;
        assert_eq!(link.status, 204);
        let none = fed_token(&world, &console, "?force=true").await;
        assert_eq!(none.refusal(), (404, "token_not_found".to_owned()));
        assert_eq!(asked(&world), 0);
    }

    async fn tokens_that_live_no_longer_than_the_floor_are_asked_for_every_thirty_seconds(engine: Engine) {
        let world = world(engine).await;
        let console = world.console().await;
        expired(&world, "oleg").await;
        world.sandbox.script().next_lifetimes(&[Duration::from_secs(20), Duration::from_secs(31)]);
        for (wait, query) in [(0, ""), (0, "?force=true"), (29, "?force=true&min_ttl=600")] {
            world.advance(wait);
            let none = fed_token(&world, &console, query).await;
            assert_eq!(none.refusal(), (404, "token_not_found".to_owned()));
            assert!(none.text().contains("20 s") && none.text().contains("30 s"), "{}", none.text());
            assert_eq!(asked(&world), 1);
        }
        world.advance(1);
        let served = fed_token(&world, &console, "").await;
        assert_eq!(served.json()["oleg"]["expiresOn"], world.now().timestamp() + 31);
        assert_eq!(asked(&world), 2);
    }

    async fn a_young_token_is_not_asked_for_again_because_of_wishes(engine: Engine) {
        let world = world(engine).await;
        let console = world.console().await;
        expired(&world, "oleg").await;
        world.sandbox.script().next_lifetimes(&[Duration::from_mins(5), Duration::from_secs(400)]);
        let first = token(&fed_token(&world, &console, "").await, "oleg");
        for wait in [0, 29] {
            world.advance(wait);
            for wish in ["?force=true", "?min_ttl=600", "?force=true&min_ttl=600&sid=oleg"] {
                assert_eq!(token(&fed_token(&world, &console, wish).await, "oleg"), first, "{wish}");
            }
        }
        assert_eq!(asked(&world), 1);
        world.advance(1);
        // 270 s are left. A wish that is fulfilled asks nobody; one that can't be is served what there is.
        assert_eq!(token(&fed_token(&world, &console, "?min_ttl=269").await, "oleg"), first);
        assert_eq!(asked(&world), 1);
        let second = token(&fed_token(&world, &console, "?min_ttl=600").await, "oleg");
        assert_ne!(second, first);
        assert_eq!(asked(&world), 2);
        world.advance(30);
        assert_ne!(token(&fed_token(&world, &console, "?force=true").await, "oleg"), second);
        assert_eq!(asked(&world), 3);
    }

    async fn a_wish_that_the_provider_cannot_fulfil_is_served_what_there_is(engine: Engine) {
        let world = world(engine).await;
        let console = world.console().await;
        let held = lasting(&world, "oleg", 300).await;
        for (wish, shape) in [("?force=true", Shape::Html502), ("?min_ttl=600", Shape::Status(503, Some(2)))] {
            world.sandbox.script().next_answers(1, &shape);
            world.advance(3);
            assert_eq!(token(&fed_token(&world, &console, wish).await, "oleg"), held.access_token.expose_secret());
        }
        assert_eq!(asked(&world), 2);
    }

    async fn force_joins_a_refresh_that_is_running(engine: Engine) {
        let world = world(engine).await;
        let console = world.console().await;
        expired(&world, "oleg").await;
        let hold = world.sandbox.script().hold_token_calls();
        let forced = async {
            hold.wait_for_arrivals(1).await;
            let forced = fed_token(&world, &console, "?force=true");
            let release = async {
                // Either it has joined by then, or it finds a token too young to ask again.
                tokio::task::yield_now().await;
                hold.release();
            };
            tokio::join!(forced, release).0
        };
        let (plain, forced) = tokio::join!(fed_token(&world, &console, ""), forced);
        assert_eq!(token(&plain, "oleg"), token(&forced, "oleg"));
        assert_eq!(asked(&world), 1);
    }

    async fn one_account_that_can_be_served_is_enough(engine: Engine) {
        let world = world(engine).await;
        let console = world.console().await;
        let script = world.sandbox.script();
        let revoked = expired(&world, "dead").await;
        let forged = secrecy::SecretString::from(format!("{}x", revoked.refresh_token.expose_secret()));
        give(&world, "dead", (Some(&revoked.access_token), Some(&forged)), Some(0)).await;
        assert_eq!(fed_token(&world, &console, "").await.refusal(), (404, "token_not_found".to_owned()));

        // One dead, one failing in passing: asking again can help, so 503.
        expired(&world, "resting").await;
        script.next_answers(1, &Shape::Status(503, Some(40)));
        let resting = fed_token(&world, &console, "").await;
        assert_eq!(resting.refusal(), (503, "provider_unavailable".to_owned()));
        assert_eq!(resting.header("retry-after"), Some("40"));

        let living = lasting(&world, "living", 300).await;
        let served = fed_token(&world, &console, "").await;
        assert_eq!(served.json().as_object().expect("an object").keys().collect::<Vec<_>>(), ["living"]);
        assert_eq!(token(&served, "living"), living.access_token.expose_secret());
    }
}
