//! Bind in a real browser against the certified provider: its pages, its cookies and its redirects are nobody's here.

use serde_json::json;

use crate::providers::certified::start_as;
use crate::support::app_site::AppSite;
use crate::support::browser::{complete, instruct_with};
use crate::support::chromium::Chromium;
use crate::support::database::{assert_nothing_stored, count};
use crate::support::oidc_provider::OidcProvider;
use crate::support::world::{
    As, CALLBACK, CHALLENGE, CONSOLE, CONSOLE_PASSWORD, Engine, VERIFIER, World, both_engines,
};

const BASIC: As = As::Basic(CONSOLE, CONSOLE_PASSWORD);

/// A browser that has opened an instruction of the app's, and is at the provider's sign-in page.
async fn opened(engine: Engine) -> (AppSite, (World, OidcProvider), Chromium) {
    let app = AppSite::start().await;
    let (world, provider) =
        start_as(engine, OidcProvider::start_pushed, |settings| settings.replace(CALLBACK, &app.callback())).await;
    let body = json!({"fp": "box:box_1", "callback": app.callback(), "code_challenge": CHALLENGE});
    let redirect_to = instruct_with(&world, &BASIC, body).await;
    let browser = Chromium::start().await;
    browser.go(&redirect_to).await;
    browser.wait_for_url(&provider.issuer).await;
    (app, (world, provider), browser)
}

both_engines! {
    async fn a_bind_at_the_certified_provider_comes_back_to_the_app(engine: Engine) {
        let (app, (world, provider), browser) = opened(engine).await;
        browser.type_into("input[name=login]", "oleg").await;
        browser.type_into("input[name=password]", "any").await;
        browser.click("button.login-submit").await;
        browser.click("input[name=prompt][value=consent] ~ button").await;
        assert_eq!(browser.text("bdi").await, "oleg at the provider");
        browser.click("button[value=yes]").await;
        browser.wait_for_url(&app.callback()).await;
        let arrived = app.arrivals().pop().expect("the browser came");
        let done = complete(&world, &BASIC, &arrived["bind_code"], (VERIFIER, "alice")).await;
        assert_eq!((done.status, count(&world, "links").await), (204, 1));
        assert_eq!(provider.counts().exchanges, 1);
    }

    async fn cancelling_at_the_certified_provider_comes_back_with_access_denied(engine: Engine) {
        let (app, (world, _provider), browser) = opened(engine).await;
        browser.click("a[href$='/abort']").await;
        browser.wait_for_url(&app.callback()).await;
        let arrived = app.arrivals().pop().expect("the browser came");
        assert_eq!((arrived["status"].as_str(), arrived["error"].as_str()), ("error", "access_denied"));
        assert_nothing_stored(&world, "cancelled").await;
    }

    async fn a_popup_to_the_certified_provider_tells_its_opener(engine: Engine) {
        let app = AppSite::start().await;
        let (world, provider) =
            start_as(engine, OidcProvider::start_pushed, |settings| settings.replace(CALLBACK, &app.callback())).await;
        let browser = Chromium::start().await;
        browser.sign_in(&world, "alice").await;
        let body = json!({"fp": "box:box_1", "callback": app.callback(), "isPopup": true});
        app.show_opener(&instruct_with(&world, &BASIC, body).await, "popup");
        browser.go(&app.origin).await;
        let first = browser.window().await;
        browser.click("button").await;
        browser.wait_for_window_beside(std::slice::from_ref(&first)).await;
        browser.wait_for_url(&provider.issuer).await;
        browser.type_into("input[name=login]", "oleg").await;
        browser.type_into("input[name=password]", "any").await;
        browser.click("button.login-submit").await;
        browser.click("input[name=prompt][value=consent] ~ button").await;
        browser.click("button[value=yes]").await;
        browser.wait_for("the popup closes", async || browser.windows().await == [first.clone()]).await;
        browser.switch(&first).await;
        browser.wait_for("the opener is told", async || browser.text("pre").await.contains("linked")).await;
        assert_eq!((app.arrivals().len(), count(&world, "links").await), (0, 1));
    }
}
