//! A user who is disabled or softly deleted: their links serve nobody, and nobody asks their providers.

use std::time::Duration;

use domain::ids::Subject;
use sandbox::Answer as Shape;
use secrecy::ExposeSecret as _;
use serde_json::json;
use service::{accounts, refresh, sweep};

use crate::support::database::texts;
use crate::support::fed::{asked, fed_token, held, lasting, token};
use crate::support::issuer::{Issuer, Key};
use crate::support::office::Office;
use crate::support::world::{As, Body, CONSOLE, World, both_engines};

const TOKEN_NOT_FOUND: (u16, &str) = (404, "token_not_found");
const DENIED: (u16, &str) = (401, "bad_access_token");

fn alice() -> Subject {
    Subject::parse("alice").expect("a subject")
}

async fn disable(world: &World) {
    accounts::disable(&world.app.parts, alice()).await.expect("it is disabled");
}

async fn enable(world: &World) {
    accounts::enable(&world.app.parts, alice()).await.expect("it is enabled");
}

/// How asking for alice's token ends, in every way to ask.
async fn answers(world: &World, who: &As) -> Vec<(u16, String)> {
    let mut answers = Vec::new();
    for query in ["", "?sid=oleg", "?force=true", "?min_ttl=600"] {
        answers.push(fed_token(world, who, query).await.refusal());
    }
    answers
}

#[track_caller]
fn all_are(answers: &[(u16, String)], (status, error): (u16, &str)) {
    assert!(answers.iter().all(|answer| *answer == (status, error.to_owned())), "{answers:?}");
}

both_engines! {
    async fn a_disabled_users_tokens_serve_nobody(engine: Engine) {
        let world = World::frozen(engine).await;
        world.account("alice").await;
        let held = lasting(&world, "oleg", 3600).await.access_token.expose_secret().to_owned();
        let console = world.console().await;
        disable(&world).await;
        all_are(&answers(&world, &console).await, TOKEN_NOT_FOUND);
        let told = fed_token(&world, &console, "").await.json();
        assert_eq!(told["desc"], "no usable token: the user's account is disabled");
        // One that was issued before and is still believed, or was issued in the moment between.
        let own = world.user(CONSOLE, "alice", &["fed_tkn_any", "blitz_api_ufa", "blitz_api_ufa_chg"]).await;
        all_are(&answers(&world, &own).await, DENIED);
        for (method, path) in [
            ("GET", "/api/v3/users/alice/fa"), ("POST", "/api/v3/users/alice/fa/box/box_1/irina"),
            ("DELETE", "/api/v3/users/alice/fa/box/box_1/oleg"), ("DELETE", "/api/v2/users/alice/fa/box/box_1/oleg"),
        ] {
            assert_eq!(world.call(method, path, &own, Body::None).await.status, 401, "{method} {path}");
        }
        assert_eq!(asked(&world), 0);
        // The links stay, to be seen and changed by applications, and serve again.
        let list = world.call("GET", "/api/v3/users/alice/fa", &console, Body::None).await;
        assert_eq!(list.json()[0]["sid"], "oleg");
        enable(&world).await;
        assert_eq!(token(&fed_token(&world, &console, "").await, "oleg"), held);
    }

    async fn nor_do_a_softly_deleted_ones(engine: Engine) {
        let office = Office::open(engine).await;
        let world = &office.world;
        world.account("alice").await;
        lasting(world, "oleg", 3600).await;
        let console = world.console().await;
        office.changed("User", "alice", json!({"deletedAt": "2026-01-01T00:00:00Z"})).await;
        all_are(&answers(world, &console).await, TOKEN_NOT_FOUND);
        office.changed("User", "alice", json!({"deletedAt": null})).await;
        assert_eq!(fed_token(world, &console, "").await.status, 200);
    }

    async fn nor_one_who_is_disabled_while_the_provider_answers(engine: Engine) {
        let world = World::frozen(engine).await;
        world.account("alice").await;
        lasting(&world, "oleg", 10).await;
        let console = world.console().await;
        let hold = world.sandbox.script().hold_token_answers();
        let call = held(fed_token(&world, &console, ""), &hold).await;
        disable(&world).await;
        hold.release();
        assert_eq!(call.await.refusal(), (404, "token_not_found".to_owned()));
        // What the provider gave is kept all the same: it may have been the only refresh token there is.
        enable(&world).await;
        assert_eq!((fed_token(&world, &console, "").await.status, asked(&world)), (200, 1));
    }

    /// Here nobody needs an account, and one that there is can be disabled all the same.
    async fn nor_does_it_matter_that_users_live_elsewhere(engine: Engine) {
        let key = Key::es256(Some("1"));
        let issuer = Issuer::start(&[&key]);
        let section = issuer.section("");
        let world = World::start_with(engine, |settings| settings.replace("\"registered\"", "\"any\"") + &section).await;
        lasting(&world, "oleg", 3600).await;
        let console = world.console().await;
        let claims = issuer.claims(&world, "alice", "fed_tkn_any blitz_api_ufa");
        let own = As::Bearer(key.sign(&claims));
        assert_eq!(fed_token(&world, &own, "").await.status, 200);
        assert_eq!(fed_token(&world, &console, "").await.status, 200);
        world.account("alice").await;
        disable(&world).await;
        all_are(&answers(&world, &console).await, TOKEN_NOT_FOUND);
        all_are(&answers(&world, &own).await, DENIED);
        let another = |jti: &str| {
            let mut claims = claims.clone();
            claims["jti"] = json!(jti);
            As::Bearer(key.sign(&claims))
        };
        let fresh = another("2");
        all_are(&answers(&world, &fresh).await, DENIED);
        assert_eq!(world.call("GET", "/api/v3/users/alice/fa", &fresh, Body::None).await.status, 401);
        enable(&world).await;
        assert_eq!(fed_token(&world, &another("3"), "").await.status, 200);
    }

    async fn nothing_of_a_disabled_user_is_refreshed_ahead(engine: Engine) {
        let more = "idle_life = \"10d\"\n";
        let world = World::frozen_with(engine, |settings| settings + more).await;
        world.account("alice").await;
        let console = world.console().await;
        lasting(&world, "oleg", 3600).await;
        assert_eq!(fed_token(&world, &console, "").await.status, 200);
        sweep::finish(&world.app.parts).await.expect("its use is written");
        disable(&world).await;
        world.advance(3600 - 60);
        let round = async || refresh::ahead(&world.app.parts).await.expect("it looks");
        assert_eq!((round().await, asked(&world)), (0, 0), "one that is in use");
        world.advance(9 * 24 * 3600);
        assert_eq!((round().await, asked(&world)), (0, 0), "one that would die of idleness");
        enable(&world).await;
        assert_eq!((round().await, asked(&world)), (1, 1));
    }

    async fn nor_is_it_looked_at_again(engine: Engine) {
        let world = World::frozen(engine).await;
        world.account("alice").await;
        let console = world.console().await;
        lasting(&world, "oleg", 10).await;
        world.sandbox.script().next_answers(1, &Shape::OkWithError("invalid_grant".to_owned()));
        assert_eq!(fed_token(&world, &console, "").await.refusal(), (404, "token_not_found".to_owned()));
        let look = "SELECT CASE WHEN second_look THEN 'due' ELSE 'done' END AS value FROM token_sets";
        assert_eq!(texts(&world.database_url, look).await, ["due"]);
        disable(&world).await;
        world.advance(Duration::from_mins(11).as_secs());
        refresh::see_to_marked(&world.app.parts).await.expect("it looks");
        assert_eq!((texts(&world.database_url, look).await, asked(&world)), (vec!["due".to_owned()], 1));
        enable(&world).await;
        refresh::see_to_marked(&world.app.parts).await.expect("it looks");
        assert_eq!(asked(&world), 2);
    }
}
