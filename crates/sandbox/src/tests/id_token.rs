//! The `id_token`, judged by a verifier that is not ours.

use openidconnect::core::{CoreIdToken, CoreIdTokenVerifier, CoreJsonWebKeySet, CoreJwsSigningAlgorithm};
use openidconnect::{AccessToken, AccessTokenHash, ClientId, IssuerUrl, Nonce};
use serde_json::json;

use super::super::{IdTokenForm, Signing};
use super::{Stage, text};
use domain::clock::Clock as _;

/// Verifies the `id_token` of a fresh grant, `at_hash` included where there is one.
async fn judge(stage: &Stage) -> Result<String, String> {
    let granted = stage.granted().await;
    judge_token(stage, text(&granted, "id_token"), text(&granted, "access_token")).await
}

async fn judge_token(stage: &Stage, id_token: &str, access: &str) -> Result<String, String> {
    let keys: CoreJsonWebKeySet = serde_json::from_value(stage.get("/jwks").await).unwrap();
    let clock = stage.clock.clone();
    let issuer = IssuerUrl::new(stage.sandbox.issuer()).unwrap();
    let verifier = CoreIdTokenVerifier::new_public_client(ClientId::new("app".to_owned()), issuer, keys)
        .set_allowed_algs([CoreJwsSigningAlgorithm::EcdsaP256Sha256, CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256])
        .set_time_fn(move || clock.now());
    let token: CoreIdToken = id_token.parse().map_err(|error| format!("parse: {error}"))?;
    let claims = token.claims(&verifier, &Nonce::new("a nonce".to_owned())).map_err(|error| format!("{error:?}"))?;
    if let Some(told) = claims.access_token_hash() {
        let algorithm = token.signing_alg().unwrap();
        let key = token.signing_key(&verifier).unwrap();
        let real = AccessTokenHash::from_token(&AccessToken::new(access.to_owned()), algorithm, key).unwrap();
        if &real != told {
            return Err("at_hash".to_owned());
        }
    }
    Ok(claims.subject().to_string())
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
        (IdTokenForm::WrongNonce, "InvalidNonce"),
        (IdTokenForm::AlgNone, "NoSignature"),
        (IdTokenForm::Hs256WithPublicKey, "DisallowedAlg"),
        (IdTokenForm::BadSignature, "CryptoError"),
        (IdTokenForm::MissingIss, "parse"),
        (IdTokenForm::MissingSub, "parse"),
        (IdTokenForm::MissingAud, "found audiences: )"),
        (IdTokenForm::MissingIat, "parse"),
        (IdTokenForm::MissingExp, "parse"),
        (IdTokenForm::MissingNonce, "InvalidNonce"),
        (IdTokenForm::Expired, "Expired"),
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
    use base64::Engine as _;
    let stage = Stage::new();
    let claims = async || {
        let granted = stage.granted().await;
        let payload = text(&granted, "id_token").split('.').nth(1).unwrap().to_owned();
        let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).unwrap();
        serde_json::from_slice::<serde_json::Value>(&bytes).unwrap()
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
    assert!(verdict.unwrap_err().contains("InvalidNonce"));
    let back = stage.consent(&[("scope", "profile")], ("sub", "elle")).await;
    assert!(stage.exchange(back.get("code")).await.json().get("id_token").is_none());
}
