//! Bind in a real browser: what a person sees and does on the way, and what reaches the app.

use serde_json::json;

use crate::support::app_site::AppSite;
use crate::support::browser::{complete, instruct_with};
use crate::support::chromium::Chromium;
use crate::support::database::{assert_nothing_stored, count};
use crate::support::world::{
    As, CALLBACK, CHALLENGE, CONSOLE, CONSOLE_PASSWORD, Engine, VERIFIER, World, both_engines,
};

const BASIC: As = As::Basic(CONSOLE, CONSOLE_PASSWORD);
const OLEG: &str = "button[value=oleg]";
const ELLE: &str = "button[value=elle]";
const YES: &str = "button[value=yes]";
const NO: &str = "button[value=no]";
/// What a page says where there is nothing to do any more.
const OVER: &str = "This link is no longer valid";

/// An application, fedlink and a browser.
async fn start(engine: Engine) -> (AppSite, World, Chromium) {
    let app = AppSite::start().await;
    let world = World::start_with(engine, |settings| settings.replace(CALLBACK, &app.callback())).await;
    world.account("alice").await;
    (app, world, Chromium::start().await)
}

/// As [`start`], with a provider that answers by a form from another site: it stays on `127.0.0.1`, fedlink is `localhost`.
async fn start_by_form(engine: Engine, more: &str) -> (AppSite, World, Chromium) {
    let app = AppSite::start().await;
    let world = World::start_with(engine, |settings| {
        let settings = settings.replace(CALLBACK, &app.callback());
        let settings = settings.replacen("public_url = \"http://127.0.0.1:", "public_url = \"http://localhost:", 1);
        format!("{settings}{more}authorize_params = {{ response_mode = \"form_post\" }}\n")
    })
    .await;
    world.account("alice").await;
    (app, world, Chromium::start().await)
}

/// The address of a fresh instruction that the app completes.
async fn instruct(world: &World, app: &AppSite) -> String {
    let body = json!({"fp": "box:box_1", "callback": app.callback(), "code_challenge": CHALLENGE});
    instruct_with(world, &BASIC, body).await
}

/// Completes what came to the callback last, as the app does.
async fn complete_last(world: &World, app: &AppSite) {
    let arrived = app.arrivals().pop().expect("the browser came");
    assert_eq!(arrived["status"], "pending", "{arrived:?}");
    let done = complete(world, &BASIC, &arrived["bind_code"], (VERIFIER, "alice")).await;
    assert_eq!(done.status, 204, "{}", done.text());
}

both_engines! {
    async fn a_bind_in_a_tab_comes_back_to_the_app(engine: Engine) {
        let (app, world, browser) = start(engine).await;
        let redirect_to = instruct(&world, &app).await;
        browser.go(&redirect_to).await;
        assert!(browser.url().await.starts_with(&world.sandbox.issuer()));
        browser.click(OLEG).await;
        assert_eq!(browser.wait_for_url(&redirect_to).await, format!("{redirect_to}/confirm"));
        assert_eq!(browser.text("h1").await, "Connect this Sandbox account to Console?");
        assert_eq!(browser.text("bdi").await, "Oleg Sandbox");
        browser.click(YES).await;
        browser.wait_for_url(&app.callback()).await;
        assert_eq!(browser.text("h1").await, "Back at the app");
        let arrived = app.arrivals();
        assert_eq!(arrived.len(), 1, "{arrived:?}");
        let names: Vec<&str> = arrived[0].keys().map(String::as_str).collect();
        assert_eq!(names, ["bind", "bind_code", "fp", "status"]);
        assert_eq!(arrived[0]["fp"], "box:box_1");
        assert!(redirect_to.ends_with(&arrived[0]["bind"]));
        assert_nothing_stored(&world, "before the app completes it").await;
        complete_last(&world, &app).await;
        assert_eq!(count(&world, "links").await, 1);
    }

    async fn who_cancels_at_the_provider_comes_back_with_access_denied(engine: Engine) {
        let (app, world, browser) = start(engine).await;
        browser.go(&instruct(&world, &app).await).await;
        browser.click("button[name=cancel]").await;
        browser.wait_for_url(&app.callback()).await;
        let arrived = app.arrivals().pop().expect("the browser came");
        assert_eq!((arrived["status"].as_str(), arrived["error"].as_str()), ("error", "access_denied"));
        assert_nothing_stored(&world, "declined at the provider").await;
    }

    async fn who_cancels_at_the_confirm_page_comes_back_with_access_denied(engine: Engine) {
        let (app, world, browser) = start(engine).await;
        browser.go(&instruct(&world, &app).await).await;
        browser.click(OLEG).await;
        browser.click(NO).await;
        browser.wait_for_url(&app.callback()).await;
        let arrived = app.arrivals().pop().expect("the browser came");
        assert_eq!((arrived["status"].as_str(), arrived["error"].as_str()), ("error", "access_denied"));
        assert_nothing_stored(&world, "declined at the confirm page").await;
    }

    async fn two_tabs_at_once_keep_their_accounts_apart(engine: Engine) {
        let (app, world, browser) = start(engine).await;
        let (left, right) = (instruct(&world, &app).await, instruct(&world, &app).await);
        let left_tab = browser.window().await;
        browser.go(&left).await;
        let right_tab = browser.new_tab().await;
        browser.go(&right).await;
        browser.click(ELLE).await;
        assert_eq!(browser.text("bdi").await, "Elle Sandbox");
        browser.switch(&left_tab).await;
        browser.click(OLEG).await;
        assert_eq!(browser.text("bdi").await, "Oleg Sandbox");
        for (tab, redirect_to) in [(right_tab, right), (left_tab, left)] {
            browser.switch(&tab).await;
            browser.click(YES).await;
            browser.wait_for_url(&app.callback()).await;
            assert!(redirect_to.ends_with(&app.arrivals().pop().expect("the browser came")["bind"]));
            complete_last(&world, &app).await;
        }
        assert_eq!(count(&world, "links").await, 2);
    }

    async fn reloading_every_page_still_ends_at_the_app(engine: Engine) {
        let (app, world, browser) = start(engine).await;
        browser.go(&instruct(&world, &app).await).await;
        browser.reload().await;
        browser.click(OLEG).await;
        assert_eq!(browser.text("bdi").await, "Oleg Sandbox");
        browser.reload().await;
        assert_eq!(browser.text("bdi").await, "Oleg Sandbox");
        browser.click(YES).await;
        browser.wait_for_url(&app.callback()).await;
        complete_last(&world, &app).await;
        browser.reload().await;
        assert_eq!(browser.text("h1").await, "Back at the app");
        assert_eq!(count(&world, "links").await, 1);
    }

    async fn the_back_button_after_the_end_changes_nothing(engine: Engine) {
        let (app, world, browser) = start(engine).await;
        let redirect_to = instruct(&world, &app).await;
        browser.go(&redirect_to).await;
        let at_provider = browser.url().await;
        browser.click(OLEG).await;
        browser.click(YES).await;
        browser.wait_for_url(&app.callback()).await;
        complete_last(&world, &app).await;
        browser.back().await;
        browser.wait_for_url(&redirect_to).await;
        // Chromium may have kept the page as it was, and then it asks for it again.
        browser.wait_for(OVER, async || browser.text("h1").await == OVER).await;
        // The provider's own page, from before: its answer is to a question that nobody asks any more.
        browser.go(&at_provider).await;
        browser.click(ELLE).await;
        assert_eq!(browser.text("h1").await, OVER);
        browser.go(&redirect_to).await;
        assert_eq!(browser.text("h1").await, OVER);
        assert_eq!((app.arrivals().len(), count(&world, "links").await), (1, 1));
    }

    async fn the_back_button_at_the_confirm_page_lets_another_account_be_chosen(engine: Engine) {
        let (app, world, browser) = start(engine).await;
        let redirect_to = instruct(&world, &app).await;
        browser.go(&redirect_to).await;
        browser.click(OLEG).await;
        assert_eq!(browser.text("bdi").await, "Oleg Sandbox");
        browser.back().await;
        browser.wait_for_url(&world.sandbox.issuer()).await;
        // That leg is over. The page says to start again, and the instruction does.
        browser.click(ELLE).await;
        assert_eq!(browser.text("h1").await, OVER);
        browser.go(&redirect_to).await;
        browser.click(ELLE).await;
        assert_eq!(browser.text("bdi").await, "Elle Sandbox");
        browser.click(YES).await;
        browser.wait_for_url(&app.callback()).await;
        complete_last(&world, &app).await;
        assert_eq!(count(&world, "links").await, 1);
    }

    async fn a_double_click_on_connect_comes_back_to_the_app(engine: Engine) {
        let (app, world, browser) = start(engine).await;
        browser.go(&instruct(&world, &app).await).await;
        browser.click(OLEG).await;
        assert_eq!(browser.text("bdi").await, "Oleg Sandbox");
        // A hand that clicks on and on, while the app takes its time to answer the first click. The driver waits for the page that
        // this click asks for, before it says that the script has run.
        let held = app.hold_answers().await;
        let clicks = "const click = () => document.querySelector('button[value=yes]').click(); click(); setInterval(click, 10)";
        let clicks = browser.run(clicks);
        let answer = async {
            browser.wait_for("the app is called", async || app.arrivals().len() == 1).await;
            drop(held);
        };
        tokio::join!(clicks, answer);
        browser.wait_for_url(&app.callback()).await;
        complete_last(&world, &app).await;
        assert_eq!((app.arrivals().len(), count(&world, "links").await), (1, 1));
    }

    async fn a_form_post_from_another_site_comes_back_to_the_app(engine: Engine) {
        let (app, world, browser) = start_by_form(engine, "").await;
        let redirect_to = instruct(&world, &app).await;
        assert!(redirect_to.starts_with("http://localhost:"), "{redirect_to}");
        browser.go(&redirect_to).await;
        browser.click(OLEG).await;
        browser.wait_for_url(&format!("{redirect_to}/confirm")).await;
        assert_eq!(browser.text("bdi").await, "Oleg Sandbox");
        browser.click(YES).await;
        browser.wait_for_url(&app.callback()).await;
        complete_last(&world, &app).await;

        // Without a confirm page the form itself ends at the app.
        browser.go(&instruct(&world, &app).await).await;
        browser.click("button[name=cancel]").await;
        browser.wait_for_url(&app.callback()).await;
        browser.wait_for("the app is called", async || app.arrivals().len() == 2).await;
        assert_eq!(app.arrivals()[1]["error"], "access_denied");
    }

    async fn a_form_post_without_scripts_has_a_button(engine: Engine) {
        let (app, world, browser) = start_by_form(engine, "confirm = false\n").await;
        browser.set_scripts(false).await;
        browser.go(&instruct(&world, &app).await).await;
        browser.click(OLEG).await;
        // The provider's own form has to be sent by hand, too.
        browser.click("form[action] button").await;
        assert_eq!(browser.text("h1").await, "One moment");
        browser.click("button.primary").await;
        browser.wait_for_url(&app.callback()).await;
        complete_last(&world, &app).await;
        assert_eq!(count(&world, "links").await, 1);
    }
}
