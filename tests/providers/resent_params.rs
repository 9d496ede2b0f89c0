//! What a provider hands to the callback and wants again at every token request, as VK ID its `device_id`: kept with the
//! refresh token it belongs to, and replaced with it.

use secrecy::ExposeSecret as _;

use crate::support::browser::{Browser, complete, instruct};
use crate::support::database::count;
use crate::support::fed::{asked, expired, fed_token, health, token};
use crate::support::world::{As, CONSOLE, CONSOLE_PASSWORD, Engine, VERIFIER, World, both_engines};

const BASIC: As = As::Basic(CONSOLE, CONSOLE_PASSWORD);

/// A world where alice has an account and the provider's device has this id.
async fn world(engine: Engine, device_id: &str) -> World {
    let world = World::frozen_with(engine, |settings| settings + "resent_params = [\"device_id\", \"state\"]\n").await;
    world.account("alice").await;
    set_device(&world, Some(device_id));
    world
}

fn set_device(world: &World, device_id: Option<&str>) {
    world.sandbox.script().set(|settings| settings.device_id = device_id.map(str::to_owned));
}

/// Links alice to oleg, all the way through the browser.
async fn bind(world: &World) {
    let redirect_to = instruct(world, &BASIC).await;
    let back = Browser::default().walk(world, &redirect_to, "oleg").await;
    let done = complete(world, &BASIC, back.get("bind_code"), (VERIFIER, "alice")).await;
    assert_eq!(done.status, 204, "{}", done.text());
}

/// The access token expires, and a new one is there.
async fn refreshes(world: &World) {
    let before = asked(world);
    world.advance(3600);
    let fresh = token(&fed_token(world, &world.console().await, "").await, "oleg");
    assert!(world.sandbox.is_active(&fresh));
    assert_eq!((asked(world), world.sandbox.counts().refused), (before + 1, 0));
}

both_engines! {
    async fn what_came_with_the_code_goes_with_every_refresh(engine: Engine) {
        let world = world(engine, "device & 1").await;
        bind(&world).await;
        assert_eq!(count(&world, "token_sets WHERE sealed_params IS NOT NULL").await, 1);
        for _ in 0..3 {
            refreshes(&world).await;
        }
    }

    async fn a_relink_brings_its_own_parameters(engine: Engine) {
        let world = world(engine, "device-1").await;
        bind(&world).await;
        set_device(&world, Some("device-2"));
        bind(&world).await;
        refreshes(&world).await;
        // Without a refresh token it keeps the stored one, and what belongs to that.
        world.sandbox.script().set(|settings| settings.refresh_tokens = false);
        set_device(&world, Some("device-3"));
        bind(&world).await;
        refreshes(&world).await;
    }

    async fn an_import_brings_no_parameters(engine: Engine) {
        let world = world(engine, "device-1").await;
        bind(&world).await;
        set_device(&world, None);
        expired(&world, "oleg").await;
        assert_eq!(count(&world, "token_sets WHERE sealed_params IS NOT NULL").await, 0);
        refreshes(&world).await;
    }

    async fn a_provider_that_misses_its_parameter_refuses(engine: Engine) {
        let world = World::frozen(engine).await;
        world.account("alice").await;
        // Tokens of a device, taken over without its id: the provider knows why it binds them together.
        set_device(&world, Some("device-1"));
        let issued = expired(&world, "oleg").await;
        let console = world.console().await;
        assert_eq!(fed_token(&world, &console, "").await.status, 404);
        assert_eq!(health(&world, &console, "oleg").await, "needs_consent");
        assert!(world.sandbox.is_active(issued.refresh_token.expose_secret()));
    }
}
