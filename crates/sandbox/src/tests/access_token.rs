//! The access token that is a JWT, judged by a reading that shares nothing with what makes it but the served keys.

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::super::{AccessJwt, Signing};
use super::{Stage, text};
use domain::clock::Clock as _;

const WANTED: AccessJwt<'_> =
    AccessJwt { sub: "elle", client_id: "orders-web", audience: "https://orders.example", scope: "orders.read" };

/// What it says, once its signature and whom it names are found good.
async fn claims(stage: &Stage, token: &str) -> Value {
    let set: JwkSet = serde_json::from_value(stage.get("/jwks").await).unwrap();
    let header = decode_header(token).unwrap();
    assert_eq!(header.typ.as_deref(), Some("at+jwt"));
    let key = set.find(header.kid.as_deref().unwrap()).unwrap();
    let mut validation = Validation::new(Algorithm::try_from(key.common.key_algorithm.unwrap()).unwrap());
    validation.set_issuer(&[stage.sandbox.issuer()]);
    validation.set_audience(&[WANTED.audience]);
    // By the stage's clock instead.
    validation.validate_exp = false;
    decode::<Value>(token, &DecodingKey::from_jwk(key).unwrap(), &validation).unwrap().claims
}

#[tokio::test]
async fn it_is_what_the_standard_says_and_never_the_same() {
    for signing in [Signing::Es256, Signing::Rs256] {
        let stage = Stage::new();
        stage.sandbox.script().set(|settings| settings.signing = signing);
        let tokens = [(); 2].map(|()| stage.sandbox.access_jwt(WANTED).unwrap());
        let mut ids = Vec::new();
        for token in tokens {
            let claims = claims(&stage, token.expose_secret()).await;
            let now = stage.clock.now().timestamp();
            for (name, value) in [
                ("sub", json!("elle")),
                ("client_id", json!("orders-web")),
                ("scope", json!("orders.read")),
                ("iat", json!(now)),
                ("exp", json!(now + 3600)),
            ] {
                assert_eq!(claims[name], value, "{name}, {signing:?}");
            }
            assert!(!stage.sandbox.is_active(token.expose_secret()), "it is no token for this provider");
            ids.push(text(&claims, "jti").to_owned());
        }
        assert_ne!(ids[0], ids[1]);
    }
}
