//! Our own sign-in page in a real browser: on the way into a bind and out again, with and without scripts.

use serde_json::json;

use crate::support::app_site::AppSite;
use crate::support::browser::instruct_with;
use crate::support::chromium::Chromium;
use crate::support::person::{PASSWORD, person};
use crate::support::world::{As, CALLBACK, CONSOLE, CONSOLE_PASSWORD, Engine, World, both_engines};

const BASIC: As = As::Basic(CONSOLE, CONSOLE_PASSWORD);

async fn with_elle(engine: Engine) -> (AppSite, World, Chromium) {
    let app = AppSite::start().await;
    let world = World::start_with(engine, |settings| settings.replace(CALLBACK, &app.callback())).await;
    world.person(person("elle")).await;
    (app, world, Chromium::start().await)
}

async fn sign_in(browser: &Chromium, password: &str) {
    browser.type_into("#password", password).await;
    browser.click("button.primary").await;
}

both_engines! {
    async fn a_person_signs_in_on_the_way_and_comes_back_into_the_bind(engine: Engine) {
        let (app, world, browser) = with_elle(engine).await;
        for scripts in [true, false] {
            browser.set_scripts(scripts).await;
            let body = json!({"fp": "box:box_1", "callback": app.callback()});
            let redirect_to = instruct_with(&world, &BASIC, body).await;
            browser.go(&redirect_to).await;
            if scripts {
                browser.wait_for_url(&world.sign_in_page()).await;
                browser.type_into("#login", "elle").await;
                sign_in(&browser, "a slip").await;
                browser.wait_for("what went wrong", async || browser.has("[role=alert]").await).await;
                // What was typed as login is kept, and the password is where the next letter goes.
                sign_in(&browser, PASSWORD).await;
            }
            browser.wait_for_url(&world.sandbox.issuer()).await;
            browser.click("button[value=oleg]").await;
            browser.wait_for_url(&format!("{redirect_to}/confirm")).await;
            browser.click("button[value=yes]").await;
            browser.wait_for_url(&app.callback()).await;
        }
        assert_eq!(app.arrivals().len(), 2);
    }

    async fn without_scripts_one_signs_in_and_out_as_well(engine: Engine) {
        let (_, world, browser) = with_elle(engine).await;
        browser.set_scripts(false).await;
        browser.go(&world.sign_in_page()).await;
        browser.type_into("#login", "elle").await;
        sign_in(&browser, PASSWORD).await;
        browser.wait_for("who is signed in", async || browser.has("dd").await).await;
        assert_eq!((browser.text("h1").await, browser.text("dd").await), ("You are signed in".to_owned(), "elle".to_owned()));
        browser.reload().await;
        assert_eq!(browser.text("dd").await, "elle");
        browser.click("button").await;
        browser.wait_for_url(&format!("{}/blitz/sign-out", world.base)).await;
        assert_eq!(browser.text("h1").await, "You are signed out");
        // Back leads to a page that is no more: nothing of it was kept.
        browser.back().await;
        assert!(!browser.has("dd").await, "{}", browser.text("main").await);
    }
}
