//! The `id_token`, judged by a reading that shares nothing with what makes it but the served keys.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::super::{IdTokenForm, Signing};
use super::{Stage, text};
use domain::clock::Clock as _;

/// Verifies the `id_token` of a fresh grant, `at_hash` included where there is one.
async fn judge(stage: &Stage) -> Result<String, String> {
    let granted = stage.granted().await;
    judge_token(stage, text(&granted, "id_token"), text(&granted, "access_token")).await
}

async fn judge_token(stage: &Stage, id_token: &str, access: &str) -> Result<String, String> {
    let set: JwkSet = serde_json::from_value(stage.get("/jwks").await).unwrap();
    let header = decode_header(id_token).map_err(|error| error.to_string())?;
    // OpenID Connect Core §10.1: the key that is named, or the only one that can be meant.
    let meant: Vec<_> = match &header.kid {
        Some(kid) => set.find(kid).into_iter().collect(),
        None => set.keys.iter().filter(|key| key.common.key_algorithm == Some(header.alg.into())).collect(),
    };
    let [key] = meant.as_slice() else { return Err("NoMatchingKey".to_owned()) };
    // Its own algorithm, whatever the token says.
    let algorithm = Algorithm::try_from(key.common.key_algorithm.unwrap()).unwrap();
    let mut validation = Validation::new(algorithm);
    validation.set_issuer(&[stage.sandbox.issuer()]);
    validation.set_audience(&["app"]);
    validation.set_required_spec_claims(&["iss", "sub", "aud", "exp"]);
    // By the stage's clock instead.
    validation.validate_exp = false;
    let token = decode::<Value>(id_token, &DecodingKey::from_jwk(key).unwrap(), &validation);
    let claims = token.map_err(|error| format!("{:?}", error.kind()))?.claims;
    let now = stage.clock.now().timestamp();
    let moment = |claim: &str| claims[claim].as_i64().ok_or(format!("no {claim}"));
    if moment("exp")? <= now {
        return Err("expired".to_owned());
    }
    if moment("iat")? > now {
        return Err("of the future".to_owned());
    }
    if claims["nonce"] != "a nonce" {
        return Err("nonce".to_owned());
    }
    // §3.1.3.6, for the algorithms there are here.
    if let Some(told) = claims.get("at_hash")
        && *told != URL_SAFE_NO_PAD.encode(&Sha256::digest(access)[..16])
    {
        return Err("at_hash".to_owned());
    }
    Ok(text(&claims, "sub").to_owned())
}

#[tokio::test]
async fn a_strict_verifier_accepts_it() {
    for signing in [Signing::Es256, Signing::Rs256] {
        let stage = Stage::new();
        stage.sandbox.script().set(|settings| settings.signing = signing);
        assert_eq!(judge(&stage).await.as_deref(), Ok("elle"), "{signing:?}");
        stage.sandbox.script().set(|settings| settings.id_token = IdTokenForm::NoKid);
        assert_eq!(judge(&stage).await.as_deref(), Ok("elle"), "{signing:?}");
        stage.sandbox.script().set(|settings| settings.id_token = IdTokenForm::NoAtHash);
        assert_eq!(judge(&stage).await.as_deref(), Ok("elle"), "{signing:?}");
    }
}

#[tokio::test]
async fn each_fault_is_the_one_it_says() {
    let stage = Stage::new();
    for (form, reason) in [
        (IdTokenForm::WrongIss, "InvalidIssuer"),
        (IdTokenForm::WrongAud, "InvalidAudience"),
        (IdTokenForm::WrongNonce, "nonce"),
        (IdTokenForm::AlgNone, "unknown variant `none`"),
        (IdTokenForm::Hs256WithPublicKey, "InvalidAlgorithm"),
        (IdTokenForm::BadSignature, "InvalidSignature"),
        (IdTokenForm::MissingIss, "MissingRequiredClaim(\"iss\")"),
        (IdTokenForm::MissingSub, "MissingRequiredClaim(\"sub\")"),
        (IdTokenForm::MissingAud, "MissingRequiredClaim(\"aud\")"),
        (IdTokenForm::MissingIat, "no iat"),
        (IdTokenForm::MissingExp, "MissingRequiredClaim(\"exp\")"),
        (IdTokenForm::MissingNonce, "nonce"),
        (IdTokenForm::Expired, "expired"),
        (IdTokenForm::UnknownKid, "NoMatchingKey"),
        (IdTokenForm::WrongAtHash, "at_hash"),
    ] {
        stage.sandbox.script().set(|settings| settings.id_token = form);
        let refusal = judge(&stage).await.expect_err(&format!("{form:?} was accepted"));
        assert!(refusal.contains(reason), "{form:?}: {refusal}");
    }
    stage.sandbox.script().set(|settings| settings.id_token = IdTokenForm::Absent);
    assert!(stage.granted().await.get("id_token").is_none());
}

#[tokio::test]
async fn keys_come_and_go() {
    let stage = Stage::new();
    let granted = stage.granted().await;
    let (id_token, access) = (text(&granted, "id_token"), text(&granted, "access_token"));
    stage.sandbox.add_key().unwrap();
    assert_eq!(stage.get("/jwks").await["keys"].as_array().unwrap().len(), 2);
    assert!(judge_token(&stage, id_token, access).await.is_ok());
    assert!(judge(&stage).await.is_ok());
    stage.sandbox.rotate_keys().unwrap();
    assert_eq!(stage.get("/jwks").await["keys"].as_array().unwrap().len(), 1);
    assert!(judge_token(&stage, id_token, access).await.unwrap_err().contains("NoMatchingKey"));
    assert!(judge(&stage).await.is_ok());
    assert_eq!(stage.sandbox.counts().jwks, 6);
}

#[tokio::test]
async fn claims_are_the_users_unless_scripted() {
    let stage = Stage::new();
    let claims = async || {
        let granted = stage.granted().await;
        let payload = text(&granted, "id_token").split('.').nth(1).unwrap().to_owned();
        let bytes = URL_SAFE_NO_PAD.decode(payload).unwrap();
        serde_json::from_slice::<Value>(&bytes).unwrap()
    };
    let plain = claims().await;
    assert_eq!((text(&plain, "name"), text(&plain, "email")), ("Elle <Woods>", "elle@example.com"));
    assert_eq!((&plain["email_verified"], &plain["auth_time"]), (&json!(true), &plain["iat"]));
    stage.sandbox.script().set(|settings| settings.lean_id_token = true);
    assert!(claims().await.get("name").is_none());
    stage.sandbox.script().set(|settings| settings.claims = json!({ "sub": 42 }).as_object().unwrap().clone());
    assert_eq!(claims().await["sub"], 42);
}

#[tokio::test]
async fn a_refresh_repeats_it_without_a_nonce_and_plain_oauth_has_none() {
    let stage = Stage::new();
    let granted = stage.granted().await;
    let refreshed = stage.refresh(text(&granted, "refresh_token")).await.json();
    let verdict = judge_token(&stage, text(&refreshed, "id_token"), text(&refreshed, "access_token")).await;
    assert!(verdict.unwrap_err().contains("nonce"));
    let back = stage.consent(&[("scope", "profile")], ("sub", "elle")).await;
    assert!(stage.exchange(back.get("code")).await.json().get("id_token").is_none());
}
