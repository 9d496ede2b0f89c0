//! A running fedlink in the test's own process, on either engine, with the sandbox as its provider and time in hand. Every
//! answer is held against openapi.yaml.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::account::AccountType;
use domain::clock::{Clock as _, MovableClock, SharedClock, SystemClock};
use domain::entropy::SharedEntropy;
use domain::ids::{ClientId, Subject};
use domain::pace;
use domain::scope::Scope;
use fedlink::app::App;
use fedlink::http::server::{Capacity, Hands, Service};
use sandbox::{self, Sandbox, SandboxClient, SandboxUser};
use secrecy::ExposeSecret as _;
use serde_json::Value;
use service::{Current, accounts, grants, import};
use settings::{Configuration, KeyringSource, Literals};
use tempfile::TempDir;
use tokio::runtime::Handle;

pub(crate) use super::call::{Answer, As, Body};
use super::disk::sqlite_files;
pub(crate) use super::engines::{Engine, both_engines};
pub(crate) use super::settings::ALL_SCOPES;
use super::settings::settings;
use super::taken_in::take_in;
use super::{canaries, contract, migrated, postgres};

/// The client that most tests call as: it is granted everything.
pub(crate) const CONSOLE: &str = "console";
/// Its OAuth client secret.
pub(crate) const CONSOLE_SECRET: &str = "console-secret-of-tests";
/// Its REST password.
pub(crate) const CONSOLE_PASSWORD: &str = "console-password";
/// A second client, also granted everything.
pub(crate) const RIVAL: &str = "rival";
/// Its REST password.
pub(crate) const RIVAL_PASSWORD: &str = "rival-password-of-tests";
/// Where binds of [`CONSOLE`] and [`RIVAL`] may return to.
pub(crate) const CALLBACK: &str = "https://app.example/callback";
/// Where people would reach a world whose `public_url` it is; tests call the loopback address behind it.
pub(crate) const PUBLIC: &str = "https://login.example";
/// A verifier and its challenge (RFC 7636 appendix B).
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// The challenge of [`VERIFIER`].
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
/// How many connections a world serves at once.
pub(crate) const CONNECTIONS: usize = 1000;

/// A running fedlink and all it needs.
pub(crate) struct World {
    /// Its application as it was built, for what has no HTTP.
    pub(crate) app: App,
    /// What requests go by.
    pub(crate) current: Current,
    /// Where it answers, such as `http://127.0.0.1:4000`, without the base path.
    pub(crate) base: String,
    /// Where calls really go: to `base`, unless a test sends them to the same installation served elsewhere.
    pub(crate) served_at: String,
    /// Where its operator asks.
    pub(crate) ops: String,
    /// Its time, and the sandbox's.
    pub(crate) clock: Arc<MovableClock>,
    /// Its provider, `box:box_1`.
    pub(crate) sandbox: Sandbox,
    /// Where its files are.
    pub(crate) folder: TempDir,
    /// The database's address.
    pub(crate) database_url: String,
    client: reqwest::Client,
}

/// A fresh database of that engine; its file, if it has one, in `folder`.
pub(crate) fn database(engine: Engine, folder: &TempDir) -> String {
    match engine {
        Engine::Sqlite => format!("sqlite:{}", folder.path().join("fedlink.db").display()),
        Engine::Postgres => postgres::fresh_database(),
    }
}

impl World {
    /// A world on a fresh database.
    pub(crate) async fn start(engine: Engine) -> Self {
        Self::start_with(engine, |settings| settings).await
    }

    /// A world whose settings file is changed first.
    pub(crate) async fn start_with(engine: Engine, change: impl FnOnce(String) -> String) -> Self {
        Self::start_at(engine, MovableClock::running(), canaries::entropy(), change).await
    }

    /// A world in which no time passes but by [`World::advance`], on a whole second.
    pub(crate) async fn frozen(engine: Engine) -> Self {
        Self::frozen_with(engine, |settings| settings).await
    }

    /// As [`World::frozen`], its settings file changed first.
    pub(crate) async fn frozen_with(engine: Engine, change: impl FnOnce(String) -> String) -> Self {
        Self::start_at(engine, frozen_clock(), canaries::entropy(), change).await
    }

    /// A world with a clock and an entropy of the test's.
    pub(crate) async fn start_at(
        engine: Engine,
        clock: Arc<MovableClock>,
        entropy: SharedEntropy,
        change: impl FnOnce(String) -> String,
    ) -> Self {
        let public = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let base = format!("http://{}", public.local_addr().expect("an address"));
        let sandbox = start_sandbox(&clock, &base);
        let folder = tempfile::tempdir().expect("a folder");
        let database_url = migrated::database(engine, &folder).await;
        let keyring = folder.path().join("fedlink.keys");
        if engine == Engine::Postgres {
            let source = KeyringSource::File(keyring.clone());
            service::keys::Keeper::add(&source, &canaries::entropy()).expect("a keyring");
        }
        let text = change(settings(&database_url, &keyring, &base, &sandbox.issuer()));
        let configuration = Configuration::parse(&text, folder.path(), &|_| None, Literals::Allow)
            .unwrap_or_else(|errors| panic!("{errors}"));
        let world = Self::run(configuration, (clock, entropy, sandbox, folder), public, database_url).await;
        world.hold_database_clock().await;
        world
    }

    /// One more fedlink on the database, the keyring, the time and the provider of a world, as in a fleet or after a
    /// restart; its settings file is changed first.
    pub(crate) async fn start_beside(first: &Self, change: impl FnOnce(String) -> String) -> Self {
        Self::start_beside_at(first, Arc::clone(&first.clock), change).await
    }

    /// As [`World::start_beside`], with a clock of its own.
    pub(crate) async fn start_beside_at(
        first: &Self,
        clock: Arc<MovableClock>,
        change: impl FnOnce(String) -> String,
    ) -> Self {
        let public = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let base = format!("http://{}", public.local_addr().expect("an address"));
        let folder = tempfile::tempdir().expect("a folder");
        let keyring = first.folder.path().join("fedlink.keys");
        let text = change(settings(&first.database_url, &keyring, &base, &first.sandbox.issuer()));
        let configuration = Configuration::parse(&text, folder.path(), &|_| None, Literals::Allow)
            .unwrap_or_else(|errors| panic!("{errors}"));
        let parts = (clock, canaries::entropy(), first.sandbox.clone(), folder);
        Self::run(configuration, parts, public, first.database_url.clone()).await
    }

    async fn run(
        configuration: Configuration,
        (clock, entropy, sandbox, folder): (Arc<MovableClock>, SharedEntropy, Sandbox, TempDir),
        public: TcpListener,
        database_url: String,
    ) -> Self {
        canaries::watch_logs();
        postgres::LEAVING.get_or_init(|| canaries::search_files);
        let shared: SharedClock = clock.clone();
        let drain = configuration.start.drain;
        let app = App::build(configuration, shared, entropy, Handle::current()).await.expect("it builds");
        let current = Current::new(&app.parts);
        let ops = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let (base, ops_url) =
            (format!("http://{}", public.local_addr().unwrap()), format!("http://{}", ops.local_addr().unwrap()));
        let clock_of_peers = SystemClock::shared();
        let capacity =
            Capacity { workers: 2, connections: CONNECTIONS, bodies: pace::BODIES, clock: clock_of_peers, drain };
        let service = Service::new(&current, public, ops, &capacity, &Hands::default()).expect("it serves");
        tokio::spawn(service.run());
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
        Self { app, current, served_at: base.clone(), base, ops: ops_url, clock, sandbox, folder, database_url, client }
    }

    /// Decides anew while it is served on: its settings file, changed.
    pub(crate) fn decide(&self, change: impl FnOnce(String) -> String) {
        let keyring = self.folder.path().join("fedlink.keys");
        let text = change(settings(&self.database_url, &keyring, &self.base, &self.sandbox.issuer()));
        let configuration = Configuration::parse(&text, self.folder.path(), &|_| None, Literals::Allow)
            .unwrap_or_else(|errors| panic!("{errors}"));
        let parts = self.app.parts.with(configuration.settings).expect("the providers are fit");
        self.current.replace(&parts);
    }

    /// Sends the calls that follow to the same installation served at `url`, by a client that knows the way there.
    pub(crate) fn go_through(&mut self, url: String, client: reqwest::Client) {
        self.served_at = url;
        self.client = client;
    }

    /// Calls fedlink at `target`, a path with its query under the base path, and holds the answer against openapi.yaml.
    pub(crate) async fn call(&self, method: &str, target: &str, who: &As, body: Body) -> Answer {
        self.call_with(method, target, who, body, &[]).await
    }

    /// As [`World::call`], with more headers.
    #[expect(clippy::too_many_arguments, reason = "a request has that many parts")]
    pub(crate) async fn call_with(
        &self,
        method: &str,
        target: &str,
        who: &As,
        body: Body,
        headers: &[(&str, &str)],
    ) -> Answer {
        let target = format!("/blitz{target}");
        let sent = contract::walked::is_wanted().then(|| body.shown()).flatten();
        let answer = self.send(method, &format!("{}{target}", self.served_at), who, body, headers).await;
        answer.hold(method, &target);
        if let (Some((content_type, value)), true) = (sent, answer.status < 400) {
            contract::understood(method, &target, content_type, &value);
        }
        answer
    }

    /// Sends a request anywhere; nothing is checked.
    #[expect(clippy::too_many_arguments, reason = "a request has that many parts")]
    pub(crate) async fn send(&self, method: &str, url: &str, who: &As, body: Body, headers: &[(&str, &str)]) -> Answer {
        let mut request = self.client.request(method.parse().expect("a method"), url);
        request = match who {
            As::Nobody => request,
            As::Bearer(token) => request.bearer_auth(token),
            As::Basic(id, password) => request.basic_auth(id, Some(password)),
        };
        request = match body {
            Body::None => request,
            Body::Json(value) => request.json(&value),
            Body::Form(fields) => request.form(&fields),
            Body::Raw(content_type, bytes) => request.header("content-type", content_type).body(bytes),
        };
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap_or_else(|error| panic!("{method} {url}: {error:?}"));
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let status = response.status().as_u16();
        let body = response.bytes().await.expect("a body").to_vec();
        if status >= 400 {
            canaries::search("the body of an error", &String::from_utf8_lossy(&body));
        }
        Answer { status, headers, body }
    }

    /// Makes an account.
    pub(crate) async fn account(&self, subject: &str) {
        let subject = Subject::parse(subject).expect("a subject");
        let new = accounts::New::bare(subject, AccountType::Resident);
        accounts::create(&self.app.parts, new).await.expect("an account");
    }

    /// A system-mode token of a client, through `te`'s own function.
    pub(crate) async fn system(&self, client: &str, scopes: &[&str]) -> As {
        self.token(client, None, scopes).await
    }

    /// A user-mode token, without the sign-in that it takes elsewhere.
    pub(crate) async fn user(&self, client: &str, subject: &str, scopes: &[&str]) -> As {
        self.token(client, Some(subject), scopes).await
    }

    async fn token(&self, client: &str, subject: Option<&str>, scopes: &[&str]) -> As {
        let client = ClientId::parse(client).expect("a client id");
        let subject = subject.map(|subject| Subject::parse(subject).expect("a subject"));
        let scopes = scopes.iter().map(|scope| Scope::parse(scope).expect("a scope")).collect();
        let issued = grants::issue(&self.app.parts, &client, subject.as_ref(), scopes).await.expect("a token");
        As::Bearer(issued.access_token.expose_secret().to_owned())
    }

    /// A system-mode token of [`CONSOLE`] with all its scopes.
    pub(crate) async fn console(&self) -> As {
        self.system(CONSOLE, &ALL_SCOPES).await
    }

    /// Takes in one line of an import.
    pub(crate) async fn import(&self, line: Value) {
        let (unknown, newer) = (import::UnknownSubject::Register, import::Newer::Replace);
        take_in(&self.app.parts, &line.to_string(), unknown, newer).await.expect("it is taken in");
    }

    /// Gives a subject a link to the sandbox's user `sid`, with tokens the sandbox issued; gives those.
    pub(crate) async fn linked(&self, subject: &str, sid: &str) -> sandbox::IssuedTokens {
        let tokens = self.sandbox.issue(sid, "fedlink", "openid offline_access profile email");
        self.import(serde_json::json!({
            "subject": subject, "fpType": "box", "fpName": "box_1", "sid": sid,
            "accessToken": tokens.access_token.expose_secret(),
            "refreshToken": tokens.refresh_token.expose_secret(),
            "expiresOn": tokens.expires_at.timestamp(),
        }))
        .await;
        tokens
    }

    /// Moves time on, for fedlink and the sandbox alike.
    pub(crate) fn advance(&self, seconds: u64) {
        // Whoever sleeps wakes by the clock: by then it is as late for the database.
        self.advance_database(seconds);
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// The time it is for fedlink.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }
}

/// A clock that stands at a whole second.
pub(crate) fn frozen_clock() -> Arc<MovableClock> {
    let now = MovableClock::running().now().timestamp();
    MovableClock::frozen(DateTime::from_timestamp(now, 0).expect("a moment"))
}

impl Drop for World {
    fn drop(&mut self) {
        if self.database_url.starts_with("sqlite:") {
            let test = std::thread::current().name().unwrap_or_default().to_owned();
            let files = sqlite_files(self.folder.path());
            canaries::search_files(&test, &files);
            // Not what SQLite keeps beside it: whoever closes that takes its locks away.
            for file in files.iter().filter(|file| file.extension().is_some_and(|kind| kind == "db")) {
                canaries::search_record(file);
            }
        }
        canaries::check();
    }
}

fn start_sandbox(clock: &Arc<MovableClock>, fedlink: &str) -> Sandbox {
    let shared: SharedClock = clock.clone();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let mut options = sandbox::Options::new(listener, shared, canaries::entropy());
    options.clients = vec![SandboxClient {
        id: "fedlink".to_owned(),
        secret: Some("sandbox-secret".to_owned()),
        redirect_uris: [fedlink, &fedlink.replace("127.0.0.1", "localhost"), PUBLIC]
            .map(|origin| format!("{origin}/blitz/login/externalIdps/callback/box/box_1/false"))
            .into(),
        auth: sandbox::ClientAuth::Basic,
    }];
    options.users = vec![
        SandboxUser::new("oleg", "Oleg Sandbox", "oleg@sandbox.example"),
        SandboxUser::new("elle", "Elle Sandbox", "elle@sandbox.example"),
        SandboxUser::new("irina", "Irina Sandbox", "irina@sandbox.example"),
    ];
    Sandbox::start(options).expect("the sandbox starts")
}
