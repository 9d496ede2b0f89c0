//! Debian's `glewlwyd`, which answers an empty 400 where a refresh token is dead: an upstream that no one here wrote.

use std::fs;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use rcgen::KeyPair;
use reqwest::header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use serde_json::{Value, json};
use tempfile::TempDir;

const INSTALL: &str = "glewlwyd is needed by the tests: apt-get install --no-install-recommends glewlwyd";
/// What Debian makes its database with; it has one administrator.
const SCHEMA: &str = "/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3";
const ADMINISTRATOR: (&str, &str) = ("admin", "password");
const USER: (&str, &str) = ("oleg", "a-password-of-the-tests");
/// Runs a server, and ends it when standard input is closed: the system does that however the process ends that holds the other
/// end of it.
const KEEPER: &str = r#"
exec 3<&0
glewlwyd -c "$1" 3<&- &
server=$!
(cat <&3 >/dev/null; kill "$server") &
wait "$server"
"#;
/// How long its start may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// One running server with one client and one user; it ends when it is dropped. It goes by the wall clock.
#[derive(Debug)]
pub(crate) struct Glewlwyd {
    /// Its `iss`.
    pub(crate) issuer: String,
    /// The one client it knows, `client_secret_basic`.
    pub(crate) client_id: String,
    /// The client's secret.
    pub(crate) client_secret: String,
    api: String,
    http: reqwest::Client,
    process: Mutex<Child>,
    _folder: TempDir,
}

impl Glewlwyd {
    /// Starts a server whose client may be sent back to `redirect_uri`. Panics with the command that installs it if there is
    /// none.
    pub(crate) async fn start(redirect_uri: &str) -> Self {
        assert!(Path::new(SCHEMA).exists(), "{INSTALL}");
        // The port is free when it is asked for, not necessarily when it is used.
        for _ in 0..3 {
            if let Some(server) = Self::start_on(free_port()).await {
                server.set_up(redirect_uri).await;
                return server;
            }
        }
        panic!("{INSTALL}\nglewlwyd does not start");
    }

    async fn start_on(port: u16) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("glewlwyd.db");
        let schema = fs::read_to_string(SCHEMA).expect("it is text");
        let mut conn = SqliteConnection::establish(&database.display().to_string()).expect("a file");
        conn.batch_execute(&schema).expect("the schema is SQLite's");
        let config = folder.path().join("glewlwyd.conf");
        fs::write(&config, configuration(port, &database)).expect("room");
        let process = Command::new("sh")
            .args(["-c", KEEPER, "fedlink-test-glewlwyd"])
            .arg(&config)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // A group of its own: Ctrl-C in the terminal ends the tests, and their end ends the server, in that order.
            .process_group(0)
            .spawn()
            .expect("there is a shell");
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .expect("a client for loopback");
        let api = format!("http://127.0.0.1:{port}/api");
        let server = Self {
            issuer: format!("{api}/oidc"),
            client_id: "fedlink".to_owned(),
            client_secret: "a-secret-of-the-tests".to_owned(),
            api,
            http,
            process: Mutex::new(process),
            _folder: folder,
        };
        server.is_up().await.then_some(server)
    }

    async fn is_up(&self) -> bool {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            let has_ended = self.process.lock().expect("nobody panicked").try_wait().expect("it is ours").is_some();
            if has_ended {
                return false;
            }
            if self.http.get(format!("{}/config/", self.api)).send().await.is_ok() {
                return true;
            }
            tokio::task::yield_now().await;
        }
        false
    }

    /// The OpenID part, with refresh tokens that work once; the client; the user.
    async fn set_up(&self, redirect_uri: &str) {
        let admin = self.sign_in(ADMINISTRATOR).await;
        let key = key();
        let plugin = json!({
            "module": "oidc", "name": "oidc", "display_name": "oidc", "order_rank": 0, "enabled": true,
            "parameters": {
                "iss": self.issuer, "jwt-type": "ecdsa", "jwt-key-size": "256",
                "key": key.serialize_pem(), "cert": key.public_key_pem(), "jwks-show": true,
                "access-token-duration": 3600, "refresh-token-duration": 1_209_600, "code-duration": 600,
                "refresh-token-rolling": true, "refresh-token-one-use": "always",
                "allow-non-oidc": true, "auth-type-code-enabled": true, "auth-type-refresh-enabled": true,
                "subject-type": "public", "email-claim": "no", "scope-claim": "no",
                "pkce-allowed": true, "pkce-method-plain-allowed": false,
                "introspection-revocation-allowed": true, "introspection-revocation-allow-target-client": true,
            },
        });
        self.post("/mod/plugin/", &admin, &plugin).await;
        let client = json!({
            "client_id": self.client_id, "name": "fedlink", "enabled": true, "confidential": true,
            "client_secret": self.client_secret, "password": self.client_secret, "scope": [],
            "redirect_uri": [redirect_uri], "authorization_type": ["code", "refresh_token"],
            "token_endpoint_auth_method": ["client_secret_basic"],
        });
        self.post("/client/", &admin, &client).await;
        let user = json!({"username": USER.0, "password": USER.1, "enabled": true, "scope": ["openid", "g_profile"]});
        self.post("/user/", &admin, &user).await;
    }

    /// Signs its user in, who consents; gives the address that it sends the browser back to, without asking for it.
    pub(crate) async fn sign_in_and_consent(&self, authorization_url: &str) -> String {
        let cookie = self.sign_in(USER).await;
        let grant = self.http.put(format!("{}/auth/grant/{}", self.api, self.client_id)).header(COOKIE, &cookie);
        let granted = grant.header(CONTENT_TYPE, "application/json").body(r#"{"scope":"openid"}"#).send().await;
        assert!(granted.expect("it answers").status().is_success());
        // What its own login page adds when it is done.
        let onward = self.http.get(format!("{authorization_url}&g_continue")).header(COOKIE, cookie).send().await;
        let onward = onward.expect("it answers");
        let location = onward.headers().get(LOCATION).and_then(|location| location.to_str().ok());
        location.unwrap_or_else(|| panic!("{} and no address", onward.status())).to_owned()
    }

    /// Whether a token is good, by its introspection endpoint (RFC 7662).
    pub(crate) async fn introspect(&self, token: &str) -> bool {
        let told: Value = serde_json::from_str(&self.as_client("introspect", token).await).expect("JSON");
        told["active"] == true
    }

    /// Disables every refresh token, as its user can.
    pub(crate) async fn end_all(&self) {
        let cookie = self.sign_in(USER).await;
        let list = self.http.get(format!("{}/oidc/token", self.api)).header(COOKIE, &cookie).send().await;
        let list: Value = serde_json::from_str(&list.expect("it answers").text().await.expect("a body")).expect("JSON");
        let hashes = list.as_array().expect("a list").iter().filter(|token| token["enabled"] == true);
        for token in hashes {
            let hash = token["token_hash"].as_str().expect("a hash");
            let hash: String = url::form_urlencoded::byte_serialize(hash.as_bytes()).collect();
            let ended =
                self.http.delete(format!("{}/oidc/token/{hash}", self.api)).header(COOKIE, &cookie).send().await;
            assert!(ended.expect("it answers").status().is_success());
        }
    }

    async fn as_client(&self, endpoint: &str, token: &str) -> String {
        let request = self.http.post(format!("{}/{endpoint}", self.issuer)).form(&[("token", token)]);
        let answer = request.basic_auth(&self.client_id, Some(&self.client_secret)).send().await.expect("it answers");
        assert!(answer.status().is_success(), "{}", answer.status());
        answer.text().await.expect("a body")
    }

    /// Signs in; gives the cookie.
    async fn sign_in(&self, (name, password): (&str, &str)) -> String {
        let answer = self.send("/auth/", "", &json!({"username": name, "password": password})).await;
        let set = answer.headers().get(SET_COOKIE).and_then(|cookie| cookie.to_str().ok()).expect("a cookie");
        set.split(';').next().unwrap_or_default().to_owned()
    }

    async fn post(&self, path: &str, cookie: &str, body: &Value) {
        let answer = self.send(path, cookie, body).await;
        let status = answer.status();
        assert!(status.is_success(), "{status} from {path}: {}", answer.text().await.unwrap_or_default());
    }

    async fn send(&self, path: &str, cookie: &str, body: &Value) -> reqwest::Response {
        let request = self.http.post(format!("{}{path}", self.api)).header(COOKIE, cookie).json(body);
        request.send().await.expect("it answers")
    }
}

impl Drop for Glewlwyd {
    fn drop(&mut self) {
        let mut process = self.process.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        drop(process.stdin.take());
        drop(process.wait());
    }
}

/// A key one of whose coordinates begins with a zero: this server publishes it without, an octet too short (RFC 7518 §6.2.1.2),
/// and is to be understood all the same.
fn key() -> KeyPair {
    let begins_with_zero = |key: &KeyPair| {
        // An uncompressed point: 4, then twice 32 octets.
        let point = key.public_key_raw();
        point[1] == 0 || point[33] == 0
    };
    std::iter::repeat_with(|| KeyPair::generate().expect("a key")).find(begins_with_zero).expect("one of 128 does")
}

fn configuration(port: u16, database: &Path) -> String {
    format!(
        r#"
port = {port}
bind_address = "127.0.0.1"
external_url = "http://127.0.0.1:{port}"
login_url = "login.html"
api_prefix = "api"
log_mode = "console"
log_level = "NONE"
cookie_secure = 0
session_expiration = 86400
session_key = "GLEWLWYD2_SESSION_ID"
admin_session_authentication = "cookie"
profile_session_authentication = "cookie"
allow_multiple_user_per_session = true
login_api_enabled = true
admin_scope = "g_admin"
profile_scope = "g_profile"
user_module_path = "/usr/lib/glewlwyd/user"
client_module_path = "/usr/lib/glewlwyd/client"
user_auth_scheme_module_path = "/usr/lib/glewlwyd/scheme"
plugin_module_path = "/usr/lib/glewlwyd/plugin"
hash_algorithm = "SHA512"
database = {{ type = "sqlite3"; path = "{}"; }};
"#,
        database.display(),
    )
}

fn free_port() -> u16 {
    let probe = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
    probe.local_addr().expect("the address it is bound to").port()
}
