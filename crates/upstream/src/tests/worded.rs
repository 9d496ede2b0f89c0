//! Requests in a provider's own words, at each of the endpoints that take our proof.

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde_json::{Value, json};
use url::Url;

use super::network::{Asked, Fake};
use super::{WITHIN, provider, request, secret, settings};
use crate::{Redemption, TokenType};
use domain::params::Texts;
use settings::{Asking, ClientAuth, ProviderKind, TokenBody};

/// A provider that has every endpoint, and words of its own for all that it takes.
fn odd(fake: &Fake) -> settings::Provider {
    let mut metadata = fake.metadata();
    for name in ["pushed_authorization_request_endpoint", "introspection_endpoint", "revocation_endpoint"] {
        metadata[name] = format!("{}/{name}", fake.issuer).into();
    }
    metadata.as_object_mut().unwrap().remove("userinfo_endpoint");
    fake.json("/.well-known/openid-configuration", 200, &metadata);
    let mut settings = settings(&fake.issuer);
    settings.kind = ProviderKind::OAuth2;
    settings.client_auth = ClientAuth::External;
    settings.client_secret = None;
    settings.par = true;
    settings.client_command =
        ["/bin/sh", "-c", "cat >/dev/null; echo '{\"client_secret\": \"s\"}'"].map(str::to_owned).to_vec();
    settings.asking = Asking {
        client_id_param: "client_key".to_owned(),
        token_body: TokenBody::Json,
        token_headers: BTreeMap::from([
            ("rquid".to_owned(), "{request_id}".to_owned()),
            ("x-client".to_owned(), "of {client_id}".to_owned()),
        ]),
        ..settings.asking
    };
    settings
}

/// The one request that came there, as the JSON that it is.
fn one(fake: &Fake, path: &str) -> (Value, Asked) {
    let mut asked = fake.asked(path);
    assert_eq!(asked.len(), 1, "{path}");
    let asked = asked.remove(0);
    assert_eq!(asked.header("content-type"), "application/json", "{path}");
    (serde_json::from_str(&asked.body).unwrap(), asked)
}

#[tokio::test]
async fn every_request_that_proves_us_is_in_the_providers_words() {
    let fake = Fake::start();
    let settings = odd(&fake);
    fake.json("/token", 200, &json!({ "access_token": "a" }));
    fake.json("/pushed_authorization_request_endpoint", 201, &json!({ "request_uri": "urn:x", "expires_in": 60 }));
    fake.json("/introspection_endpoint", 200, &json!({ "active": true }));
    fake.json("/revocation_endpoint", 200, &json!({}));
    let (provider, request) = (provider(settings).0, request());

    let url = provider.authorization_url(&request).await.unwrap().unwrap();
    assert!(url.query().unwrap().ends_with("client_key=fed+link&request_uri=urn%3Ax"), "{url}");
    let uri = Url::parse("https://a.example/callback").unwrap();
    let (code, none) = (secret("c"), Texts::default());
    let redemption =
        Redemption { code: &code, redirect_uri: &uri, code_verifier: &request.code_verifier, params: &none };
    provider.exchange(redemption).await;
    let token: SecretString = secret("t");
    provider.look(&token).await;
    let revocation = provider.revocation_endpoint().await.unwrap().unwrap();
    provider.revoke(&revocation, TokenType::Refresh, &token).await;

    let mut ids = Vec::new();
    for (path, name, value) in [
        ("/pushed_authorization_request_endpoint", "state", "the-state"),
        ("/token", "code", "c"),
        ("/introspection_endpoint", "token", "t"),
        ("/revocation_endpoint", "token", "t"),
    ] {
        let (body, asked) = one(&fake, path);
        assert_eq!(
            (&body[name], &body["client_key"], &body["client_secret"]),
            (&json!(value), &json!("fed link"), &json!("s")),
            "{path}"
        );
        assert!(body.get("client_id").is_none() && asked.authorization.is_none(), "{path}: {body}");
        assert_eq!(asked.header("x-client"), "of fed link");
        ids.push(asked.header("rquid").to_owned());
    }
    assert!(ids.iter().all(|id| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())), "{ids:?}");
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4, "each request has its own");
    // The spec's form is another provider's: a refresh has it in JSON as well.
    let prepared = provider.prepare().await.unwrap();
    provider.refresh(&prepared, &token, &none, WITHIN).await;
    let refresh: Value = serde_json::from_str(&fake.asked("/token")[1].body).unwrap();
    assert_eq!(refresh["refresh_token"], "t");
}
