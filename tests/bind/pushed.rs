//! Bind with a provider that wants its authorization requests pushed (RFC 9126): the browser brings no more than their name.

use crate::support::browser::{Browser, Callback, complete, instruct, query};
use crate::support::database::{assert_nothing_stored, bind_refusals, count};
use crate::support::world::{As, Body, CONSOLE, CONSOLE_PASSWORD, VERIFIER, World, both_engines};

const BASIC: As = As::Basic(CONSOLE, CONSOLE_PASSWORD);

/// Opens an instruction that comes to nothing; the app is told so, and why is on record.
async fn assert_ended(world: &World, why: &str) {
    let answer = Browser::default().go(world, "GET", &instruct(world, &BASIC).await, Body::None).await;
    assert_eq!(Callback::of(&answer).get("error"), "provider_error", "{why}");
    assert_eq!(bind_refusals(world).await.last().map(String::as_str), Some(why));
    assert_nothing_stored(world, why).await;
}

both_engines! {
    async fn a_request_is_pushed_and_its_name_used_once(engine: Engine) {
        let world = World::start(engine).await;
        world.sandbox.script().set(|settings| settings.require_par = true);
        world.account("alice").await;
        let redirect_to = instruct(&world, &BASIC).await;
        let mut browser = Browser::default();
        let first = browser.open(&world, &redirect_to).await;
        let names: Vec<String> = query(&first).into_keys().collect();
        assert_eq!(names, ["client_id", "request_uri"], "nothing of the flow is in the address");
        // Each trip has a request of its own.
        let second = browser.open(&world, &redirect_to).await;
        assert_ne!(query(&first)["request_uri"], query(&second)["request_uri"]);
        assert_eq!(world.sandbox.counts().pushed, 2);
        let back = browser.consent(&world, &second, "oleg").await;
        let confirm = browser.go(&world, "GET", &back, Body::None).await.location();
        let came = browser.decide(&world, &confirm, "yes").await;
        let done = complete(&world, &BASIC, came.get("bind_code"), (VERIFIER, "alice")).await;
        assert_eq!((done.status, count(&world, "links").await), (204, 1));
    }

    async fn the_settings_may_ask_for_it(engine: Engine) {
        let world = World::start_with(engine, |text| format!("{text}par = true\n")).await;
        let to_provider = Browser::default().open(&world, &instruct(&world, &BASIC).await).await;
        assert!(query(&to_provider).contains_key("request_uri"), "{to_provider}");
    }

    async fn a_request_that_cannot_be_pushed_ends_the_bind(engine: Engine) {
        let world = World::start(engine).await;
        world.sandbox.script().set(|settings| {
            settings.require_par = true;
            settings.client_secret = Some("changed at the provider".to_owned());
        });
        assert_ended(&world, "provider_refused").await;
        assert_eq!(world.sandbox.counts().pushed, 1);
        // Where to push it is known by now; nobody is there any more.
        world.sandbox.stop();
        assert_ended(&world, "provider_unavailable").await;
    }
}
