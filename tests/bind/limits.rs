//! Bind takes only so long: each state has its limit, and so has the whole (docs/bind.md).

use crate::support::browser::{Browser, Callback, complete, field, instruct};
use crate::support::database::{assert_nothing_stored, bind_refusals, count};
use crate::support::world::{As, Body, CONSOLE, CONSOLE_PASSWORD, VERIFIER, World, both_engines};

const BASIC: As = As::Basic(CONSOLE, CONSOLE_PASSWORD);
const MINUTE: u64 = 60;
/// Kept from a limit by those who come in time: the clock also runs by itself.
const MARGIN: u64 = 30;

/// What a browser that comes too late is told: with its cookie, at the app; without one, on our page, and the row stays.
async fn is_late(world: &World, method: &str, url: &str, browser: &mut Browser) {
    let body = || match method {
        "POST" => Body::Form(vec![("csrf", "any".to_owned()), ("decision", "yes".to_owned())]),
        _ => Body::None,
    };
    let before = count(world, "flows").await;
    let stranger = Browser::default().go(world, method, url, body()).await;
    assert_eq!((stranger.status, count(world, "flows").await), (410, before), "{url}");
    let answer = browser.go(world, method, url, body()).await;
    let callback = Callback::of(&answer);
    assert_eq!((callback.get("status"), callback.get("error")), ("error", "flow_expired"), "{}", callback.url);
    assert_eq!(count(world, "flows").await, before - 1, "it is deleted");
    assert_eq!(bind_refusals(world).await.last().map(String::as_str), Some("flow_expired"));
    assert_eq!(browser.go(world, method, url, body()).await.status, 410, "and told once");
}

both_engines! {
    async fn an_instruction_is_good_for_five_minutes(engine: Engine) {
        let world = World::start(engine).await;
        let (in_time, late) = (instruct(&world, &BASIC).await, instruct(&world, &BASIC).await);
        world.advance(5 * MINUTE - MARGIN);
        Browser::default().open(&world, &in_time).await;
        world.advance(MARGIN);
        let answer = Browser::default().go(&world, "GET", &late, Body::None).await;
        assert_eq!((answer.status, answer.header("set-cookie")), (410, None), "nobody has a cookie for it");
        assert_eq!(count(&world, "flows").await, 2, "nothing is touched");
    }

    async fn the_provider_has_ten_minutes(engine: Engine) {
        let world = World::start(engine).await;
        let mut browser = Browser::default();
        let redirect_to = instruct(&world, &BASIC).await;
        let url = browser.open(&world, &redirect_to).await;
        world.advance(10 * MINUTE - MARGIN);
        let back = browser.consent(&world, &url, "oleg").await;
        assert_eq!(browser.go(&world, "GET", &back, Body::None).await.location(), format!("{redirect_to}/confirm"));

        let redirect_to = instruct(&world, &BASIC).await;
        let url = browser.open(&world, &redirect_to).await;
        world.advance(10 * MINUTE);
        let back = browser.consent(&world, &url, "oleg").await;
        let asked = world.sandbox.counts().token_code;
        is_late(&world, "GET", &back, &mut browser).await;
        assert_eq!(world.sandbox.counts().token_code, asked, "the code is not redeemed");

        let redirect_to = instruct(&world, &BASIC).await;
        browser.open(&world, &redirect_to).await;
        world.advance(10 * MINUTE);
        is_late(&world, "GET", &redirect_to, &mut browser).await;
    }

    async fn the_question_stands_for_five_minutes(engine: Engine) {
        let world = World::start(engine).await;
        let mut browser = Browser::default();
        let redirect_to = instruct(&world, &BASIC).await;
        let confirm = browser.identify(&world, &redirect_to, "oleg").await;
        world.advance(5 * MINUTE - MARGIN);
        assert_eq!(browser.decide(&world, &confirm, "yes").await.get("status"), "pending");
        for method in ["GET", "POST"] {
            let redirect_to = instruct(&world, &BASIC).await;
            let confirm = browser.identify(&world, &redirect_to, "oleg").await;
            world.advance(5 * MINUTE);
            is_late(&world, method, &confirm, &mut browser).await;
        }
        let redirect_to = instruct(&world, &BASIC).await;
        let confirm = browser.identify(&world, &redirect_to, "oleg").await;
        let csrf = field(&browser.go(&world, "GET", &confirm, Body::None).await.text(), "csrf");
        world.advance(5 * MINUTE);
        let form = Body::Form(vec![("csrf", csrf), ("decision", "yes".to_owned())]);
        let late = Callback::of(&browser.go(&world, "POST", &confirm, form).await);
        assert_eq!((late.get("error"), late.get("bind_code")), ("flow_expired", ""));
        assert_nothing_stored(&world, "late").await;
    }

    async fn the_app_has_a_minute(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        let mut browser = Browser::default();
        let redirect_to = instruct(&world, &BASIC).await;
        let code = browser.walk(&world, &redirect_to, "oleg").await.get("bind_code").to_owned();
        world.advance(MINUTE);
        let late = complete(&world, &BASIC, &code, (VERIFIER, "alice")).await;
        assert_eq!(late.refusal(), (400, "bind_code_invalid".to_owned()));
        assert_nothing_stored(&world, "late").await;
        is_late(&world, "GET", &redirect_to, &mut browser).await;

        let redirect_to = instruct(&world, &BASIC).await;
        let code = browser.walk(&world, &redirect_to, "oleg").await.get("bind_code").to_owned();
        world.advance(MINUTE - MARGIN);
        assert_eq!(complete(&world, &BASIC, &code, (VERIFIER, "alice")).await.status, 204);
    }

    async fn reloads_do_not_stretch_it_beyond_thirty_minutes(engine: Engine) {
        let world = World::start(engine).await;
        let mut browser = Browser::default();
        let redirect_to = instruct(&world, &BASIC).await;
        browser.open(&world, &redirect_to).await;
        for _ in 0..3 {
            world.advance(9 * MINUTE);
            browser.open(&world, &redirect_to).await;
        }
        world.advance(3 * MINUTE - MARGIN);
        let confirm = browser.identify(&world, &redirect_to, "oleg").await;
        assert_eq!(browser.go(&world, "GET", &confirm, Body::None).await.status, 200);
        world.advance(MARGIN);
        is_late(&world, "GET", &confirm, &mut browser).await;
    }

    async fn a_bind_code_does_not_outlive_the_flow(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        let mut browser = Browser::default();
        let redirect_to = instruct(&world, &BASIC).await;
        browser.open(&world, &redirect_to).await;
        for _ in 0..3 {
            world.advance(9 * MINUTE);
            browser.open(&world, &redirect_to).await;
        }
        world.advance(3 * MINUTE - MARGIN);
        let code = browser.walk(&world, &redirect_to, "oleg").await.get("bind_code").to_owned();
        world.advance(MARGIN);
        let late = complete(&world, &BASIC, &code, (VERIFIER, "alice")).await;
        assert_eq!(late.refusal(), (400, "bind_code_invalid".to_owned()));
        assert_nothing_stored(&world, "late").await;
    }
}
