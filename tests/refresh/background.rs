//! Refreshes before anybody asks: links in use, and refresh tokens that would die of idleness.

use std::time::Duration;

use sandbox::Answer as Shape;
use service::{refresh, sweep};

use crate::support::fed::{asked, fed_token, give, lasting, token};
use crate::support::world::{As, Engine, World, both_engines};

async fn world_with(engine: Engine, more: &str) -> (World, As) {
    let world = World::frozen_with(engine, |settings| settings + more).await;
    world.account("alice").await;
    let console = world.console().await;
    (world, console)
}

/// One round of the background.
async fn round(world: &World) -> usize {
    refresh::ahead(&world.app.parts).await.expect("it looks")
}

/// Has a token handed out, and the use of its link written.
async fn used(world: &World, console: &As, sid: &str) {
    assert_eq!(fed_token(world, console, &format!("?sid={sid}")).await.status, 200);
    sweep::finish(&world.app.parts).await.expect("it is written");
}

both_engines! {
    async fn a_link_in_use_is_refreshed_before_it_expires(engine: Engine) {
        let (world, console) = world_with(engine, "").await;
        for sid in ["used", "idle"] {
            lasting(&world, sid, 3600).await;
        }
        used(&world, &console, "used").await;
        world.advance(3600 - 301);
        assert_eq!((round(&world).await, asked(&world)), (0, 0));
        // At two and a half minutes every instance finds it due.
        world.advance(151);
        let console = world.console().await;
        let held = token(&fed_token(&world, &console, "?sid=used").await, "used");
        assert_eq!((round(&world).await, asked(&world)), (1, 1));
        let fresh = fed_token(&world, &console, "?sid=used").await;
        assert!(token(&fresh, "used") != held && world.sandbox.is_active(&token(&fresh, "used")));
        assert_eq!(fresh.json()["used"]["expiresOn"], world.now().timestamp() + 3600);
        assert_eq!((round(&world).await, asked(&world)), (0, 1));
    }

    async fn what_was_last_used_long_ago_is_left_alone(engine: Engine) {
        let (world, console) = world_with(engine, "").await;
        lasting(&world, "oleg", 8 * 24 * 3600).await;
        used(&world, &console, "oleg").await;
        world.advance(8 * 24 * 3600 - 60);
        assert_eq!((round(&world).await, asked(&world)), (0, 0));
    }

    async fn refresh_ahead_can_be_turned_off(engine: Engine) {
        let (world, console) = world_with(engine, "[tokens]\nrefresh_ahead = \"0s\"\n").await;
        lasting(&world, "oleg", 3600).await;
        used(&world, &console, "oleg").await;
        world.advance(3540);
        assert_eq!((round(&world).await, asked(&world)), (0, 0));
    }

    async fn a_failure_ahead_takes_nothing_from_anybody(engine: Engine) {
        let (world, console) = world_with(engine, "").await;
        let held = lasting(&world, "oleg", 3600).await;
        used(&world, &console, "oleg").await;
        world.advance(3480);
        let console = world.console().await;
        world.sandbox.script().next_answers(1, &Shape::Status(503, Some(20)));
        assert_eq!((round(&world).await, asked(&world)), (1, 1));
        assert_eq!((round(&world).await, asked(&world)), (0, 1));
        let served = token(&fed_token(&world, &console, "").await, "oleg");
        assert_eq!(served, secrecy::ExposeSecret::expose_secret(&held.access_token));
        world.advance(20);
        assert_eq!((round(&world).await, asked(&world)), (1, 2));
    }

    async fn a_fleet_refreshes_ahead_once(engine: Engine) {
        let (world, console) = world_with(engine, "").await;
        let second = World::start_beside(&world, |settings| settings).await;
        for number in 0..10 {
            lasting(&world, &format!("sid-{number}"), 3600).await;
            used(&world, &console, &format!("sid-{number}")).await;
        }
        world.advance(3480);
        tokio::join!(round(&world), round(&second));
        assert_eq!((asked(&world), world.sandbox.revoked_families()), (10, 0));
    }

    async fn a_refresh_token_that_would_die_idle_is_used(engine: Engine) {
        let (world, _) = world_with(engine, "idle_life = \"40d\"\n").await;
        lasting(&world, "oleg", 3600).await;
        // Imported: nobody knows how long it has been idle, and it counts from here.
        assert_eq!((round(&world).await, asked(&world)), (0, 0));
        world.advance(30 * 24 * 3600);
        assert_eq!((round(&world).await, asked(&world)), (1, 1));
        assert_eq!((round(&world).await, asked(&world)), (0, 1));
        world.advance(30 * 24 * 3600 - 1);
        assert_eq!((round(&world).await, asked(&world)), (0, 1));
        world.advance(1);
        assert_eq!((round(&world).await, asked(&world)), (1, 2));
        // What has no refresh token is not looked at for it.
        let bare = world.sandbox.issue("bare", "fedlink", "openid");
        give(&world, "bare", (Some(&bare.access_token), None), Some(3600)).await;
        assert_eq!((round(&world).await, asked(&world)), (0, 2));
    }

    async fn what_is_no_longer_to_be_remembered_is_not_kept_alive(engine: Engine) {
        let (world, _) = world_with(engine, "").await;
        lasting(&world, "oleg", 3600).await;
        let more = "remember_tokens = false\nidle_life = \"40d\"\nrefresh_dies_with_access = true\n";
        let forgetful = World::start_beside(&world, |settings| settings + more).await;
        assert_eq!(round(&forgetful).await, 0);
        world.advance(3590);
        assert_eq!((round(&forgetful).await, asked(&world)), (0, 0));
    }

    async fn where_the_refresh_token_dies_with_the_access_token_idle_links_are_refreshed_too(engine: Engine) {
        let more = "refresh_dies_with_access = true\n[tokens]\nrefresh_ahead = \"0s\"\n";
        let (world, _) = world_with(engine, more).await;
        world.sandbox.script().set(|settings| settings.refresh_dies_with_access = true);
        lasting(&world, "oleg", 3600).await;
        for _ in 0..3 {
            world.advance(3300);
            assert_eq!(round(&world).await, 0);
            world.advance(150);
            assert_eq!(round(&world).await, 1);
        }
        let console = world.console().await;
        assert!(world.sandbox.is_active(&token(&fed_token(&world, &console, "").await, "oleg")));
        assert_eq!((asked(&world), world.sandbox.counts().refused), (3, 0));
    }

    /// The background takes at most half of what a provider bears: a caller is not kept waiting by it.
    async fn the_background_leaves_room_for_callers(engine: Engine) {
        let (world, console) = world_with(engine, "[tokens]\nmax_concurrency = 4\n").await;
        for number in 0..8 {
            lasting(&world, &format!("sid-{number}"), 3600).await;
            used(&world, &console, &format!("sid-{number}")).await;
        }
        world.advance(3480);
        let console = world.console().await;
        lasting(&world, "wanted", 0).await;
        let hold = world.sandbox.script().hold_token_calls();
        let (rounds, ()) = tokio::join!(round(&world), async {
            hold.wait_for_arrivals(2).await;
            let mut call = Box::pin(fed_token(&world, &console, "?sid=wanted"));
            tokio::select! {
                biased;
                () = hold.wait_for_arrivals(3) => {}
                answer = &mut call => panic!("answered while the provider was silent: {answer:?}"),
            }
            // Two of the background, one of a caller, and no more come.
            let more = tokio::time::timeout(Duration::from_millis(200), hold.wait_for_arrivals(4)).await;
            assert!(more.is_err());
            hold.release();
            assert_eq!(call.await.status, 200);
        });
        assert_eq!((rounds, asked(&world)), (8, 9));
    }
}
