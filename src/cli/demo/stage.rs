//! The demo's stage: fedlink on a temporary database, and the sandbox as its provider, which also hosts the app's callback.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use tempfile::TempDir;
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use url::Url;

use crate::app::App;
use crate::cli::output::Trouble;
use crate::http::server::{Capacity, Hands, ServerHandle, Service};
use domain::account::AccountType;
use domain::clock::{MovableClock, SharedClock, SystemClock};
use domain::confirmation::Message;
use domain::entropy::{SharedEntropy, SystemEntropy};
use domain::ids::Subject;
use domain::pace;
use sandbox::{AccessJwt, ClientAuth, Options, Sandbox, SandboxClient, SandboxUser};
use service::accounts::New;
use service::{Current, accounts, sweep};
use settings::{Configuration, Literals, Messenger};

/// The app's id.
pub(super) const APP: &str = "demo-app";
/// What the identity server calls the app's own API.
const API: &str = "https://demo-app.example";
/// The users, who have accounts here. The first is one of the identity server's, which the sandbox is too.
pub(super) const USERS: [(&str, &str); 2] = [("alice", "Alice"), ("bob", "Bob")];
/// Their accounts at the sandbox.
pub(super) const SANDBOX_USERS: [(&str, &str, &str); 2] =
    [("alice-42", "Alice at Sandbox", "alice@sandbox.example"), ("bob-43", "Bob at Sandbox", "bob@sandbox.example")];
/// The phone number of the second of them, who comes with a token of theirs.
pub(super) const PHONE: &str = "+79990000000";
/// A partner, as the sandbox is one too, and the client it was given.
pub(super) const PARTNER: (&str, &str) = ("test-sdk", "test-client-id");
/// What fedlink proves itself by to the provider.
pub(super) const PROVIDER_SECRET: &str = "sandbox-secret";
/// A PKCE verifier and its challenge (RFC 7636 appendix B): an app makes a new pair for each bind.
pub(super) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// The challenge of [`VERIFIER`].
pub(super) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
/// How long the sandbox's first access token lives: short, so that the refresh can be watched.
pub(super) const FIRST_LIFE: Duration = Duration::from_secs(45);

/// Where the demo would like to listen; if somebody is there already, anywhere else.
/// How many connections the demo serves at once.
const CONNECTIONS: usize = 500;

const FEDLINK: &str = "127.0.0.1:8080";
const SANDBOX: &str = "127.0.0.1:8081";

/// A running demo.
pub(super) struct Stage {
    /// Where fedlink answers, base path included.
    pub(super) base: String,
    /// The same without it.
    pub(super) origin: String,
    /// The provider.
    pub(super) sandbox: Sandbox,
    /// The app's OAuth client secret.
    pub(super) secret: SecretString,
    /// The app's REST password.
    pub(super) password: SecretString,
    /// The time, for both.
    pub(super) clock: Arc<MovableClock>,
    /// The access token that the first user's browser sends to the app.
    pub(super) user_token: SecretString,
    /// The second user's access token at the partner.
    pub(super) partner_token: SecretString,
    /// The short messages that are sent.
    pub(super) messages: Mutex<UnboundedReceiver<Message>>,
    servers: [ServerHandle; 2],
    background: [JoinHandle<()>; 2],
    folder: TempDir,
}

impl Stage {
    /// Starts both servers and makes the users. `anywhere`: don't even try the usual ports.
    pub(super) async fn set(anywhere: bool) -> Result<Self, Trouble> {
        let folder = tempfile::Builder::new().prefix("fedlink-demo-").tempdir().map_err(trouble)?;
        let clock = MovableClock::running();
        let entropy = SystemEntropy::shared();
        let (secret, password) = (entropy.token(), entropy.token());
        let (public, provider, ops) =
            (listen(FEDLINK, anywhere)?, listen(SANDBOX, anywhere)?, listen("127.0.0.1:0", true)?);
        let origin = format!("http://{}", public.local_addr().map_err(trouble)?);
        let base = format!("{origin}/blitz");
        let sandbox = sandbox(provider, &base, clock.clone(), Some(&password))?;
        let [_, (bob, ..)] = SANDBOX_USERS;
        let partner_token = sandbox.issue(bob, "their-app", "openid").access_token;
        let user_token = sent_to_the_app(&sandbox)?;
        // The first that comes of a bind, not those.
        sandbox.script().next_lifetimes(&[FIRST_LIFE]);
        let (sms, messages) = unbounded_channel();
        let secrets = Secrets { client: &secret, rest: &password, session: &entropy.token() };
        let configuration = configuration(&folder, &origin, &sandbox, &secrets, sms)?;
        let drain = configuration.start.drain;
        let app = app(configuration, clock.clone(), entropy, &sandbox.issuer()).await?;
        let current = Current::new(&app.parts);
        let capacity = Capacity {
            workers: 1,
            connections: CONNECTIONS,
            bodies: pace::BODIES,
            clock: SystemClock::shared(),
            drain,
        };
        let service = Service::new(&current, public, ops, &capacity, &Hands::default()).map_err(trouble)?;
        let (public, ops) = service.handles();
        let serving = tokio::spawn(async move {
            if let Err(error) = service.run().await {
                tracing::error!(%error, "the demo's server failed");
            }
        });
        let sweeping = tokio::spawn(sweep::run(current));
        Ok(Self {
            base,
            origin,
            sandbox,
            secret,
            password,
            clock,
            user_token,
            partner_token,
            messages: Mutex::new(messages),
            servers: [public, ops],
            background: [serving, sweeping],
            folder,
        })
    }

    /// Where the app's users come back to.
    pub(super) fn callback(&self) -> String {
        callback(&self.sandbox)
    }

    /// Stops everything and leaves nothing behind.
    pub(super) async fn strike(self) {
        for server in self.servers {
            server.stop(false).await;
        }
        for task in self.background {
            task.abort();
        }
        self.sandbox.stop();
        if let Err(error) = self.folder.close() {
            tracing::warn!(%error, "the demo's folder could not be deleted");
        }
    }
}

fn trouble(error: impl std::fmt::Display) -> Trouble {
    Trouble::say(format!("the demo can't start: {error}"))
}

fn listen(usual: &str, anywhere: bool) -> Result<TcpListener, Trouble> {
    let usual = if anywhere { None } else { TcpListener::bind(usual).ok() };
    usual.map_or_else(|| TcpListener::bind("127.0.0.1:0").map_err(trouble), Ok)
}

fn callback(sandbox: &Sandbox) -> String {
    format!("{}/app/callback", sandbox.issuer())
}

/// What a page of the app's sends with its calls, once its user has signed in at the identity server.
fn sent_to_the_app(sandbox: &Sandbox) -> Result<SecretString, Trouble> {
    let [(alice, _), _] = USERS;
    sandbox.access_jwt(AccessJwt { sub: alice, client_id: "demo-page", audience: API, scope: "" }).map_err(trouble)
}

/// The provider alone, for a fedlink that is elsewhere: the app there completes by itself.
pub(super) fn provider(fedlink: &Url) -> Result<Sandbox, Trouble> {
    let base = fedlink.as_str().trim_end_matches('/');
    sandbox(listen(SANDBOX, false)?, base, MovableClock::running(), None)
}

fn sandbox(
    listener: TcpListener,
    base: &str,
    clock: Arc<MovableClock>,
    password: Option<&SecretString>,
) -> Result<Sandbox, Trouble> {
    let clock: SharedClock = clock;
    let mut options = Options::new(listener, clock, SystemEntropy::shared());
    options.clients = vec![SandboxClient {
        id: "fedlink".to_owned(),
        secret: Some(PROVIDER_SECRET.to_owned()),
        redirect_uris: vec![format!("{base}/login/externalIdps/callback/sandbox/sandbox_1/false")],
        auth: ClientAuth::Basic,
    }];
    let [(alice, alice_name, alice_email), (bob, bob_name, bob_email)] = SANDBOX_USERS;
    let with_phone = SandboxUser { phone: Some(PHONE.to_owned()), ..SandboxUser::new(bob, bob_name, bob_email) };
    options.users = vec![SandboxUser::new(alice, alice_name, alice_email), with_phone];
    options.complete_command = password.map(|password| {
        format!(
            r#"curl -i -u {APP}:{password} -H 'Content-Type: application/json' -d '{{"bind_code":"{{bind_code}}","code_verifier":"{VERIFIER}","subject":"alice"}}' {base}/api/v2/users/current/fa/bind/complete"#,
            password = password.expose_secret(),
        )
    });
    Sandbox::start(options).map_err(trouble)
}

/// The secrets of the demo's settings.
struct Secrets<'a> {
    client: &'a SecretString,
    rest: &'a SecretString,
    session: &'a SecretString,
}

/// What stands in the settings of the provider's fedlink; `secret` is TOML.
pub(super) fn provider_settings(provider: &Sandbox, secret: &str) -> String {
    format!(
        r#"[[providers]]
type          = "sandbox"
name          = "sandbox_1"
title         = "Sandbox"
preset        = "oidc"
issuer        = "{issuer}"
client_id     = "fedlink"
client_secret = {secret}
scopes        = ["openid", "offline_access", "profile", "email"]
user_name     = "{{name}}"
"#,
        issuer = provider.issuer(),
    )
}

fn configuration(
    folder: &TempDir,
    origin: &str,
    sandbox: &Sandbox,
    secrets: &Secrets<'_>,
    sms: UnboundedSender<Message>,
) -> Result<Configuration, Trouble> {
    let (partner, client) = PARTNER;
    let text = format!(
        r#"
public_url = "{origin}"
[[clients]]
id = "{APP}"
name = "Demo App"
secret = "{secret}"
rest_password = "{password}"
scopes = ["blitz_api_sys_ufa", "blitz_api_sys_ufa_chg", "fed_tkn_any"]
callbacks = ["{callback}"]
at = {{ "{issuer}" = {{ audiences = ["{API}"] }} }}
[[issuers]]
issuer = "{issuer}"
audience = "fedlink"
{provider}[session]
secret = "{session}"
[[partners]]
name = "{partner}"
[partners.clients.{client}]
identity_type = "{partner}"
user_info_url = "{issuer}/userinfo"
"#,
        session = secrets.session.expose_secret(),
        secret = secrets.client.expose_secret(),
        password = secrets.rest.expose_secret(),
        callback = callback(sandbox),
        issuer = sandbox.issuer(),
        provider = provider_settings(sandbox, &format!("{PROVIDER_SECRET:?}")),
    );
    let mut configuration = Configuration::parse(&text, folder.path(), &|_| None, Literals::Allow).map_err(trouble)?;
    configuration.settings.introspection = true;
    configuration.settings.sms = Some(Messenger::Handed(sms));
    configuration.start.database_url = format!("sqlite:{}", folder.path().join("fedlink.db").display()).into();
    Ok(configuration)
}

async fn app(
    configuration: Configuration,
    clock: Arc<MovableClock>,
    entropy: SharedEntropy,
    issuer: &str,
) -> Result<App, Trouble> {
    let app = Box::pin(App::build(configuration, clock, entropy, Handle::current()))
        .await
        .map_err(|error| Trouble::from(&error))?;
    let issuers = [Some(issuer.to_owned()), None];
    for ((id, name), issuer) in USERS.into_iter().zip(issuers) {
        let subject = Subject::parse(id).map_err(|error| Trouble::from(&error))?;
        let new = New { name: Some(name.to_owned()), issuer, ..New::bare(subject, AccountType::Resident) };
        accounts::create(&app.parts, new).await.map_err(|error| Trouble::from(&error))?;
    }
    Ok(app)
}
