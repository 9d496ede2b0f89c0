//! Pushed authorization requests (RFC 9126), as a provider sees them.

use std::time::Duration;

use oauth2::http::HeaderMap;
use serde_json::{Value, json};

use super::super::client::Answer;
use super::super::pushed::{Pushed, parse};
use super::network::Fake;
use super::provider::{form, pair};
use super::{noon, provider, request, settings, whole};
use domain::Error;
use settings::ClientAuth;

/// A provider that answers a pushed request so; `required` or able to.
fn pushed_to(required: bool, status: u16, answer: &Value) -> Fake {
    let fake = Fake::start();
    let mut metadata = fake.metadata();
    metadata["pushed_authorization_request_endpoint"] = format!("{}/par?tenant=2", fake.issuer).into();
    metadata["require_pushed_authorization_requests"] = required.into();
    fake.json("/.well-known/openid-configuration", 200, &metadata);
    fake.json("/par?tenant=2", status, answer);
    fake
}

#[tokio::test]
async fn a_pushed_request_proves_its_client_and_the_browser_brings_only_its_name() {
    for (client_auth, authorization, secret) in [
        (ClientAuth::Basic, Some("Basic ZmVkK2xpbms6cyUzQWUlMkZjcmV0"), None),
        (ClientAuth::BasicRaw, Some("Basic ZmVkIGxpbms6czplL2NyZXQ="), None),
        (ClientAuth::Post, None, Some(pair("client_secret", "s:e/cret"))),
        (ClientAuth::None, None, None),
    ] {
        let fake = pushed_to(true, 201, &json!({ "request_uri": "urn:x:a b&c", "expires_in": 60 }));
        let mut settings = settings(&fake.issuer);
        settings.client_auth = client_auth;
        let url = provider(settings).0.authorization_url(&request()).await.unwrap().unwrap();
        let brought = [pair("tenant", "1"), pair("client_id", "fed link"), pair("request_uri", "urn:x:a b&c")];
        assert_eq!((url.path(), form(url.query().unwrap())), ("/authorize", brought.to_vec()));

        let asked = fake.asked("/par?tenant=2");
        assert_eq!(asked.len(), 1);
        assert_eq!(asked[0].authorization.as_deref(), authorization, "{client_auth:?}");
        let mut sent = form(&asked[0].body);
        sent.sort();
        let mut wanted = vec![
            pair("client_id", "fed link"),
            pair("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
            pair("code_challenge_method", "S256"),
            pair("nonce", "the-nonce"),
            pair("prompt", "consent"),
            pair("redirect_uri", request().redirect_uri.as_str()),
            pair("response_type", "code"),
            pair("scope", "openid email"),
            pair("state", "the-state"),
        ];
        wanted.extend(secret);
        wanted.sort();
        assert_eq!(sent, wanted, "{client_auth:?}");
    }
}

#[tokio::test]
async fn requests_are_pushed_where_the_metadata_or_the_settings_say_so() {
    for (required, par, by_hand, pushes) in [
        (false, false, false, false),
        (true, false, false, true),
        (false, true, false, true),
        (false, true, true, true),
    ] {
        let fake = pushed_to(required, 200, &json!({ "request_uri": "urn:x" }));
        fake.json("/by-hand", 201, &json!({ "request_uri": "urn:x" }));
        let mut settings = settings(&fake.issuer);
        settings.par = par;
        settings.endpoints.pushed = by_hand.then(|| format!("{}/by-hand", fake.issuer).parse().unwrap());
        let provider = provider(settings).0;
        let url = provider.authorization_url(&request()).await.unwrap().unwrap();
        assert_eq!(url.query_pairs().any(|(name, _)| name == "request_uri"), pushes, "{required} {par}");
        assert_eq!(url.query_pairs().any(|(name, _)| name == "state"), !pushes, "{required} {par}");
        assert_eq!(fake.asked("/by-hand").len(), usize::from(by_hand));
        fake.json("/jwks", 200, &json!({ "keys": [super::identity::Signer::ed().jwk("k1")] }));
        let told = provider.check().await.unwrap();
        assert_eq!(told.contains("requests pushed to http://127.0.0.1:"), pushes, "{told}");
    }
    // Nowhere to push it to is a fault of the settings, told by `check`, and nobody is sent anywhere.
    let fake = Fake::with_metadata();
    let mut settings = settings(&fake.issuer);
    settings.par = true;
    let provider = provider(settings).0;
    let refused = provider.authorization_url(&request()).await;
    assert!(matches!(refused, Err(Error::ProviderUnavailable { .. })), "{refused:?}");
    provider.check().await.unwrap_err();
}

#[tokio::test]
async fn a_provider_may_refuse_a_pushed_request() {
    let fake = pushed_to(true, 400, &json!({ "error": "invalid_request" }));
    assert_eq!(provider(settings(&fake.issuer)).0.authorization_url(&request()).await.unwrap(), None);
    let fake = pushed_to(true, 503, &json!({}));
    let failed = provider(settings(&fake.issuer)).0.authorization_url(&request()).await;
    assert!(matches!(failed, Err(Error::ProviderUnavailable { .. })), "{failed:?}");
}

#[test]
fn an_answer_without_a_request_uri_leads_nowhere() {
    let parsed = |status: u16, body: &str| {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", "7".parse().unwrap());
        parse(&Answer { status, headers, body: whole(body) }, noon())
    };
    let taken = r#"{"request_uri": "urn:x"}"#;
    for status in [200, 201] {
        assert_eq!(parsed(status, taken), Pushed::Taken("urn:x".to_owned()));
        for nothing in ["", "{}", r#"{"request_uri": ""}"#, r#"{"request_uri": 7}"#, "<html>"] {
            assert!(matches!(parsed(status, nothing), Pushed::TryLater(_)), "{nothing}");
        }
    }
    for (status, refused) in [
        (400, true),
        (401, true),
        (404, true),
        (405, true),
        (413, true),
        (408, false),
        (429, false),
        (302, false),
        (500, false),
        (503, false),
    ] {
        let outcome = parsed(status, taken);
        assert_eq!(outcome == Pushed::Refused, refused, "{status}");
        assert!(!matches!(outcome, Pushed::Taken(_)), "{status}");
    }
    let Pushed::TryLater(why) = parsed(429, "") else { panic!("it may be asked again") };
    assert_eq!(why.retry_after, Some(Duration::from_secs(7)));
}
