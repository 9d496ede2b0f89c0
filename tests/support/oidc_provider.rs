//! The certified `oidc-provider` from npm, with strict rotation: an upstream that no one here wrote.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use url::Url;

const INSTALL: &str = "the certified provider is needed by the tests: apt-get install nodejs npm, \
                       then npm ci --prefix tests/support/oidc-provider";

/// Providers turn a browser round a few times; one that goes on longer is lost.
const MOST_HOPS: u32 = 20;

/// The longest a test waits for an answer to an order: generous, since it only bounds a failure.
const PATIENCE: Duration = Duration::from_mins(2);

/// One running provider with one client; it ends when it is dropped, or when the test process does.
///
/// It goes by the wall clock: tests age its tokens by moving fedlink's clock, or by importing them as expired.
#[derive(Debug)]
pub(crate) struct OidcProvider {
    /// Its address, and its `iss`.
    pub(crate) issuer: String,
    /// The one client it knows, confidential, `client_secret_basic`.
    pub(crate) client_id: String,
    /// The client's secret.
    pub(crate) client_secret: String,
    redirect_uri: String,
    http: reqwest::Client,
    process: Mutex<Process>,
}

#[derive(Debug)]
struct Process {
    child: Child,
    stdin: ChildStdin,
    /// Its lines, read as they come.
    answers: Receiver<String>,
    /// What it complains of, read as it comes, so that it never waits for a reader; taken when it is told.
    complaints: Option<JoinHandle<String>>,
}

/// What has happened at a provider since its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) struct Counts {
    /// Codes exchanged for tokens.
    pub(crate) exchanges: u32,
    /// Refresh tokens exchanged for new ones.
    pub(crate) refreshes: u32,
    /// Token requests refused, whatever the grant type.
    pub(crate) refusals: u32,
    /// Grants revoked, by request or because a used refresh token came back.
    pub(crate) revocations: u32,
}

/// What the provider's token endpoint answered, as far as an import needs it.
#[derive(Clone, Deserialize)]
pub(crate) struct Tokens {
    /// The opaque access token.
    pub(crate) access_token: String,
    /// The rotating refresh token.
    pub(crate) refresh_token: String,
    /// Seconds of life left to the access token.
    pub(crate) expires_in: i64,
    /// The scopes granted, separated by spaces.
    pub(crate) scope: String,
}

/// What is peculiar to a provider.
#[derive(Clone, Copy, Default)]
struct Manner {
    delay: [u32; 2],
    pushed: bool,
    grace_seconds: u32,
    signed: bool,
}

#[derive(Deserialize)]
struct Ready {
    issuer: String,
}

#[derive(Deserialize)]
struct Introspection {
    active: bool,
}

impl OidcProvider {
    /// Starts a provider whose client may be sent back to `redirect_uri`; its access tokens live for an hour.
    pub(crate) fn start(redirect_uri: &str) -> Self {
        Self::start_with(redirect_uri, 3600)
    }

    /// Starts a provider whose access tokens live for `access_token_seconds`.
    pub(crate) fn start_with(redirect_uri: &str, access_token_seconds: u32) -> Self {
        Self::start_slow(redirect_uri, access_token_seconds, [0, 0])
    }

    /// As [`OidcProvider::start_with`]; its token endpoint answers so many milliseconds, from the one to the other number,
    /// after it has done its work.
    pub(crate) fn start_slow(redirect_uri: &str, access_token_seconds: u32, delay: [u32; 2]) -> Self {
        Self::run(redirect_uri, access_token_seconds, Manner { delay, ..Manner::default() })
    }

    /// As [`OidcProvider::start`]; it takes no authorization request but a pushed one (RFC 9126).
    pub(crate) fn start_pushed(redirect_uri: &str) -> Self {
        Self::run(redirect_uri, 3600, Manner { pushed: true, ..Manner::default() })
    }

    /// As [`OidcProvider::start`]; a used refresh token is as good as before for an hour.
    pub(crate) fn start_graceful(redirect_uri: &str) -> Self {
        Self::run(redirect_uri, 3600, Manner { grace_seconds: 3600, ..Manner::default() })
    }

    /// As [`OidcProvider::start`]; its userinfo is signed.
    pub(crate) fn start_signing(redirect_uri: &str) -> Self {
        Self::run(redirect_uri, 3600, Manner { signed: true, ..Manner::default() })
    }

    fn run(redirect_uri: &str, access_token_seconds: u32, manner: Manner) -> Self {
        let (client_id, client_secret) = ("fedlink", "a secret of the tests: + / % &");
        let mut process = spawn(&serde_json::json!({
            "clientId": client_id,
            "clientSecret": client_secret,
            "redirectUri": redirect_uri,
            "accessTokenSeconds": access_token_seconds,
            "delay": manner.delay,
            "pushed": manner.pushed,
            "graceSeconds": manner.grace_seconds,
            "signed": manner.signed,
        }));
        let Ready { issuer } = process.read_answer();
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .expect("a client for loopback");
        Self {
            issuer,
            client_id: client_id.to_owned(),
            client_secret: client_secret.to_owned(),
            redirect_uri: redirect_uri.to_owned(),
            http,
            process: Mutex::new(process),
        }
    }

    /// What has happened until now. A request that has been answered is counted.
    pub(crate) fn counts(&self) -> Counts {
        self.order("")
    }

    /// Loses the answer to the next token request: the connection ends when the work is done.
    pub(crate) fn lose_the_next_answer(&self) {
        self.order("lose");
    }

    /// Holds the answers to token requests, the work being done.
    pub(crate) fn hold_answers(&self) {
        self.order("hold");
    }

    /// Lets the answers go.
    pub(crate) fn release_answers(&self) {
        self.order("release");
    }

    fn order(&self, order: &str) -> Counts {
        let mut process = self.process.lock().expect("no test died while it was asking");
        process.stdin.write_all(format!("{order}\n").as_bytes()).expect("the provider listens");
        process.read_answer()
    }

    /// Revokes a token, as its user can at a provider (RFC 7009); a refresh token with its grant.
    pub(crate) async fn revoke(&self, token: &str) {
        let response = self.post_as_client("/token/revocation", &[("token", token)]).await;
        assert!(response.status().is_success(), "{}", response.status());
    }

    /// Whether the provider would accept `token`, by its introspection endpoint (RFC 7662).
    pub(crate) async fn introspect(&self, token: &str) -> bool {
        let answer: Introspection = self.post_form("/token/introspection", &[("token", token)]).await;
        answer.active
    }

    /// Goes to `authorization_url` as a browser without a past, signs in as `login`, consents, and follows the provider
    /// until it redirects to the client. Returns that address, without asking for it.
    pub(crate) async fn sign_in_and_consent(&self, login: &str, authorization_url: &str) -> String {
        let mut cookies = BTreeMap::new();
        let mut request = self.http.get(authorization_url);
        for _ in 0..MOST_HOPS {
            let jar = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
            let response = request.header(COOKIE, jar).send().await.expect("the provider answers");
            remember_cookies(&response, &mut cookies);
            let here = response.url().clone();
            let status = response.status();
            if status.is_redirection() {
                let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
                let next = here.join(location.expect("a redirect says where to")).expect("an address");
                if next.as_str().starts_with(&self.redirect_uri) {
                    return next.into();
                }
                request = self.http.get(next);
            } else {
                let page = response.text().await.expect("a page");
                assert!(status.is_success(), "{status} from {}: {page}", here.path());
                let action = here.join(&form_action(&page)).expect("an address");
                // The hidden field says which page it is; a consent page ignores the name.
                let prompt = if page.contains(r#"name="prompt" value="login""#) { "login" } else { "consent" };
                request = self.http.post(action).form(&[("prompt", prompt), ("login", login), ("password", "any")]);
            }
        }
        panic!("the provider turns in circles");
    }

    /// Tokens of the account `sub`, by the ordinary code flow with this client: what a site has that moves in.
    pub(crate) async fn obtain_tokens(&self, sub: &str) -> Tokens {
        let verifier = "tests-may-know-their-verifier-which-has-43-characters-at-least";
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
        let question = [
            ("client_id", self.client_id.as_str()),
            ("redirect_uri", &self.redirect_uri),
            ("response_type", "code"),
            ("scope", "openid offline_access profile email"),
            ("state", "unused"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        let address = Url::parse_with_params(&format!("{}/auth", self.issuer), question).expect("an address");
        let callback = Url::parse(&self.sign_in_and_consent(sub, address.as_str()).await).expect("an address");
        let code = callback.query_pairs().find(|(name, _)| name == "code").map(|(_, code)| code.into_owned());
        let code = code.unwrap_or_else(|| panic!("no code in {callback}"));
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", &self.redirect_uri),
            ("code_verifier", verifier),
        ];
        self.post_form("/token", &form).await
    }

    /// Posts to an endpoint as the client.
    async fn post_as_client(&self, path: &str, form: &[(&str, &str)]) -> reqwest::Response {
        // RFC 6749 §2.3.1: both halves are form-encoded before they are joined.
        let [id, secret] = [&self.client_id, &self.client_secret]
            .map(|part| url::form_urlencoded::byte_serialize(part.as_bytes()).collect::<String>());
        let request = self.http.post(format!("{}{path}", self.issuer)).basic_auth(id, Some(secret)).form(form);
        request.send().await.expect("the provider answers")
    }

    /// Posts to an endpoint as the client; gives the answer, which is JSON.
    async fn post_form<T: for<'a> Deserialize<'a>>(&self, path: &str, form: &[(&str, &str)]) -> T {
        let response = self.post_as_client(path, form).await;
        let status = response.status();
        let body = response.text().await.expect("a body");
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{status} from {path}: {error} in {body}"))
    }
}

impl Process {
    fn read_answer<T: for<'a> Deserialize<'a>>(&mut self) -> T {
        // Empty: it has closed its output, so it is ending; or it hangs.
        let line = self.answers.recv_timeout(PATIENCE).unwrap_or_default();
        serde_json::from_str(&line).unwrap_or_else(|_| {
            drop(self.child.kill());
            let complaints = self.complaints.take().and_then(|reader| reader.join().ok()).unwrap_or_default();
            panic!("{INSTALL}\nIt said {line:?} and {complaints}")
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn spawn(settings: &serde_json::Value) -> Process {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/oidc-provider/server.mjs");
    let mut child = Command::new("node")
        .arg(program)
        .arg(settings.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{INSTALL}\nno node: {error}"));
    let stdin = child.stdin.take().expect("it is piped");
    let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
    let (answered, answers) = channel();
    std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| answered.send(line)));
    let mut stderr = child.stderr.take().expect("it is piped");
    let complaints = std::thread::spawn(move || {
        let mut text = Vec::new();
        drop(stderr.read_to_end(&mut text));
        String::from_utf8_lossy(&text).into_owned()
    });
    Process { child, stdin, answers, complaints: Some(complaints) }
}

/// As much of RFC 6265 as one browser at one origin needs: the newest value of each name, and removal by an empty one.
fn remember_cookies(response: &reqwest::Response, cookies: &mut BTreeMap<String, String>) {
    for cookie in response.headers().get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok()) {
        let Some((name, value)) = cookie.split(';').next().and_then(|pair| pair.split_once('=')) else { continue };
        if value.is_empty() {
            cookies.remove(name);
        } else {
            cookies.insert(name.to_owned(), value.to_owned());
        }
    }
}

fn form_action(page: &str) -> String {
    let (_, form) = page.split_once("<form").unwrap_or_else(|| panic!("no form in {page}"));
    let (_, action) = form.split_once("action=\"").expect("it says where to");
    let (action, _) = action.split_once('"').expect("in quotes");
    action.replace("&amp;", "&")
}

#[tokio::test]
async fn the_provider_rotates_and_retires_what_comes_back() {
    let provider = OidcProvider::start_with("http://127.0.0.1:9/callback", 1234);
    let tokens = provider.obtain_tokens("elle").await;
    assert_eq!(tokens.expires_in, 1234);
    // OpenID Connect Core §11: without prompt=consent it does not count, though the refresh token comes all the same.
    assert_eq!(tokens.scope, "openid profile email");
    assert!(provider.introspect(&tokens.access_token).await);
    assert!(!provider.introspect("never issued").await);

    let form = [("grant_type", "refresh_token"), ("refresh_token", tokens.refresh_token.as_str())];
    let next: Tokens = provider.post_form("/token", &form).await;
    assert_ne!(next.refresh_token, tokens.refresh_token);
    assert!(provider.introspect(&next.access_token).await);
    assert_eq!(provider.counts(), Counts { exchanges: 1, refreshes: 1, refusals: 0, revocations: 0 });

    let refusal: serde_json::Value = provider.post_form("/token", &form).await;
    assert_eq!(refusal["error"], "invalid_grant");
    assert_eq!(provider.counts(), Counts { exchanges: 1, refreshes: 1, refusals: 1, revocations: 1 });
    assert!(!provider.introspect(&next.access_token).await, "the reuse takes the whole grant");
}

#[tokio::test]
async fn a_wrong_redirect_uri_is_not_followed() {
    let provider = OidcProvider::start("http://127.0.0.1:9/callback");
    let address =
        format!("{}/auth?client_id=fedlink&response_type=code&redirect_uri=http://127.0.0.1:9/", provider.issuer);
    let response = provider.http.get(address).send().await.expect("an answer");
    assert_eq!(response.status(), 400);
}
