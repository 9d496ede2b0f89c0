//! What changes while a refresh is under way: the link is linked again, or gone.

use sandbox::{Answer as Shape, Hold, IssuedTokens, Refusal};
use secrecy::ExposeSecret as _;
use serde_json::json;
use service::import::{Newer, Taken, UnknownSubject};

use crate::support::fed::{asked, expired, fed_token, give, health, token};
use crate::support::taken_in::take_in;
use crate::support::world::{Answer, As, Body, Engine, World, both_engines};

/// A world where alice has an account whose access token has expired, and the sandbox's time stands.
async fn world(engine: Engine) -> (World, As) {
    let world = World::frozen(engine).await;
    world.account("alice").await;
    expired(&world, "oleg").await;
    let console = world.console().await;
    (world, console)
}

/// Asks for the token, does `meanwhile` when the provider holds the call, and lets the call go on.
async fn refresh_while<T>(world: &World, console: &As, hold: Hold, meanwhile: impl Future<Output = T>) -> (Answer, T) {
    let aside = async {
        hold.wait_for_arrivals(1).await;
        let done = meanwhile.await;
        hold.release();
        done
    };
    tokio::join!(fed_token(world, console, ""), aside)
}

/// Links alice's account again: tokens from another consent, whose access token has so many seconds left.
async fn relink(world: &World, seconds: i64) -> IssuedTokens {
    let tokens = world.sandbox.issue("oleg", "fedlink", "openid");
    give(world, "oleg", (Some(&tokens.access_token), Some(&tokens.refresh_token)), Some(seconds)).await;
    tokens
}

/// Links alice's account again, with an access token alone.
async fn relink_without_refresh_token(world: &World, seconds: i64) -> IssuedTokens {
    let tokens = world.sandbox.issue("oleg", "fedlink", "openid");
    give(world, "oleg", (Some(&tokens.access_token), None), Some(seconds)).await;
    tokens
}

async fn unlink(world: &World, console: &As) {
    let gone = world.call("DELETE", "/api/v3/users/alice/fa/box/box_1/oleg", console, Body::None).await;
    assert_eq!(gone.status, 204);
}

both_engines! {
    async fn a_loser_uses_the_winners_token(engine: Engine) {
        let (world, console) = world(engine).await;
        let hold = world.sandbox.script().hold_token_calls();
        let (answer, winner) = refresh_while(&world, &console, hold, async {
            world.sandbox.script().set(|settings| settings.refuse_refresh = Some(Refusal::new(400, "invalid_grant")));
            relink(&world, 3600).await
        })
        .await;
        assert_eq!(token(&answer, "oleg"), winner.access_token.expose_secret());
        assert_eq!(health(&world, &console, "oleg").await, "ok");
        assert_eq!((asked(&world), world.sandbox.counts().refused), (1, 1));
    }

    async fn a_failure_in_passing_is_nothing_to_tokens_that_came_meanwhile(engine: Engine) {
        let (world, console) = world(engine).await;
        world.sandbox.script().next_answers(1, &Shape::Status(503, None));
        let hold = world.sandbox.script().hold_token_calls();
        let (answer, winner) = refresh_while(&world, &console, hold, relink(&world, 3600)).await;
        assert_eq!(token(&answer, "oleg"), winner.access_token.expose_secret());
        assert_eq!(health(&world, &console, "oleg").await, "ok");
        // Nor does the rest it would have had hold up the next refresh.
        assert!(world.sandbox.is_active(&token(&fed_token(&world, &console, "?force=true").await, "oleg")));
        assert_eq!(asked(&world), 2);
    }

    async fn the_tokens_of_a_new_consent_outlive_an_answer_to_the_old(engine: Engine) {
        let (world, console) = world(engine).await;
        let hold = world.sandbox.script().hold_token_answers();
        let (answer, newer) = refresh_while(&world, &console, hold, relink(&world, 3600)).await;
        assert_eq!(token(&answer, "oleg"), newer.access_token.expose_secret());
        world.advance(3600);
        let console = world.console().await;
        assert!(world.sandbox.is_active(&token(&fed_token(&world, &console, "").await, "oleg")));
        // It was the new consent's refresh token that was spent.
        assert!(!world.sandbox.is_active(newer.refresh_token.expose_secret()));
        assert_eq!((asked(&world), world.sandbox.counts().refused), (2, 0));
    }

    async fn a_new_consent_that_is_stale_itself_is_refreshed_for_the_same_caller(engine: Engine) {
        let (world, console) = world(engine).await;
        let hold = world.sandbox.script().hold_token_answers();
        let (answer, newer) = refresh_while(&world, &console, hold, relink(&world, 0)).await;
        let fresh = token(&answer, "oleg");
        assert!(world.sandbox.is_active(&fresh) && fresh != newer.access_token.expose_secret());
        assert_eq!((asked(&world), world.sandbox.counts().refused), (2, 0));
    }

    async fn a_link_without_a_refresh_token_keeps_the_one_of_the_answer(engine: Engine) {
        for (theirs, is_kept) in [(100, false), (3600, false), (7200, true)] {
            let (world, console) = world(engine).await;
            let hold = world.sandbox.script().hold_token_answers();
            let (answer, newer) =
                refresh_while(&world, &console, hold, relink_without_refresh_token(&world, theirs)).await;
            // Of the two access tokens the one that lasts longer is kept.
            assert_eq!(token(&answer, "oleg") == newer.access_token.expose_secret(), is_kept, "{theirs} s");
            let expires_in = answer.json()["oleg"]["expiresOn"].as_i64().expect("a time") - world.now().timestamp();
            assert_eq!(expires_in, theirs.max(3600));
            // The refresh token that is stored is the one of the answer: the old one is spent.
            world.advance(7200);
            let console = world.console().await;
            assert!(world.sandbox.is_active(&token(&fed_token(&world, &console, "").await, "oleg")), "{theirs} s");
            assert_eq!((asked(&world), world.sandbox.revoked_families()), (2, 0));
        }
    }

    async fn an_import_that_is_run_again_brings_no_spent_token_back(engine: Engine) {
        let world = World::frozen(engine).await;
        let tokens = world.sandbox.issue("oleg", "fedlink", "openid");
        let line = || {
            let line = json!({
                "subject": "alice", "fpType": "box", "fpName": "box_1", "sid": "oleg", "userName": "Oleg",
                "refreshToken": tokens.refresh_token.expose_secret(),
            });
            line.to_string()
        };
        let again = async |newer| {
            let taken = take_in(&world.app.parts, &line(), UnknownSubject::Register, newer).await;
            taken.expect("it is taken in")
        };
        assert_eq!(again(Newer::Keep).await, Taken::Whole);
        // Nobody has refreshed it yet: there is nothing newer.
        assert_eq!(again(Newer::Keep).await, Taken::Whole);
        let console = world.console().await;
        let fresh = token(&fed_token(&world, &console, "").await, "oleg");
        assert_eq!(again(Newer::Keep).await, Taken::WithoutTokens);
        assert_eq!(token(&fed_token(&world, &console, "").await, "oleg"), fresh);
        world.advance(3600);
        let console = world.console().await;
        assert!(world.sandbox.is_active(&token(&fed_token(&world, &console, "").await, "oleg")));
        assert_eq!((asked(&world), world.sandbox.revoked_families()), (2, 0));
        // Whoever insists gets what the file says.
        assert_eq!(again(Newer::Replace).await, Taken::Whole);
        assert_eq!(fed_token(&world, &console, "").await.status, 404);
    }

    async fn what_was_unlinked_during_a_refresh_stays_gone(engine: Engine) {
        let (world, console) = world(engine).await;
        for is_answered in [false, true] {
            expired(&world, "oleg").await;
            let script = world.sandbox.script();
            let hold = if is_answered { script.hold_token_answers() } else { script.hold_token_calls() };
            let (answer, ()) = refresh_while(&world, &console, hold, unlink(&world, &console)).await;
            assert_eq!(answer.refusal(), (404, "token_not_found".to_owned()));
            let list = world.call("GET", "/api/v3/users/alice/fa?detail=true", &console, Body::None).await;
            assert_eq!(list.json(), json!([]));
            assert_eq!(fed_token(&world, &console, "").await.refusal(), (404, "token_not_found".to_owned()));
        }
    }

    async fn a_link_made_anew_during_a_refresh_has_its_own_tokens_or_none(engine: Engine) {
        let (world, console) = world(engine).await;
        let hold = world.sandbox.script().hold_token_answers();
        let (answer, ()) = refresh_while(&world, &console, hold, async {
            unlink(&world, &console).await;
            let link = world.call("POST", "/api/v3/users/alice/fa/box/box_1/oleg", &console, Body::None).await;
            assert_eq!(link.status, 204);
        })
        .await;
        assert_eq!(answer.refusal(), (404, "token_not_found".to_owned()));
        assert_eq!(fed_token(&world, &console, "").await.refusal(), (404, "token_not_found".to_owned()));

        expired(&world, "oleg").await;
        let hold = world.sandbox.script().hold_token_answers();
        let (_, newer) = refresh_while(&world, &console, hold, async {
            unlink(&world, &console).await;
            relink(&world, 3600).await
        })
        .await;
        assert_eq!(token(&fed_token(&world, &console, "").await, "oleg"), newer.access_token.expose_secret());
        assert!(world.sandbox.is_active(&token(&fed_token(&world, &console, "?force=true").await, "oleg")));
        assert_eq!(world.sandbox.revoked_families(), 0);
    }
}
