//! Every page a person may meet, in a real browser: on a narrow screen and a wide one, light and dark, in both languages. What
//! can be judged by a machine is; the pictures are left in target/pictures for people.

use std::fs::create_dir_all;
use std::path::PathBuf;

use domain::account::AccountType;
use serde_json::{Value, json};
use service::accounts::New;

use crate::support::app_site::AppSite;
use crate::support::browser::{instruct_with, query};
use crate::support::chromium::Chromium;
use crate::support::confirm::PHONE;
use crate::support::person::{PASSWORD, person, phone};
use crate::support::sms::SmsWebhook;
use crate::support::world::{As, CALLBACK, CHALLENGE, CONSOLE, CONSOLE_PASSWORD, Engine, World, both_engines};

const BASIC: As = As::Basic(CONSOLE, CONSOLE_PASSWORD);
const LONG_NAME: &str = "Olga-Alexandra Konstantinopolskaya-Wolfeschlegelsteinhausenbergerdorff";

/// What is wrong with a page as it is shown, one line each.
const FAULTS: &str = r"
const faults = [];
const wide = document.documentElement;
if (wide.scrollWidth > wide.clientWidth) faults.push(`it is ${wide.scrollWidth} wide`);
if (document.querySelectorAll('h1').length !== 1) faults.push('it has not one heading');
if (!document.title) faults.push('it has no title');
for (const input of document.querySelectorAll('input:not([type=hidden])')) {
  if (!input.labels.length) faults.push(`${input.name} has no label`);
}
for (const control of document.querySelectorAll('button, input:not([type=hidden]), a.button')) {
  const box = control.getBoundingClientRect();
  if (box.height < 40) faults.push(`${control.textContent || control.name} is ${box.height} high`);
}
// WCAG 2.2 §1.4.3: text against what is behind it.
const channels = color => color.match(/[\d.]+/g).map(Number);
const light = color => {
  const [r, g, b] = channels(color).map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = element => {
  for (let at = element; at; at = at.parentElement) {
    const color = getComputedStyle(at).backgroundColor;
    if (channels(color)[3] !== 0) return color;
  }
};
for (const element of document.querySelectorAll('h1, p, dt, dd, label, button, a, input')) {
  const [a, b] = [light(getComputedStyle(element).color), light(behind(element))].sort((a, b) => b - a);
  const contrast = (a + 0.05) / (b + 0.05);
  if (contrast < 4.5) faults.push(`${element.tagName} ${element.className} has a contrast of ${contrast.toFixed(1)}`);
}
return [...new Set(faults)].concat(`lang ${document.documentElement.lang}`);
";

/// A walk through the pages in one language.
struct Tour {
    browser: Chromium,
    language: &'static str,
    folder: PathBuf,
}

impl Tour {
    async fn start(language: &'static str, engine: Engine) -> Self {
        let browser = Chromium::start().await;
        browser.devtools("Network.enable", json!({})).await;
        browser.devtools("Network.setExtraHTTPHeaders", json!({"headers": {"Accept-Language": language}})).await;
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("target/pictures/{engine:?}"));
        create_dir_all(&folder).expect("a folder");
        Self { browser, language, folder }
    }

    /// Looks at the page that the browser is at.
    async fn look(&self, name: &str) {
        for (width, height) in [(320, 640), (1280, 800)] {
            let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
            self.browser.devtools("Emulation.setDeviceMetricsOverride", size).await;
            for scheme in ["light", "dark"] {
                let feature = json!({"name": "prefers-color-scheme", "value": scheme});
                self.browser.devtools("Emulation.setEmulatedMedia", json!({"features": [feature]})).await;
                let seen = format!("{name}-{}-{width}-{scheme}", self.language);
                self.browser.screenshot(&self.folder.join(format!("{seen}.png"))).await;
                let faults: Value = self.browser.run(FAULTS).await;
                assert_eq!(faults, json!([format!("lang {}", self.language)]), "{seen}");
            }
        }
    }

    async fn sign_in(&self, login: &str, password: &str) {
        for (field, typed) in [("#login", login), ("#password", password)] {
            self.browser.run(&format!("document.querySelector('{field}').value = ''")).await;
            self.browser.type_into(field, typed).await;
        }
        self.browser.click("button.primary").await;
    }
}

/// The way in by a code to a phone, with a slip on it.
async fn by_code(tour: &Tour, world: &World, sms: &SmsWebhook) {
    let browser = &tour.browser;
    browser.go(&format!("{}/phone", world.sign_in_page())).await;
    tour.look("phone").await;
    browser.type_into("#phone", PHONE).await;
    browser.click("button.primary").await;
    browser.wait_for("the form for the code", async || browser.has("#code").await).await;
    tour.look("code").await;
    browser.type_into("#code", "1").await;
    browser.click("button.primary").await;
    browser.wait_for("what is wrong", async || browser.has(".problem").await).await;
    tour.look("code-wrong").await;
    // One look a second.
    world.advance(1);
    browser.type_into("#code", &sms.last().code).await;
    browser.click("button.primary").await;
    browser.wait_for("the choice", async || browser.has("button[name=account]").await).await;
    tour.look("choice").await;
    browser.click("button[value=resident]").await;
    // The address of the choice begins as that of the page it leads to.
    browser.wait_for("the end of the way", async || !browser.url().await.contains("/phone")).await;
}

async fn walk(language: &'static str, engine: Engine) {
    let (app, sms) = (AppSite::start().await, SmsWebhook::start().await);
    let world = World::start_with(engine, |settings| {
        let settings = settings.replace(CALLBACK, &app.callback()) + &sms.settings();
        settings.replace("name = \"Console\"", "name = \"Kundendienstverwaltungsportal\"")
    })
    .await;
    let number = || Some(phone(PHONE, true));
    world.person(New { name: Some(LONG_NAME.to_owned()), phone: number(), ..person("elle") }).await;
    world.person(New { account_type: AccountType::Staff, phone: number(), ..person("clerk") }).await;
    world.sandbox.script().set(|settings| drop(settings.claims.insert("name".to_owned(), LONG_NAME.into())));
    let tour = Tour::start(language, engine).await;
    let browser = &tour.browser;

    let mut body = json!({"fp": "box:box_1", "callback": app.callback()});
    let redirect_to = instruct_with(&world, &BASIC, body.clone()).await;
    browser.go(&redirect_to).await;
    browser.wait_for_url(&world.sign_in_page()).await;
    tour.look("sign-in").await;
    tour.sign_in("elle", "wrong").await;
    browser.wait_for("what is wrong", async || browser.has(".problem").await).await;
    tour.look("sign-in-wrong").await;
    tour.sign_in("elle", PASSWORD).await;
    browser.click("button[value=oleg]").await;
    browser.wait_for_url(&redirect_to).await;
    tour.look("confirm-person").await;
    browser.click("button[value=yes]").await;
    browser.wait_for_url(&app.callback()).await;
    assert_eq!(app.arrivals().pop().expect("the browser came")["status"], "linked");

    browser.go(&redirect_to).await;
    tour.look("gone").await;
    browser.go(&format!("{}/blitz/login/externalIdps/callback/box/box_1/false", world.base)).await;
    tour.look("bad-request").await;
    browser.go(&world.sign_in_page()).await;
    tour.look("signed-in").await;
    browser.click("form button").await;
    tour.look("signed-out").await;
    by_code(&tour, &world, &sms).await;

    body["code_challenge"] = CHALLENGE.into();
    let redirect_to = instruct_with(&world, &BASIC, body).await;
    browser.go(&redirect_to).await;
    // An answer by form, which goes on by itself as soon as it may.
    let state = query(&browser.url().await)["state"].clone();
    let callback = format!("{}/blitz/login/externalIdps/callback/box/box_1/false", world.base);
    app.show(
        "/",
        &format!("<form method=post action={callback}><input name=state value={state}><button>Go</button></form>"),
    );
    browser.set_scripts(false).await;
    browser.go(&app.origin).await;
    browser.click("button").await;
    browser.wait_for("our own form", async || browser.has("input[name=fedlink_again]").await).await;
    tour.look("posted").await;
    browser.set_scripts(true).await;

    browser.go(&redirect_to).await;
    browser.click("button[value=oleg]").await;
    browser.wait_for_url(&redirect_to).await;
    tour.look("confirm-app").await;
}

both_engines! {
    async fn every_page_can_be_read_in_english(engine: Engine) {
        walk("en", engine).await;
    }

    async fn every_page_can_be_read_in_russian(engine: Engine) {
        walk("ru", engine).await;
    }
}
