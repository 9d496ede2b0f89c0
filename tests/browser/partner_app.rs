//! The partner sign-in of the documentation in a real browser, by its own advice: the app's backend passes GraphQL and the
//! sign-in on, by the vendor's own proxy. Beside it, pages that have no business there.

use serde_json::{Value, json};

use crate::support::app_site::AppSite;
use crate::support::chromium::Chromium;
use crate::support::partner::{LENIENT, SDK, encoded, with_partner};
use crate::support::partner_app::{PartnerApp, ip_proxy};
use crate::support::sms::{self, SmsWebhook};
use crate::support::world::{As, Body, Engine, World, both_engines};

const PHONE: &str = "+79990001234";
const WHO: &str = r#"dv: 1, sender: { dv: 1, fingerprint: "test-sdk-proxy" }, captcha: "1234""#;
const ME: &str = "{ authenticatedUser { name phone } }";

/// A page's question to GraphQL: what a `fetch` of it gives.
fn fetch(url: &str, query: &str, options: &Value) -> String {
    let mut all = json!({"method": "POST", "headers": {"content-type": "application/json"}, "credentials": "include"});
    all["body"] = json!({ "query": query }).to_string().into();
    let options = options.as_object().expect("an object").clone();
    all.as_object_mut().expect("an object").extend(options);
    format!("return fetch({}, {all}).then(r => r.text()).then(t => t && JSON.parse(t)).catch(e => e.name)", json!(url))
}

/// Asks as a page of the app does.
async fn ask(browser: &Chromium, query: &str) -> Value {
    browser.run(&fetch("/admin/api", query, &json!({}))).await
}

/// fedlink with the partner, and the app's backend before it.
async fn start(engine: Engine) -> (World, SmsWebhook, PartnerApp) {
    let webhook = SmsWebhook::start().await;
    let sms = format!("[sms]\nurl = \"{}\"\nsecret = \"{}\"\n", webhook.url, sms::SECRET);
    let world =
        World::start_with(engine, |settings| format!("{}\n{sms}{}", with_partner(&settings, ""), ip_proxy())).await;
    world.userinfo(&json!({"sub": "cmd30383l000q07jy8cqo2zd7", "phone_number": PHONE, "name": "John Doe"}));
    let app = PartnerApp::start(&world.base);
    (world, webhook, app)
}

/// Where a sign-in begins, at the app's own address, for a client of the partner's.
fn begin(world: &World, app: &PartnerApp, client: &str) -> String {
    let token = encoded(&world.partner_token());
    format!("{}/api/auth/{SDK}?user_type=resident&client_id={client}&access_token={token}", app.origin)
}

/// A browser in which John has signed in by the app.
async fn signed_in(world: &World, app: &PartnerApp) -> Chromium {
    let browser = Chromium::start().await;
    browser.go(&begin(world, app, LENIENT)).await;
    browser.wait_for_url(&format!("{}/", app.origin)).await;
    browser
}

both_engines! {
    async fn the_documented_walk_leads_in_through_the_vendors_proxy(engine: Engine) {
        let (world, webhook, app) = start(engine).await;
        let browser = Chromium::start().await;
        // To the callback, by the app's own addresses all along; it wants the phone confirmed.
        let start = begin(&world, &app, "test-client-id");
        browser.go(&start).await;
        assert_eq!(browser.url().await, start.replace('?', "/callback?"));
        let stopped: Value = serde_json::from_str(&browser.text("body").await).expect("JSON");
        let told = &stopped["errors"][0]["extensions"];
        assert_eq!((&told["type"], &told["messageInterpolation"]["phone"]), (&json!("PHONE_CONFIRMATION_REQUIRED"), &json!(PHONE)));
        // By now there is a session of nobody, whose cookie goes along with the two anonymous questions of the app's page.
        browser.go(&app.origin).await;
        let phone = format!(r#"mutation {{ startConfirmPhoneAction(data: {{ {WHO}, phone: "{PHONE}" }}) {{ token }} }}"#);
        let started = ask(&browser, &phone).await;
        let token = started["data"]["startConfirmPhoneAction"]["token"].as_str().unwrap_or_else(|| panic!("{started}"));
        let code = webhook.code();
        let complete = format!(
            r#"mutation {{ completeConfirmPhoneAction(data: {{ {WHO}, token: "{token}", smsCode: {code} }}) {{ status }} }}"#
        );
        assert_eq!(ask(&browser, &complete).await["data"]["completeConfirmPhoneAction"], json!({"status": "ok"}));
        // Again from the start, and in.
        browser.go(&format!("{start}&confirm_phone_action_token={}", encoded(token))).await;
        assert_eq!(browser.url().await, format!("{}/", app.origin));
        let me = json!({"data": {"authenticatedUser": {"name": "John Doe", "phone": PHONE}}});
        assert_eq!(ask(&browser, ME).await, me);
        let cookies = browser.cookies().await;
        let cookie = cookies.iter().find(|cookie| cookie["name"] == "keystone.sid").expect("it is the app's now");
        assert_eq!((&cookie["httpOnly"], &cookie["domain"], &cookie["path"]), (&json!(true), &json!("localhost"), &json!("/")));
        let last = app.calls().pop().expect("calls");
        let page = json!({"method": "POST", "path": "/admin/api", "origin": app.origin, "site": "same-origin", "session": true, "status": 200});
        assert_eq!(last, page);
        // And out.
        assert_eq!(ask(&browser, "mutation { unauthenticateUser { success } }").await["data"]["unauthenticateUser"]["success"], true);
        assert_eq!(ask(&browser, ME).await, json!({"data": {"authenticatedUser": null}}));
    }

    /// Of the app's host, but not of its origin: the browser sends the cookie along, and says where the page is from.
    async fn a_page_of_another_origin_does_nothing_with_the_cookie(engine: Engine) {
        let (world, _webhook, app) = start(engine).await;
        let browser = signed_in(&world, &app).await;
        let me = ask(&browser, ME).await;
        assert_eq!(me["data"]["authenticatedUser"]["name"], "John Doe");
        let foreign = AppSite::start().await;
        foreign.show("/", "<!doctype html><title>Foreign</title>");
        let api = format!("{}/admin/api", app.origin);
        let out = "mutation { unauthenticateUser { success } }";
        let refused = async |origin: &str, (site, session): (&str, bool), status: u16| {
            browser.go(origin).await;
            // What a browser sends without asking first: a page may not read the answer, and there is none to read.
            let text = json!({"mode": "no-cors", "headers": {"content-type": "text/plain"}});
            assert_eq!(browser.run(&fetch(&api, out, &text)).await, "");
            let call = json!({"method": "POST", "path": "/admin/api", "origin": origin, "site": site, "session": session, "status": status});
            browser.wait_for("the app is called", async || app.calls().contains(&call)).await;
            // Asked first, it is not allowed.
            assert_eq!(browser.run(&fetch(&api, out, &json!({}))).await, "TypeError");
            let asked = json!({"method": "OPTIONS", "path": "/admin/api", "origin": origin, "site": site, "session": false, "status": 405});
            browser.wait_for("the app is asked", async || app.calls().contains(&asked)).await;
        };
        refused(&foreign.origin, ("same-site", true), 403).await;
        // Of another site: the cookie stays at home, and nothing but JSON is read.
        refused(&foreign.origin.replace("localhost", "127.0.0.1"), ("cross-site", false), 415).await;
        browser.go(&app.origin).await;
        assert_eq!(ask(&browser, ME).await, me, "still signed in");
    }

    async fn a_listed_page_sends_the_headers_of_its_client(engine: Engine) {
        let listed = AppSite::start().await;
        listed.show("/", "<!doctype html><title>Listed</title>");
        let world = World::start_with(engine, |settings| {
            format!("cors_origins = [\"{}\"]\n{}", listed.origin, with_partner(&settings, ""))
        }).await;
        let browser = Chromium::start().await;
        browser.go(&listed.origin).await;
        let headers = json!({"headers": {
            "content-type": "application/json", "x-target": "app", "apollo-require-preflight": "true", "apollographql-client-name": "web",
        }});
        let api = format!("{}/admin/api", world.base);
        assert_eq!(browser.run(&fetch(&api, ME, &headers)).await, json!({"data": {"authenticatedUser": null}}));
    }

    async fn the_vendors_proxy_says_for_whom_it_calls(engine: Engine) {
        let world = World::start_with(engine, |settings| format!("{}\n{}", with_partner(&settings, ""), ip_proxy())).await;
        let app = PartnerApp::start_behind(&world.base);
        for (said, seen) in [("198.51.100.1", "198.51.100.1"), ("::ffff:198.51.100.1", "198.51.100.1"), ("2001:db8::1", "2001:db8::1")] {
            for query in ["", "?a=1&b=%2F"] {
                let url = format!("{}/api/whoami{query}", app.origin);
                let answer = world.send("GET", &url, &As::Nobody, Body::None, &[("x-forwarded-for", said)]).await;
                assert_eq!(answer.json(), json!({ "ip": seen }), "{said} {query}");
            }
        }
    }
}
