//! The sandbox provider, asked over HTTP as a client would.

mod access_token;
mod assertion;
mod flow;
mod id_token;
mod peculiar;
mod pushed;

use std::net::TcpListener;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::header::{CONTENT_TYPE, LOCATION};
use reqwest::{Response, StatusCode};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use url::Url;

use super::{ClientAuth, Options, Sandbox, SandboxClient, SandboxUser};
use domain::clock::MovableClock;
use domain::entropy::SeededEntropy;

const REDIRECT_URI: &str = "https://app.example/callback?from=sandbox";
const VERIFIER: &str = "a-verifier-of-at-least-forty-three-characters";
const SECRET: &str = "s3cr+t/: %ü";

/// A provider with one client of each kind and two users, under a clock that stands still.
struct Stage {
    sandbox: Sandbox,
    clock: Arc<MovableClock>,
    http: reqwest::Client,
}

impl Stage {
    fn new() -> Self {
        let clock = MovableClock::frozen("2026-01-02T03:04:05Z".parse().unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut options = Options::new(listener, clock.clone(), SeededEntropy::shared(7));
        options.clients = [
            ("app", Some(SECRET), ClientAuth::Any),
            ("basic", Some(SECRET), ClientAuth::Basic),
            ("raw", Some(SECRET), ClientAuth::BasicRaw),
            ("post", Some(SECRET), ClientAuth::Post),
            ("public", None, ClientAuth::None),
        ]
        .map(|(id, secret, auth)| SandboxClient {
            id: id.to_owned(),
            secret: secret.map(str::to_owned),
            redirect_uris: vec![REDIRECT_URI.to_owned()],
            auth,
        })
        .to_vec();
        options.users = vec![
            SandboxUser::new("elle", "Elle <Woods>", "elle@example.com"),
            SandboxUser::new("oleg", "Oleg", "oleg@example.com"),
        ];
        options.complete_command = Some("curl -d code={bind_code}".to_owned());
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { sandbox: Sandbox::start(options).unwrap(), clock, http }
    }

    fn address(&self, path: &str) -> String {
        format!("{}{path}", self.sandbox.issuer().trim_end_matches('/'))
    }

    /// A right authorization request, with `changes` over it: an empty value takes a parameter away.
    fn authorization_url(&self, changes: &[(&str, &str)]) -> Url {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
        let mut fields = vec![
            ("client_id", "app"),
            ("redirect_uri", REDIRECT_URI),
            ("response_type", "code"),
            ("scope", "openid profile"),
            ("state", "a state"),
            ("nonce", "a nonce"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        fields.retain(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
        fields.extend(changes.iter().filter(|(_, value)| !value.is_empty()));
        Url::parse_with_params(&self.address("/authorize"), fields).unwrap()
    }

    /// Consents without a browser; gives what the callback would get.
    async fn consent(&self, changes: &[(&str, &str)], choice: (&str, &str)) -> Fields {
        let url = self.authorization_url(changes);
        callback(&self.http.post(url).form(&[choice]).send().await.unwrap())
    }

    async fn code(&self) -> String {
        self.consent(&[], ("sub", "elle")).await.get("code").to_owned()
    }

    /// A token call of the client `app`, which authenticates in the body.
    async fn token(&self, fields: &[(&str, &str)]) -> Answered {
        Answered::read(self.token_call(fields).send().await.unwrap()).await
    }

    fn token_call(&self, fields: &[(&str, &str)]) -> reqwest::RequestBuilder {
        let mut form = vec![("client_id", "app"), ("client_secret", SECRET)];
        form.retain(|(name, _)| !fields.iter().any(|(given, _)| given == name));
        form.extend(fields);
        self.http.post(self.address("/token")).form(&form)
    }

    async fn exchange(&self, code: &str) -> Answered {
        self.token(&exchange_fields(code)).await
    }

    async fn refresh(&self, refresh_token: &str) -> Answered {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", refresh_token)]).await
    }

    /// The answer to a fresh code.
    async fn granted(&self) -> Value {
        let answer = self.exchange(&self.code().await).await;
        assert_eq!(answer.status, StatusCode::OK);
        answer.json()
    }

    async fn get(&self, path: &str) -> Value {
        self.http.get(self.address(path)).send().await.unwrap().json().await.unwrap()
    }
}

fn exchange_fields(code: &str) -> [(&str, &str); 4] {
    [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", REDIRECT_URI), ("code_verifier", VERIFIER)]
}

/// The parameters of a redirect to the client.
struct Fields(Vec<(String, String)>);

impl Fields {
    fn find(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn get(&self, name: &str) -> &str {
        self.find(name).unwrap_or_else(|| panic!("no {name} in {:?}", self.0))
    }
}

fn callback(response: &Response) -> Fields {
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    let location = Url::parse(response.headers()[LOCATION].to_str().unwrap()).unwrap();
    assert!(location.as_str().starts_with(REDIRECT_URI), "{location}");
    Fields(location.query_pairs().into_owned().collect())
}

/// A whole answer.
struct Answered {
    status: StatusCode,
    content_type: String,
    body: String,
}

impl Answered {
    async fn read(response: Response) -> Self {
        let content_type = response.headers().get(CONTENT_TYPE).map_or("", |value| value.to_str().unwrap()).to_owned();
        Self { status: response.status(), content_type, body: response.text().await.unwrap() }
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    fn refused(&self, status: u16, error: &str) {
        assert_eq!((self.status.as_u16(), self.json()["error"].as_str()), (status, Some(error)));
    }
}

fn text<'json>(json: &'json Value, name: &str) -> &'json str {
    json[name].as_str().unwrap_or_else(|| panic!("no {name} in {json}"))
}
