//! Clients that prove themselves by a signature.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::json;

use super::*;
use crate::ClientKey;

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A client's own key.
struct Key(EcdsaKeyPair);

impl Key {
    fn sign(&self, claims: &Value, alg: &str) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&json!({ "alg": alg })), part(claims));
        let signature = self.0.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// A provider that knows the key and wants `auth` of everybody.
fn stage(auth: ClientAuth, issuer: Option<&str>) -> (Stage, Key) {
    let stage = Stage::new();
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let public = pair.public_key().as_ref().to_vec();
    stage.sandbox.script().set(|settings| {
        settings.client_auth = Some(auth);
        settings.client_key = Some(ClientKey { algorithm: "ES256", public, issuer: issuer.map(str::to_owned) });
    });
    (stage, Key(pair))
}

fn claims(stage: &Stage, jti: &str) -> Value {
    use domain::clock::Clock as _;
    let now = stage.clock.now().timestamp();
    json!({ "iss": "app", "sub": "app", "aud": stage.sandbox.issuer(), "iat": now, "exp": now + 60, "jti": jti })
}

/// A refresh with this assertion; gives the status.
async fn refresh(stage: &Stage, fields: &[(&str, &str)]) -> StatusCode {
    let token = stage.sandbox.issue("elle", "app", "openid").refresh_token;
    let mut form = vec![
        ("client_id", "app"),
        ("grant_type", "refresh_token"),
        ("refresh_token", secrecy::ExposeSecret::expose_secret(&token)),
    ];
    form.extend(fields);
    stage.http.post(stage.address("/token")).form(&form).send().await.unwrap().status()
}

#[tokio::test]
async fn an_assertion_is_checked_in_full_and_works_once() {
    let (stage, key) = stage(ClientAuth::PrivateKeyJwt, None);
    let good = key.sign(&claims(&stage, "1"), "ES256");
    let with = |assertion: &str| {
        vec![("client_assertion_type", ASSERTION_TYPE.to_owned()), ("client_assertion", assertion.to_owned())]
    };
    let call = async |fields: Vec<(&str, String)>| {
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        refresh(&stage, &fields).await
    };
    assert_eq!(call(with(&good)).await, StatusCode::OK);
    assert_eq!(call(with(&good)).await, StatusCode::UNAUTHORIZED, "used before");
    assert_eq!(
        call(vec![("client_assertion", key.sign(&claims(&stage, "2"), "ES256"))]).await,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(call(vec![("client_secret", SECRET.to_owned())]).await, StatusCode::UNAUTHORIZED);
    let now = claims(&stage, "")["iat"].as_i64().unwrap();
    for (name, value) in [
        ("iss", json!("other")),
        ("sub", json!("other")),
        ("aud", json!("https://other.example")),
        ("exp", json!(now)),
        ("exp", json!(now + 301)),
        ("exp", Value::Null),
        ("jti", json!("")),
    ] {
        let mut wrong = claims(&stage, "3");
        wrong[name] = value;
        assert_eq!(call(with(&key.sign(&wrong, "ES256"))).await, StatusCode::UNAUTHORIZED, "{wrong}");
    }
    assert_eq!(call(with(&key.sign(&claims(&stage, "4"), "RS256"))).await, StatusCode::UNAUTHORIZED);
    let other = Key(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap());
    assert_eq!(call(with(&other.sign(&claims(&stage, "5"), "ES256"))).await, StatusCode::UNAUTHORIZED);
    let mut to_endpoint = claims(&stage, "6");
    to_endpoint["aud"] = stage.address("/token").into();
    assert_eq!(call(with(&key.sign(&to_endpoint, "ES256"))).await, StatusCode::OK);
}

#[tokio::test]
async fn a_signed_secret_names_whom_the_key_belongs_to() {
    let (stage, key) = stage(ClientAuth::SignedSecret, Some("TEAM"));
    let mut claims = claims(&stage, "");
    assert_eq!(refresh(&stage, &[("client_secret", &key.sign(&claims, "ES256"))]).await, StatusCode::UNAUTHORIZED);
    claims["iss"] = "TEAM".into();
    let secret = key.sign(&claims, "ES256");
    for _ in 0..2 {
        assert_eq!(refresh(&stage, &[("client_secret", &secret)]).await, StatusCode::OK);
    }
}
