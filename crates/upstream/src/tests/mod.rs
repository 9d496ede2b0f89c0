//! What a provider may answer, and what we make of it.

mod assertion;
mod body;
mod command;
mod discovery;
mod forged;
mod identity;
mod judged;
mod members;
mod messages;
mod network;
mod outcome;
mod partner;
mod provider;
mod pushed;
mod revocation;
mod standing;
mod template;
mod tenants;
mod token_path;
mod webhooks;
mod worded;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use oauth2::http::HeaderMap;
use secrecy::SecretString;

use super::body::Body;
use super::client::{Client, Trusted};
use super::{AuthorizationRequest, Provider};
use domain::clock::SystemClock;
use domain::clock::{MovableClock, SharedClock};
use domain::entropy::SystemEntropy;
use domain::ids::ProviderId;
use settings::{self, Asking, ClientAuth, Endpoints, ProviderKind, TokenBody, UserinfoCall};

/// How long an answer is waited for.
const WITHIN: Duration = Duration::from_secs(10);

/// The moment at which the tests' clocks stand.
fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

/// A body that came as a whole.
fn whole(bytes: impl Into<Vec<u8>>) -> Body {
    Body::decoded(bytes.into(), true, &HeaderMap::new())
}

/// A body of which nothing came.
fn cut_off() -> Body {
    Body::decoded(Vec::new(), false, &HeaderMap::new())
}

fn secret(text: &str) -> SecretString {
    text.to_owned().into()
}

/// A provider of OpenID Connect at `issuer`, as an operator would set it up.
fn settings(issuer: &str) -> settings::Provider {
    settings::Provider {
        id: ProviderId::parse("tcs", "tcs_1").unwrap(),
        title: "T-Bank".to_owned(),
        kind: ProviderKind::Oidc,
        issuer: Some(issuer.to_owned()),
        client_id: "fed link".to_owned(),
        client_secret: Some(secret("s:e/cret")),
        client_key: None,
        client_auth: ClientAuth::Basic,
        scopes: vec!["openid".to_owned(), "email".to_owned()],
        remember_tokens: true,
        exclusive: true,
        asking: Asking {
            client_id_param: "client_id".to_owned(),
            token_headers: BTreeMap::new(),
            token_params: BTreeMap::new(),
            token_body: TokenBody::Form,
            userinfo_call: UserinfoCall::Bearer,
            userinfo_headers: BTreeMap::new(),
            userinfo_params: BTreeMap::new(),
        },
        claims_in: None,
        client_command: Vec::new(),
        tls: None,
        response_fields: Vec::new(),
        callback_fields: Vec::new(),
        dead_access_errors: Vec::new(),
        sid: "{sub}".to_owned(),
        user_name: "{email}".to_owned(),
        par: false,
        pkce: true,
        nonce: true,
        confirm: true,
        endpoints: Endpoints::default(),
        lifetime: None,
        scope_aliases: BTreeMap::new(),
        authorize_params: [("prompt".to_owned(), "consent".to_owned())].into(),
        scope_separator: ' ',
        token_path: None,
        tenants: None,
        resent_params: Vec::new(),
        rotates: true,
        reuse_window: None,
        answer_within: None,
        idle_life: None,
        revoke: true,
        refresh_dies_with_access: false,
        dead_errors: Vec::new(),
    }
}

fn provider(settings: settings::Provider) -> (Provider, Arc<MovableClock>) {
    let clock = MovableClock::frozen(noon());
    let shared: SharedClock = clock.clone();
    let provider = Provider::new(
        settings,
        Client::new(&Trusted::default(), SystemClock::shared()).unwrap(),
        shared,
        SystemEntropy::shared(),
    );
    (provider.unwrap(), clock)
}

fn request() -> AuthorizationRequest {
    AuthorizationRequest {
        redirect_uri: "https://login.company.com/login/externalIdps/callback/tcs/tcs_1/false".parse().unwrap(),
        state: secret("the-state"),
        nonce: secret("the-nonce"),
        code_verifier: secret("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
        hint: None,
    }
}
