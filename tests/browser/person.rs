//! Bind in a real browser, completed by the person who is signed in there: in a tab and in a popup.

use serde_json::{Value, json};

use crate::support::app_site::AppSite;
use crate::support::browser::instruct_with;
use crate::support::chromium::Chromium;
use crate::support::database::{assert_nothing_stored, texts};
use crate::support::world::{As, CALLBACK, CHALLENGE, CONSOLE, CONSOLE_PASSWORD, Engine, World, both_engines};

const BASIC: As = As::Basic(CONSOLE, CONSOLE_PASSWORD);
const OLEG: &str = "button[value=oleg]";
const YES: &str = "button[value=yes]";
const NO: &str = "button[value=no]";

/// An application, fedlink with alice, and a browser in which she is signed in.
async fn start(engine: Engine) -> (AppSite, World, Chromium) {
    let app = AppSite::start().await;
    let world = World::start_with(engine, |settings| settings.replace(CALLBACK, &app.callback())).await;
    world.account("alice").await;
    let browser = Chromium::start().await;
    browser.sign_in(&world, "alice").await;
    (app, world, browser)
}

async fn instruct(world: &World, app: &AppSite, popup: bool) -> String {
    let body = json!({"fp": "box:box_1", "callback": app.callback(), "isPopup": popup});
    instruct_with(world, &BASIC, body).await
}

async fn links(world: &World) -> Vec<String> {
    texts(&world.database_url, "SELECT subject || ' ' || sid || ' ' || proof AS value FROM links ORDER BY 1").await
}

both_engines! {
    async fn a_person_binds_in_a_tab(engine: Engine) {
        let (app, world, browser) = start(engine).await;
        let redirect_to = instruct(&world, &app, false).await;
        browser.go(&redirect_to).await;
        browser.click(OLEG).await;
        browser.wait_for_url(&format!("{redirect_to}/confirm")).await;
        assert_eq!(browser.text("h1").await, "Connect this Sandbox account to yours?");
        browser.click(YES).await;
        browser.wait_for_url(&app.callback()).await;
        let arrived = app.arrivals();
        assert_eq!(arrived.len(), 1, "{arrived:?}");
        let names: Vec<&str> = arrived[0].keys().map(String::as_str).collect();
        assert_eq!((names, arrived[0]["status"].as_str()), (vec!["bind", "fp", "status"], "linked"));
        assert_eq!(links(&world).await, ["alice oleg proven"]);
        // Back is no way to do it again, though Chromium may have kept the page.
        browser.back().await;
        if browser.has(YES).await {
            browser.click(YES).await;
        }
        browser.wait_for("the page of a used link", async || browser.text("h1").await.contains("no longer valid")).await;
        assert_eq!(links(&world).await, ["alice oleg proven"]);
    }

    async fn a_popup_tells_its_opener_and_closes(engine: Engine) {
        let (app, world, browser) = start(engine).await;
        for (answer, status) in [(NO, "error"), (YES, "linked")] {
            let redirect_to = instruct(&world, &app, true).await;
            app.show_opener(&redirect_to, "popup,width=480,height=640");
            browser.go(&app.origin).await;
            let first = browser.window().await;
            browser.click("button").await;
            browser.wait_for_window_beside(std::slice::from_ref(&first)).await;
            browser.click(OLEG).await;
            browser.click(answer).await;
            browser.wait_for("the popup closes", async || browser.windows().await == [first.clone()]).await;
            browser.switch(&first).await;
            browser.wait_for("the opener is told", async || !browser.text("pre").await.is_empty()).await;
            let told: Value = serde_json::from_str(&browser.text("pre").await).expect("one message");
            assert_eq!(told["origin"], world.base.as_str());
            assert_eq!((&told["data"]["status"], &told["data"]["fp"]), (&json!(status), &json!("box:box_1")));
            assert!(redirect_to.ends_with(told["data"]["bind"].as_str().unwrap()));
            if status == "error" {
                assert_eq!(told["data"]["error"], "access_denied");
                assert_nothing_stored(&world, "no").await;
            }
        }
        assert_eq!(links(&world).await, ["alice oleg proven"]);
        assert_eq!(app.arrivals().len(), 0, "the callback is left alone");
    }

    async fn a_popup_without_its_opener_ends_at_the_callback(engine: Engine) {
        let (app, world, browser) = start(engine).await;
        let redirect_to = instruct(&world, &app, true).await;
        app.show_opener(&redirect_to, "popup,noopener");
        browser.go(&app.origin).await;
        let first = browser.window().await;
        browser.click("button").await;
        browser.wait_for_window_beside(&[first]).await;
        browser.click(OLEG).await;
        browser.click(YES).await;
        browser.wait_for_url(&app.callback()).await;
        assert_eq!(app.arrivals().pop().expect("it came")["status"], "linked");
        assert_eq!(links(&world).await, ["alice oleg proven"]);
    }

    // Whoever opens the popup from elsewhere hears nothing.
    async fn a_popup_tells_no_other_origin(engine: Engine) {
        let (app, world, browser) = start(engine).await;
        let other = AppSite::start().await;
        let redirect_to = instruct(&world, &app, true).await;
        other.show_opener(&redirect_to, "popup");
        browser.go(&other.origin).await;
        let first = browser.window().await;
        browser.click("button").await;
        browser.wait_for_window_beside(std::slice::from_ref(&first)).await;
        browser.click(OLEG).await;
        browser.click(NO).await;
        browser.wait_for("the popup closes", async || browser.windows().await == [first.clone()]).await;
        browser.switch(&first).await;
        // Another message comes after the one that would have come.
        browser.run("window.postMessage('mine', '*')").await;
        browser.wait_for("its own message", async || !browser.text("pre").await.is_empty()).await;
        assert!(!browser.text("pre").await.contains("status"), "{}", browser.text("pre").await);
    }

    // The code that the app completes with goes to the app's own origin alone.
    async fn a_popup_hands_the_bind_code_to_the_app_alone(engine: Engine) {
        let (app, world, browser) = start(engine).await;
        let other = AppSite::start().await;
        for (opened_by, told) in [(&app, true), (&other, false)] {
            let body = json!({"fp": "box:box_1", "callback": app.callback(), "isPopup": true, "code_challenge": CHALLENGE});
            let redirect_to = instruct_with(&world, &BASIC, body).await;
            opened_by.show_opener(&redirect_to, "popup");
            browser.go(&opened_by.origin).await;
            let first = browser.window().await;
            browser.click("button").await;
            browser.wait_for_window_beside(std::slice::from_ref(&first)).await;
            browser.click(OLEG).await;
            browser.click(YES).await;
            browser.wait_for("the popup closes", async || browser.windows().await == [first.clone()]).await;
            browser.switch(&first).await;
            browser.run("window.postMessage('mine', '*')").await;
            browser.wait_for("its own message", async || browser.text("pre").await.contains("mine")).await;
            assert_eq!(browser.text("pre").await.contains("bind_code"), told, "{}", browser.text("pre").await);
        }
        assert_nothing_stored(&world, "not completed").await;
    }
}
