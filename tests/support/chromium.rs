//! A real browser: the machine's Chromium, without a screen, spoken to by the WebDriver protocol (W3C) over our own client.
//!
//! One chromedriver is shared by all tests of the process; each test has a browser of its own, with its own profile.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

use super::browser::session_cookie;
use super::chromedriver::{Driver, INSTALL};
use super::world::World;

/// The longest a test waits for a page: generous, since it only bounds a failure.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often a page is looked at while something is awaited of it.
const GLANCE: Duration = Duration::from_millis(25);

/// WebDriver §12.1: the name under which an element's id stands.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// One browser; it goes with this, when a test panics as well.
#[derive(Debug)]
pub(crate) struct Chromium {
    port: u16,
    session: String,
    client: reqwest::Client,
}

/// WebDriver §6.6: why a command was refused.
#[derive(Debug)]
struct Problem {
    error: String,
    message: String,
}

impl Chromium {
    /// A new browser without a past, on an empty page.
    ///
    /// Panics with the command that installs it if there is none.
    pub(crate) async fn start() -> Self {
        static DRIVER: OnceLock<Driver> = OnceLock::new();
        let port = DRIVER.get_or_init(Driver::start).port;
        // chromedriver gives a page up itself; this is for when chromedriver hangs.
        let client = reqwest::Client::builder().no_proxy().timeout(4 * PATIENCE).build();
        let client = client.expect("a client for loopback");
        let mut browser = Self { port, session: String::new(), client };
        let arguments = [
            "--headless",
            // The pages are the tests' own; root, and many a container, has no sandbox to offer.
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-first-run",
            "--window-size=1280,800",
            // Whatever the machine speaks.
            "--accept-lang=en",
            // When chromedriver dies, the pipe breaks and the browser ends itself.
            "--remote-debugging-pipe",
        ];
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "timeouts": {"implicit": 0, "pageLoad": 30_000, "script": 30_000},
            "goog:chromeOptions": {"args": arguments},
        }}});
        let answer = browser.ask("POST", "/session", Some(wanted)).await;
        let made = answer.unwrap_or_else(|problem| panic!("{INSTALL}\n{problem:?}"));
        made["sessionId"].as_str().expect("it has one").clone_into(&mut browser.session);
        browser
    }

    /// Opens an address, as one typed in: waits until its page, or that of the last redirect, is loaded.
    pub(crate) async fn go(&self, url: &str) {
        self.post("/url", json!({"url": url})).await;
    }

    /// Where the browser is.
    pub(crate) async fn url(&self) -> String {
        text(self.get("/url").await)
    }

    /// One page back, as by the button.
    pub(crate) async fn back(&self) {
        self.post("/back", json!({})).await;
    }

    /// The same page again, as by the button. A page that came of a form is asked for by that form again.
    pub(crate) async fn reload(&self) {
        self.post("/refresh", json!({})).await;
    }

    /// What can be read of the first element that `css` finds, once there is one.
    pub(crate) async fn text(&self, css: &str) -> String {
        text(self.on("GET", css, "text", None).await)
    }

    /// Clicks the first element that `css` finds, once there is one, and waits for a page that this loads.
    pub(crate) async fn click(&self, css: &str) {
        self.on("POST", css, "click", Some(json!({}))).await;
    }

    /// Types into the field that `css` finds, after what it has already.
    pub(crate) async fn type_into(&self, css: &str, typed: &str) {
        self.on("POST", css, "value", Some(json!({"text": typed}))).await;
    }

    /// Clicks twice as fast as a hand that is used to it from elsewhere.
    pub(crate) async fn double_click(&self, css: &str) {
        let element = self.find(css).await;
        let mut strokes = vec![json!({"type": "pointerMove", "x": 0, "y": 0, "origin": {ELEMENT: element}})];
        for _ in 0..2 {
            strokes.extend(["pointerDown", "pointerUp"].map(|kind| json!({"type": kind, "button": 0})));
        }
        let mouse = json!({"type": "pointer", "id": "mouse", "actions": strokes});
        self.post("/actions", json!({"actions": [mouse]})).await;
    }

    /// Whether there is an element that `css` finds, now.
    pub(crate) async fn has(&self, css: &str) -> bool {
        self.look(css).await.is_some()
    }

    /// Waits until `condition` holds; `what` it is stands in the failure.
    pub(crate) async fn wait_for(&self, what: &str, condition: impl AsyncFn() -> bool) {
        self.wait_for_some(what, async || condition().await.then_some(())).await;
    }

    /// Waits until there is what `look` looks for; gives what it has found: a second look may be in vain.
    async fn wait_for_some<T>(&self, what: &str, look: impl AsyncFn() -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let mut glances = glances();
        loop {
            if let Some(found) = look().await {
                return found;
            }
            let early = timeout_at(deadline, glances.tick()).await.is_ok();
            assert!(early, "{what}: in vain; {}", self.state().await);
        }
    }

    /// Waits until the browser is at an address that begins so; gives the whole.
    pub(crate) async fn wait_for_url(&self, start: &str) -> String {
        let there = async || Some(self.url().await).filter(|url| url.starts_with(start));
        self.wait_for_some(start, there).await
    }

    /// Runs the body of a function in the page; gives what it returns, awaited if it is a promise.
    pub(crate) async fn run(&self, script: &str) -> Value {
        self.post("/execute/sync", json!({"script": script, "args": []})).await
    }

    /// The windows and tabs there are, in no order to rely on.
    pub(crate) async fn windows(&self) -> Vec<String> {
        self.get("/window/handles").await.as_array().expect("a list").iter().cloned().map(text).collect()
    }

    /// The window that commands go to.
    pub(crate) async fn window(&self) -> String {
        text(self.get("/window").await)
    }

    /// Sends the commands that follow to this window.
    pub(crate) async fn switch(&self, window: &str) {
        self.post("/window", json!({"handle": window})).await;
    }

    /// Opens another tab, with the same cookies, and goes there.
    pub(crate) async fn new_tab(&self) -> String {
        let window = text(self.post("/window/new", json!({"type": "tab"})).await["handle"].clone());
        self.switch(&window).await;
        window
    }

    /// Waits until there is a window more than `known`, such as a popup, and goes there.
    pub(crate) async fn wait_for_window_beside(&self, known: &[String]) -> String {
        let other = async || self.windows().await.into_iter().find(|window| !known.contains(window));
        let window = self.wait_for_some("another window", other).await;
        self.switch(&window).await;
        window
    }

    /// The cookies that the page's host may see, as WebDriver §14 tells them, those out of scripts' reach too.
    pub(crate) async fn cookies(&self) -> Vec<Value> {
        self.get("/cookie").await.as_array().expect("a list").clone()
    }

    /// Keeps a picture of the window as PNG.
    pub(crate) async fn screenshot(&self, path: &Path) {
        let png = STANDARD.decode(text(self.get("/screenshot").await)).expect("base64");
        std::fs::write(path, png).expect("the folder is there");
    }

    /// Signs a subject in at fedlink, as the sign-in page does once it believes who it is.
    pub(crate) async fn sign_in(&self, world: &World, subject: &str) {
        let (name, value) = session_cookie(world, subject).await;
        let cookie = json!({"name": name, "value": value, "url": world.base, "httpOnly": true});
        self.devtools("Network.setCookie", cookie).await;
    }

    /// Says something to the browser that WebDriver has no word for (Chrome DevTools protocol).
    pub(crate) async fn devtools(&self, command: &str, params: Value) -> Value {
        self.post("/goog/cdp/execute", json!({"cmd": command, "params": params})).await
    }

    /// Turns the scripts of pages off or on, from the next page on.
    pub(crate) async fn set_scripts(&self, on: bool) {
        self.devtools("Emulation.setScriptExecutionDisabled", json!({"value": !on})).await;
    }

    /// The element's id, once there is one.
    async fn find(&self, css: &str) -> String {
        self.wait_for_some(css, async || self.look(css).await).await
    }

    async fn look(&self, css: &str) -> Option<String> {
        let wanted = json!({"using": "css selector", "value": css});
        match self.ask("POST", &self.path("/element"), Some(wanted)).await {
            Ok(found) => Some(text(found[ELEMENT].clone())),
            Err(problem) if problem.is_of_the_moment() => None,
            Err(problem) => panic!("{css}: {problem:?}"),
        }
    }

    /// A command to an element; a page that is being replaced is waited for.
    async fn on(&self, method: &str, css: &str, command: &str, body: Option<Value>) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let element = self.find(css).await;
            let path = self.path(&format!("/element/{element}/{command}"));
            match self.ask(method, &path, body.clone()).await {
                Ok(answer) => return answer,
                Err(problem) if problem.is_of_the_moment() && Instant::now() < deadline => {}
                Err(problem) => panic!("{command} {css}: {problem:?}; {}", self.state().await),
            }
        }
    }

    /// Where the browser stands, for a failure's sake.
    async fn state(&self) -> String {
        let page = self.ask("GET", &self.path("/source"), None).await;
        format!("at {}: {}", self.url().await, page.map_or_else(|problem| problem.message, text))
    }

    async fn get(&self, command: &str) -> Value {
        let answer = self.ask("GET", &self.path(command), None).await;
        answer.unwrap_or_else(|problem| panic!("{command}: {problem:?}"))
    }

    async fn post(&self, command: &str, body: Value) -> Value {
        let answer = self.ask("POST", &self.path(command), Some(body)).await;
        answer.unwrap_or_else(|problem| panic!("{command}: {problem:?}"))
    }

    fn path(&self, command: &str) -> String {
        format!("/session/{}{command}", self.session)
    }

    async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Result<Value, Problem> {
        let address = format!("http://127.0.0.1:{}{path}", self.port);
        let mut request = self.client.request(method.parse().expect("a method"), address);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.expect("chromedriver answers");
        let well = response.status().is_success();
        let mut answer: Value = response.json().await.expect("in JSON");
        let value = answer["value"].take();
        if well {
            return Ok(value);
        }
        Err(Problem { error: text(value["error"].clone()), message: text(value["message"].clone()) })
    }
}

impl Problem {
    /// Whether it may be otherwise in a moment: the page is just being replaced.
    fn is_of_the_moment(&self) -> bool {
        ["no such element", "stale element reference", "element not interactable", "element click intercepted"]
            .contains(&self.error.as_str())
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        if self.session.is_empty() {
            return;
        }
        // Without a runtime, which may be ending; chromedriver answers when the browser has gone.
        let Ok(mut connection) = TcpStream::connect(("127.0.0.1", self.port)) else { return };
        drop(connection.set_read_timeout(Some(PATIENCE)));
        let path = self.path("");
        let request = format!("DELETE {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
        if connection.write_all(request.as_bytes()).is_ok() {
            drop(connection.read(&mut [0; 64]));
        }
    }
}

fn glances() -> tokio::time::Interval {
    let mut glances = interval(GLANCE);
    glances.set_missed_tick_behavior(MissedTickBehavior::Delay);
    glances
}

fn text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => panic!("not a text: {other}"),
    }
}

#[tokio::test]
async fn a_browser_shows_pages_and_obeys() {
    let site = super::app_site::AppSite::start().await;
    site.show(
        "/",
        "<title>first</title><input id=name><button onclick='document.title=document.all.name.value'>Go</button>",
    );
    site.show("/popup", "<h1>Popup</h1><script>document.cookie = 'seen=1'</script>");
    let address = |path: &str| format!("{}{path}", site.origin);
    let browser = Chromium::start().await;
    browser.go(&address("/")).await;
    assert_eq!(browser.text("button").await, "Go");
    browser.type_into("#name", "Elle").await;
    browser.double_click("button").await;
    assert_eq!(browser.run("return document.title").await, "Elle");
    browser.reload().await;
    assert_eq!(browser.run("return document.title").await, "first");
    assert!(!browser.has("h1").await);

    let first = browser.window().await;
    browser.run("window.open('/popup')").await;
    browser.wait_for_window_beside(std::slice::from_ref(&first)).await;
    browser.wait_for_url(&address("/popup")).await;
    assert_eq!(browser.text("h1").await, "Popup");
    browser
        .wait_for("its cookie", async || browser.cookies().await.iter().any(|cookie| cookie["name"] == "seen"))
        .await;

    browser.new_tab().await;
    browser.set_scripts(false).await;
    browser.go(&address("/")).await;
    browser.click("button").await;
    browser.set_scripts(true).await;
    assert_eq!(browser.run("return document.title").await, "first");
    browser.go(&address("/popup")).await;
    browser.back().await;
    browser.wait_for_url(&address("/")).await;
    let picture = tempfile::NamedTempFile::new().expect("a file");
    browser.screenshot(picture.path()).await;
    assert!(std::fs::read(picture.path()).expect("it is kept").starts_with(b"\x89PNG"));
}
