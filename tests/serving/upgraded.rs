//! Another version takes over while people and applications are at it, and the older one again: nobody loses anything. The older
//! program is this one too, unless `scripts/upgrade` names the last release's.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::support::browser::{field, query};
use crate::support::console::caller;
use crate::support::program::{Program, Running};
use crate::support::site::{Site, provider_of};
use crate::support::world::{CHALLENGE, Engine, VERIFIER, both_engines};
use domain::clock::SystemClock;
use sandbox::{Sandbox, SandboxUser};
use secrecy::ExposeSecret as _;

/// Users whose tokens the load asks for.
const USERS: usize = 24;
/// Groups of users, each with two callers who ask for the same token now and then.
const GROUPS: usize = 3;
/// The life of a token that is refreshed after two seconds: when 30 are left.
const SHORT: Duration = Duration::from_secs(32);
/// How the settings name the service; where it listens is another port.
const PUBLIC: &str = "http://127.0.0.1:8080";
/// How far a bind has come.
const STAGES: [Stage; 4] = [Stage::Asked, Stage::AtTheProvider, Stage::ToBeConfirmed, Stage::ToBeCompleted];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Asked,
    AtTheProvider,
    ToBeConfirmed,
    ToBeCompleted,
    Completed,
}

/// Whoever serves, as a balancer knows them.
#[derive(Clone, Default)]
struct Balancer {
    bases: Arc<Mutex<Vec<String>>>,
    next: Arc<AtomicUsize>,
    http: reqwest::Client,
}

impl Balancer {
    fn add(&self, serving: &Running) {
        self.bases.lock().expect("nobody died").push(serving.base_url.clone());
    }

    fn remove(&self, serving: &Running) {
        self.bases.lock().expect("nobody died").retain(|base| *base != serving.base_url);
    }

    /// One of them after the other.
    fn base(&self) -> Option<String> {
        let bases = self.bases.lock().expect("nobody died");
        let next = self.next.fetch_add(1, Ordering::SeqCst);
        bases.get(next % bases.len().max(1)).cloned()
    }

    /// Calls whoever is there, with what is added to the call.
    async fn call(&self, method: Method, target: &str, add: impl FnOnce(RequestBuilder) -> RequestBuilder) -> Response {
        let url = format!("{}{target}", self.base().expect("somebody serves"));
        add(self.http.request(method, url)).send().await.expect("an answer")
    }
}

/// Applications that ask for tokens all the while.
struct Load {
    is_over: Arc<AtomicBool>,
    served: Arc<AtomicUsize>,
    callers: Vec<JoinHandle<()>>,
}

impl Load {
    fn start(engine: Engine, balancer: &Balancer, sandbox: &Arc<Sandbox>, token: &str) -> Self {
        let (is_over, served) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let begin = |group: usize| {
            let (is_over, served) = (Arc::clone(&is_over), Arc::clone(&served));
            let (balancer, sandbox, token) = (balancer.clone(), Arc::clone(sandbox), token.to_owned());
            tokio::spawn(async move {
                let mut users = (0..USERS).filter(|user| user % GROUPS == group).cycle().peekable();
                while !is_over.load(Ordering::SeqCst) {
                    let user = *users.peek().expect("they come again");
                    if let Some(fresh) = ask(engine, &balancer, &token, user).await {
                        assert!(sandbox.is_active(&fresh), "a token of user-{user}'s that the provider doesn't know");
                        served.fetch_add(1, Ordering::SeqCst);
                        users.next();
                    }
                }
            })
        };
        let callers = (0..2 * GROUPS).map(|caller| begin(caller % GROUPS)).collect();
        Self { is_over, served, callers }
    }

    /// Lets so many more be served.
    async fn goes_on(&self, more: usize) {
        let before = self.served.load(Ordering::SeqCst);
        while self.served.load(Ordering::SeqCst) < before + more {
            assert!(!self.callers.iter().any(JoinHandle::is_finished), "a caller got no token");
            tokio::task::yield_now().await;
        }
    }

    async fn end(self) {
        self.is_over.store(true, Ordering::SeqCst);
        for caller in self.callers {
            caller.await.expect("every call got its token");
        }
    }
}

/// A user's token; none if nobody serves just now, which happens on SQLite alone.
async fn ask(engine: Engine, balancer: &Balancer, token: &str, user: usize) -> Option<String> {
    let Some(base) = balancer.base() else {
        assert_eq!(engine, Engine::Sqlite, "a fleet always serves");
        tokio::task::yield_now().await;
        return None;
    };
    let url = format!("{base}/blitz/api/v3/users/user-{user}/fedToken/tcs/tcs_1");
    let asked = balancer.http.get(url).bearer_auth(token).send().await;
    let answer = match asked {
        // It has just ended; the next will listen elsewhere.
        Err(_) if engine == Engine::Sqlite => return None,
        asked => asked.expect("an answer"),
    };
    let (status, retries) = (answer.status().as_u16(), answer.headers().contains_key("retry-after"));
    let answer: Value = answer.json().await.expect("JSON");
    if engine == Engine::Sqlite && status == 503 && retries {
        // It ends, and asks no provider for anything any more.
        return None;
    }
    assert_eq!(status, 200, "user-{user}: {answer}");
    Some(answer[format!("sid-{user}")]["token"].as_str().expect("a token").to_owned())
}

/// A person's bind, in a browser.
struct Bind {
    stage: Stage,
    person: usize,
    cookies: BTreeMap<String, String>,
    /// Where the browser is to go next, or what the application was given.
    next: String,
    instruction: String,
}

impl Bind {
    /// Asks for it.
    async fn begin(balancer: &Balancer, token: &str, person: usize) -> Self {
        let wanted =
            json!({"fp": "tcs:tcs_1", "callback": "https://app.company.com/callback", "code_challenge": CHALLENGE});
        let target = "/blitz/api/v2/users/current/fa/bind";
        let answer = balancer.call(Method::POST, target, |call| call.bearer_auth(token).json(&wanted)).await;
        assert_eq!(answer.status(), 200);
        let answer: Value = answer.json().await.expect("JSON");
        let next = answer["redirectTo"].as_str().expect("an address").to_owned();
        Self { stage: Stage::Asked, person, cookies: BTreeMap::new(), instruction: next.clone(), next }
    }

    /// Goes on as far as that.
    async fn go_to(&mut self, balancer: &Balancer, token: &str, stage: Stage) {
        while self.stage < stage {
            self.stage = self.step(balancer, token).await;
        }
    }

    async fn step(&mut self, balancer: &Balancer, token: &str) -> Stage {
        match self.stage {
            Stage::Asked => {
                self.next = self.location(balancer, Method::GET, Vec::new()).await;
                Stage::AtTheProvider
            }
            Stage::AtTheProvider => {
                let consent = [("sub", format!("person-{}", self.person))];
                let back = balancer.http.post(&self.next).form(&consent).send().await.expect("an answer");
                self.next = location_of(&back);
                self.next = self.location(balancer, Method::GET, Vec::new()).await;
                assert_eq!(self.next, format!("{}/confirm", self.instruction));
                Stage::ToBeConfirmed
            }
            Stage::ToBeConfirmed => {
                let page = self.visit(balancer, Method::GET, Vec::new()).await.text().await.expect("a page");
                let decided = vec![("csrf", field(&page, "csrf")), ("decision", "yes".to_owned())];
                let callback = self.location(balancer, Method::POST, decided).await;
                self.next = query(&callback)["bind_code"].clone();
                Stage::ToBeCompleted
            }
            Stage::ToBeCompleted => {
                let subject = format!("user-{}", self.person);
                let body = json!({"bind_code": self.next, "code_verifier": VERIFIER, "subject": subject});
                let target = "/blitz/api/v2/users/current/fa/bind/complete";
                let done = balancer.call(Method::POST, target, |call| call.bearer_auth(token).json(&body)).await;
                assert_eq!(done.status(), 204, "{}", done.text().await.expect("a text"));
                Stage::Completed
            }
            Stage::Completed => Stage::Completed,
        }
    }

    /// Where the answer sends the browser.
    async fn location(&mut self, balancer: &Balancer, method: Method, form: Vec<(&str, String)>) -> String {
        location_of(&self.visit(balancer, method, form).await)
    }

    /// Opens the address that is next, or sends a form there.
    async fn visit(&mut self, balancer: &Balancer, method: Method, form: Vec<(&str, String)>) -> Response {
        let target = self.next.strip_prefix(PUBLIC).unwrap_or_else(|| panic!("{} is not ours", self.next)).to_owned();
        let cookies = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
        let answer = balancer.call(method, &target, |call| {
            let call = call.header("cookie", cookies);
            if form.is_empty() { call } else { call.form(&form) }
        });
        let answer = answer.await;
        for set in answer.headers().get_all("set-cookie") {
            let (name, rest) = set.to_str().expect("text").split_once('=').expect("a cookie");
            let value = rest.split(';').next().unwrap_or_default();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        answer
    }
}

fn location_of(answer: &Response) -> String {
    assert_eq!(answer.status(), 303, "{answer:?}");
    answer.headers()["location"].to_str().expect("text").to_owned()
}

/// The installation, with its load.
struct Installation {
    engine: Engine,
    site: Site,
    sandbox: Arc<Sandbox>,
    balancer: Balancer,
    serving: Vec<Running>,
    token: String,
}

impl Installation {
    /// Served by the older program: by two of it on Postgres.
    async fn start(engine: Engine) -> Self {
        let people =
            (0..2 * STAGES.len()).map(|n| SandboxUser::new(&format!("person-{n}"), "A Person", "p@sandbox.example"));
        let sandbox = Arc::new(provider_of(SystemClock::shared(), people.collect()));
        sandbox.script().set(|settings| settings.access_token_lifetime = Some(SHORT));
        let mut site = Site::new(engine, &sandbox.issuer());
        site.program = Program::before();
        site.edit("drain = \"0s\"", "drain = \"1s\"");
        site.make_keyring(engine);
        site.feed(&["import", "--register", "-"], &lines(&sandbox)).good();
        let count = if engine == Engine::Sqlite { 1 } else { 2 };
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build();
        let balancer = Balancer { http: http.expect("a client for loopback"), ..Balancer::default() };
        let serving: Vec<_> = (0..count).map(|_| site.serve()).collect();
        for serving in &serving {
            balancer.add(serving);
        }
        let token = caller(&serving[0]).await;
        Self { engine, site, sandbox, balancer, serving, token }
    }

    /// Has another program serve, in the place of each that serves, while refreshes are under way there.
    async fn hand_over(&mut self, program: Program) {
        self.site.program = program;
        for old in std::mem::take(&mut self.serving) {
            // A fleet has it beside; a file has one process at a time.
            let beside = (self.engine == Engine::Postgres).then(|| tokio::task::block_in_place(|| self.site.serve()));
            self.end(old, beside.as_ref()).await;
            let new = beside.unwrap_or_else(|| tokio::task::block_in_place(|| self.site.serve()));
            if self.engine == Engine::Sqlite {
                self.balancer.add(&new);
            }
            self.serving.push(new);
        }
    }

    /// Tells one to stop while the provider has spent refresh tokens that nobody else knows the next of, with another in its place if
    /// there is one.
    async fn end(&self, mut old: Running, beside: Option<&Running>) {
        let hold = self.sandbox.script().hold_token_answers();
        hold.wait_for_arrivals(GROUPS).await;
        if let Some(new) = beside {
            self.balancer.add(new);
        }
        old.send_sigterm();
        tokio::task::block_in_place(|| while old.is_ready() {});
        self.balancer.remove(&old);
        hold.release();
        let ended = tokio::task::block_in_place(|| old.wait());
        assert!(ended.success(), "{}", old.logs());
    }

    /// Binds of persons from this one on, one at each stage.
    async fn begun(&self, first: usize) -> Vec<Bind> {
        let mut binds = Vec::new();
        for (n, stage) in STAGES.into_iter().enumerate() {
            let mut bind = Bind::begin(&self.balancer, &self.token, first + n).await;
            bind.go_to(&self.balancer, &self.token, stage).await;
            binds.push(bind);
        }
        binds
    }

    async fn complete(&self, binds: Vec<Bind>) {
        for mut bind in binds {
            bind.go_to(&self.balancer, &self.token, Stage::Completed).await;
        }
    }

    /// All links are there, and none has lost its tokens.
    async fn assert_whole(&self, bound: usize) {
        for user in 0..USERS {
            let target = format!("/blitz/api/v3/users/user-{user}/fa?detail=true");
            let answer = self.balancer.call(Method::GET, &target, |call| call.bearer_auth(&self.token)).await;
            let links: Value = answer.json().await.expect("JSON");
            let links = links.as_array().expect("a list");
            assert_eq!(links.len(), 1 + usize::from(user < bound), "user-{user}: {links:?}");
            assert!(links.iter().all(|link| link["health"] == "ok"), "user-{user}: {links:?}");
        }
        assert_eq!(
            (self.sandbox.counts().refused, self.sandbox.revoked_families()),
            (0, 0),
            "a refresh token was used twice"
        );
    }
}

/// Links of all users, with tokens that have to be refreshed.
fn lines(sandbox: &Sandbox) -> String {
    let now = SystemClock::shared().now().timestamp();
    let line = |user: usize| {
        let sid = format!("sid-{user}");
        let tokens = sandbox.issue(&sid, "fedlink", "openid offline_access profile");
        let line = json!({
            "subject": format!("user-{user}"), "fpType": "tcs", "fpName": "tcs_1", "sid": sid, "expiresOn": now,
            "accessToken": tokens.access_token.expose_secret(), "refreshToken": tokens.refresh_token.expose_secret(),
        });
        line.to_string() + "\n"
    };
    (0..USERS).map(line).collect()
}

both_engines! {
    async fn another_version_takes_over_and_back_and_nobody_loses_anything(engine: Engine) {
        let mut all = Installation::start(engine).await;
        let load = Load::start(engine, &all.balancer, &all.sandbox, &all.token);
        load.goes_on(2 * USERS).await;
        let begun = all.begun(0).await;
        all.hand_over(Program::this()).await;
        load.goes_on(2 * USERS).await;
        all.complete(begun).await;
        let begun = all.begun(STAGES.len()).await;
        all.hand_over(Program::before()).await;
        load.goes_on(2 * USERS).await;
        all.complete(begun).await;
        load.end().await;
        all.assert_whole(2 * STAGES.len()).await;
    }
}
