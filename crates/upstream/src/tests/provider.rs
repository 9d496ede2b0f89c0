//! A provider through its whole surface, over HTTP.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use url::Url;

use super::super::{IdentityError, IssuerRule, Outcome, Passing, PassingKind, Redemption, TokenAnswer};
use super::identity::{Signer, claims};
use super::network::Fake;
use super::{WITHIN, provider, request, secret, settings};
use domain::params::Texts;
use settings::{ClientAuth, ProviderKind, UserinfoCall};

fn passing(outcome: Outcome) -> Passing {
    match outcome {
        Outcome::TryLater(passing) => passing,
        other => panic!("{other:?}"),
    }
}

/// What a callback may have brought.
pub(super) fn params() -> Texts {
    [("device_id".to_owned(), secret("d & 1"))].into_iter().collect()
}

pub(super) async fn granted(provider: &super::Provider) -> TokenAnswer {
    let request = request();
    let code = secret("the-code");
    let redemption = Redemption {
        code: &code,
        redirect_uri: &request.redirect_uri,
        code_verifier: &request.code_verifier,
        params: &params(),
    };
    match provider.exchange(redemption).await {
        Outcome::Granted(granted) => granted,
        other => panic!("{other:?}"),
    }
}

/// A refresh as a caller makes it: what has to be ready is, before the call.
async fn refreshed(provider: &super::Provider, token: &SecretString, params: &Texts) -> Outcome {
    match provider.prepare().await {
        Ok(prepared) => provider.refresh(&prepared, token, params, WITHIN).await,
        Err(passing) => Outcome::TryLater(passing),
    }
}

pub(super) fn form(body: &str) -> Vec<(String, String)> {
    url::form_urlencoded::parse(body.as_bytes()).into_owned().collect()
}

pub(super) fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[tokio::test]
async fn the_browser_is_sent_with_everything_that_binds_it() {
    let fake = Fake::with_metadata();
    let url = provider(settings(&fake.issuer)).0.authorization_url(&request()).await.unwrap().unwrap();
    assert_eq!(url.path(), "/authorize");
    let mut query = form(url.query().unwrap());
    query.sort();
    let redirect_uri = "https://login.company.com/login/externalIdps/callback/tcs/tcs_1/false";
    assert_eq!(
        query,
        [
            pair("client_id", "fed link"),
            // RFC 7636 appendix B.
            pair("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
            pair("code_challenge_method", "S256"),
            pair("nonce", "the-nonce"),
            pair("prompt", "consent"),
            pair("redirect_uri", redirect_uri),
            pair("response_type", "code"),
            pair("scope", "openid email"),
            pair("state", "the-state"),
            pair("tenant", "1"),
        ]
    );

    let mut short = request();
    short.code_verifier = secret("short");
    assert!(provider(settings(&fake.issuer)).0.authorization_url(&short).await.is_err());
}

#[tokio::test]
async fn what_a_provider_does_not_take_is_not_sent() {
    let fake = Fake::with_metadata();
    fake.json("/token", 200, &json!({ "access_token": "a" }));
    let mut settings = settings(&fake.issuer);
    (settings.pkce, settings.nonce, settings.scope_separator) = (false, false, ',');
    let provider = provider(settings).0;
    let url = provider.authorization_url(&request()).await.unwrap().unwrap();
    let query = form(url.query().unwrap());
    assert!(query.contains(&pair("scope", "openid,email")), "{query:?}");
    for name in ["code_challenge", "code_challenge_method", "nonce"] {
        assert!(!query.iter().any(|(sent, _)| sent == name), "{query:?}");
    }
    granted(&provider).await;
    let sent = form(&fake.asked("/token")[0].body);
    assert!(!sent.iter().any(|(name, _)| name == "code_verifier"), "{sent:?}");
}

/// RFC 6749 §3.2: a parameter stands once. What a link has kept since its bind is its own.
#[tokio::test]
async fn what_the_operator_adds_goes_behind_what_a_link_has_kept() {
    let fake = Fake::with_metadata();
    fake.json("/token", 200, &json!({ "access_token": "a" }));
    let mut settings = settings(&fake.issuer);
    settings.asking.token_params =
        [("device_id", "another"), ("resource", "r & s")].map(|(a, b)| (a.to_owned(), b.to_owned())).into();
    let provider = provider(settings).0;
    granted(&provider).await;
    assert!(matches!(refreshed(&provider, &secret("r"), &params()).await, Outcome::Granted(_)));
    assert!(matches!(refreshed(&provider, &secret("r"), &Texts::default()).await, Outcome::Granted(_)));
    let of = |body: &str, name: &str| -> Vec<String> {
        form(body).into_iter().filter(|(sent, _)| sent == name).map(|(_, value)| value).collect()
    };
    for (asked, device) in fake.asked("/token").iter().zip(["d & 1", "d & 1", "another"]) {
        assert_eq!(
            (of(&asked.body, "device_id"), of(&asked.body, "resource")),
            (vec![device.to_owned()], vec!["r & s".to_owned()])
        );
    }
}

#[tokio::test]
async fn a_client_proves_itself_as_its_provider_wants() {
    for (client_auth, authorization, in_body) in [
        (ClientAuth::Basic, Some("Basic ZmVkK2xpbms6cyUzQWUlMkZjcmV0"), vec![]),
        (ClientAuth::BasicRaw, Some("Basic ZmVkIGxpbms6czplL2NyZXQ="), vec![]),
        (ClientAuth::Post, None, vec![pair("client_id", "fed link"), pair("client_secret", "s:e/cret")]),
        (ClientAuth::None, None, vec![pair("client_id", "fed link")]),
    ] {
        let fake = Fake::with_metadata();
        fake.json("/token", 200, &json!({ "access_token": "a" }));
        let mut settings = settings(&fake.issuer);
        settings.client_auth = client_auth;
        let provider = provider(settings).0;
        granted(&provider).await;
        assert!(matches!(refreshed(&provider, &secret("r + r"), &params()).await, Outcome::Granted(_)));

        let asked = fake.asked("/token");
        assert!(asked.iter().all(|asked| asked.authorization.as_deref() == authorization), "{client_auth:?}");
        let mut exchange = vec![
            pair("grant_type", "authorization_code"),
            pair("code", "the-code"),
            pair("code_verifier", request().code_verifier.expose_secret()),
        ];
        exchange.extend(in_body.clone());
        exchange.push(pair("redirect_uri", request().redirect_uri.as_str()));
        exchange.push(pair("device_id", "d & 1"));
        assert_eq!(form(&asked[0].body), exchange, "{client_auth:?}");
        let mut refresh = vec![pair("grant_type", "refresh_token"), pair("refresh_token", "r + r")];
        refresh.extend(in_body);
        refresh.push(pair("device_id", "d & 1"));
        assert_eq!(form(&asked[1].body), refresh, "{client_auth:?}");
    }
}

/// Without a word about it, any coding may come (RFC 9110 §12.5.3).
#[tokio::test]
async fn every_call_asks_for_no_content_coding() {
    let fake = Fake::with_metadata();
    fake.json("/token", 200, &json!({ "access_token": "a" }));
    let provider = provider(settings(&fake.issuer)).0;
    granted(&provider).await;
    let _unreadable = provider.check().await;
    for path in ["/.well-known/openid-configuration", "/token", "/jwks"] {
        let asked = fake.asked(path);
        assert!(!asked.is_empty(), "{path}");
        assert!(asked.iter().all(|asked| asked.header("accept-encoding") == "identity"), "{path}");
    }
}

#[tokio::test]
async fn an_answer_is_read_whatever_its_content_type_and_a_redirect_is_not_followed() {
    let fake = Fake::with_metadata();
    let provider = provider(settings(&fake.issuer)).0;
    let body = "access_token=a";
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}", body.len());
    fake.raw("/token", format!("{head}\r\nConnection: close\r\n\r\n{body}").into_bytes());
    granted(&provider).await;

    let moved = format!("HTTP/1.1 307 X\r\nLocation: {}/elsewhere\r\nContent-Length: 0\r\n\r\n", fake.issuer);
    fake.raw("/token", moved.into_bytes());
    assert_eq!(passing(refreshed(&provider, &secret("r"), &Texts::default()).await).kind, PassingKind::Definite);
    assert!(fake.asked("/elsewhere").is_empty());
}

#[tokio::test]
async fn what_breaks_after_the_request_is_ambiguous_and_what_breaks_before_is_not() {
    let fake = Fake::with_metadata();
    let broken = provider(settings(&fake.issuer)).0;
    let mut endless = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"access_token\":\"a\",\"x\":\"".to_vec();
    endless.resize(2 * 1024 * 1024, b'x');
    for (case, raw) in [
        ("closed at once", Vec::new()),
        ("closed amid the body", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"access_token\":\"a\"".to_vec()),
        ("longer than a body may be", endless),
    ] {
        fake.raw("/token", raw);
        assert_eq!(
            passing(refreshed(&broken, &secret("r"), &Texts::default()).await).kind,
            PassingKind::Ambiguous,
            "{case}"
        );
    }

    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut settings = settings(&fake.issuer);
    settings.endpoints.token = Some(format!("http://{closed}/token").parse().unwrap());
    let failed = passing(refreshed(&provider(settings).0, &secret("r"), &Texts::default()).await);
    assert_eq!((failed.kind, failed.reason), (PassingKind::Definite, "no connection"));
}

#[tokio::test]
async fn an_account_is_identified_by_its_id_token_and_by_userinfo_only_where_that_is_wanting() {
    let (fake, signer) = (Fake::with_metadata(), Signer::ed());
    let provider = provider(settings(&fake.issuer)).0;
    fake.json("/jwks", 200, &json!({ "keys": [signer.jwk("k1")] }));
    let grant = |claims: &Value| {
        let token = signer.token(Some("k1"), claims);
        fake.json("/token", 200, &json!({ "access_token": "a", "id_token": token }));
    };
    grant(&claims(&fake.issuer));
    let identity = provider.identify(&granted(&provider).await, &request().nonce).await.unwrap();
    assert_eq!((identity.sid.as_str(), identity.user_name.as_deref()), ("s-1", Some("oleg@bank.example")));
    assert!(fake.asked("/userinfo").is_empty());

    let mut nameless = claims(&fake.issuer);
    nameless.as_object_mut().unwrap().remove("email");
    grant(&nameless);
    let answer = granted(&provider).await;
    let identity = provider.identify(&answer, &request().nonce).await.unwrap();
    assert_eq!((identity.sid.as_str(), identity.user_name), ("s-1", None), "no userinfo: no name, but an account");

    fake.json("/userinfo", 200, &json!({ "sub": "s-1", "email": "o@b" }));
    let identity = provider.identify(&answer, &request().nonce).await.unwrap();
    assert_eq!(identity.user_name.as_deref(), Some("o@b"));
    assert_eq!(fake.asked("/userinfo")[1].authorization.as_deref(), Some("Bearer a"));

    for other in [json!({ "sub": "s-2", "email": "o@b" }), json!({ "email": "o@b" })] {
        fake.json("/userinfo", 200, &other);
        let refused = provider.identify(&answer, &request().nonce).await;
        assert_eq!(refused, Err(IdentityError::Refused("userinfo is about another account")));
    }

    let refused = provider.identify(&answer, &secret("another-nonce")).await;
    assert_eq!(refused, Err(IdentityError::Refused("the id_token has another nonce")));
    fake.json("/token", 200, &json!({ "access_token": "a" }));
    assert!(provider.identify(&granted(&provider).await, &request().nonce).await.is_err());
}

#[tokio::test]
async fn new_signing_keys_are_fetched_at_most_once_a_minute() {
    let (fake, old, new) = (Fake::with_metadata(), Signer::ed(), Signer::ed());
    let (provider, clock) = provider(settings(&fake.issuer));
    fake.json("/jwks", 200, &json!({ "keys": [old.jwk("k1")] }));
    let token = new.token(Some("k2"), &claims(&fake.issuer));
    fake.json("/token", 200, &json!({ "access_token": "a", "id_token": token }));
    let answer = granted(&provider).await;
    let nonce = request().nonce;
    for _ in 0..3 {
        assert!(provider.identify(&answer, &nonce).await.is_err());
    }
    assert_eq!(fake.asked("/jwks").len(), 1);

    fake.json("/jwks", 200, &json!({ "keys": [old.jwk("k1"), new.jwk("k2")] }));
    clock.advance(Duration::from_mins(1));
    provider.identify(&answer, &nonce).await.unwrap();
    assert_eq!(fake.asked("/jwks").len(), 2);
    assert!(provider.check().await.unwrap().starts_with("2 signing keys"));
}

#[tokio::test]
async fn a_plain_oauth_provider_names_the_account_in_userinfo_or_in_the_token_answer() {
    let fake = Fake::with_metadata();
    fake.json("/token", 200, &json!({ "access_token": "a", "user_id": 42 }));
    fake.json("/userinfo", 200, &json!({ "response": [{ "id": 7, "name": "x".repeat(300) }] }));
    for (sid, expected) in [("{response.0.id}", "7"), ("vk-{user_id}", "vk-42")] {
        let mut settings = settings(&fake.issuer);
        settings.kind = ProviderKind::OAuth2;
        settings.sid = sid.to_owned();
        settings.user_name = "{response.0.name}".to_owned();
        let provider = provider(settings).0;
        let identity = provider.identify(&granted(&provider).await, &request().nonce).await.unwrap();
        assert_eq!(identity.sid.as_str(), expected);
        assert_eq!(identity.user_name.unwrap().len(), 255);
        assert!(
            provider
                .authorization_url(&request())
                .await
                .unwrap()
                .unwrap()
                .query_pairs()
                .all(|(name, _)| name != "nonce")
        );
    }
}

#[tokio::test]
async fn each_source_can_name_the_account() {
    let (fake, key) = (Fake::with_metadata(), Signer::ed());
    fake.json("/jwks", 200, &json!({ "keys": [key.jwk("k1")] }));
    let mut claims = claims(&fake.issuer);
    claims["oid"] = "o-1".into();
    let token = key.token(Some("k1"), &claims);
    fake.json("/token", 200, &json!({ "access_token": "a", "id_token": token, "user_id": 42, "both": "token" }));
    fake.json("/userinfo", 200, &json!({ "sub": claims["sub"], "phone": "7", "both": "userinfo" }));
    for (template, found) in [
        ("{oid}", "o-1"),
        ("{phone}", "7"),
        ("{user_id}", "42"),
        ("{both}", "userinfo"),
        ("{oid}/{phone}/{user_id}", "o-1/7/42"),
    ] {
        for is_sid in [true, false] {
            let mut settings = settings(&fake.issuer);
            let place = if is_sid { &mut settings.sid } else { &mut settings.user_name };
            template.clone_into(place);
            let provider = provider(settings).0;
            let identity = provider.identify(&granted(&provider).await, &request().nonce).await.unwrap();
            let named = if is_sid { identity.sid.as_str().to_owned() } else { identity.user_name.unwrap() };
            assert_eq!(named, found, "{template} {is_sid}");
        }
    }
}

#[tokio::test]
async fn userinfo_is_asked_as_the_provider_wants() {
    let id = "client_id=fed+link";
    for (call, authorization, body) in [
        (UserinfoCall::Bearer, Some("Bearer a"), String::new()),
        (UserinfoCall::OAuth, Some("OAuth a"), String::new()),
        (UserinfoCall::Post, None, format!("{id}&access_token=a")),
        (UserinfoCall::PostBearer, Some("Bearer a"), String::new()),
        (UserinfoCall::PostClient, Some("Bearer a"), format!("{id}&client_secret=s%3Ae%2Fcret")),
        (UserinfoCall::PostJson, Some("Bearer a"), "{}".to_owned()),
    ] {
        let fake = Fake::with_metadata();
        fake.json("/token", 200, &json!({ "access_token": "a" }));
        fake.json("/userinfo", 200, &json!({ "user": { "id": 7 } }));
        let mut settings = settings(&fake.issuer);
        settings.kind = ProviderKind::OAuth2;
        settings.sid = "{user.id}".to_owned();
        settings.asking.userinfo_call = call;
        let provider = provider(settings).0;
        let identity = provider.identify(&granted(&provider).await, &request().nonce).await.unwrap();
        assert_eq!(identity.sid.as_str(), "7");
        let asked = fake.asked("/userinfo");
        assert_eq!((asked[0].authorization.as_deref(), &asked[0].body), (authorization, &body), "{call:?}");
    }
}

#[test]
fn an_issuer_in_the_response_is_compared_even_if_nobody_promised_it() {
    let rule = |issuer: Option<&str>, required| IssuerRule { issuer: issuer.map(str::to_owned), required };
    for (rule, iss, is_error, allowed) in [
        (rule(Some("https://a"), false), Some("https://a"), false, true),
        (rule(Some("https://a"), false), Some("https://a/"), false, false),
        (rule(Some("https://a"), false), Some("https://b"), true, false),
        (rule(Some("https://a"), false), None, false, true),
        (rule(Some("https://a"), true), None, false, false),
        (rule(Some("https://a"), true), None, true, true),
        (rule(None, false), Some("https://a"), false, true),
    ] {
        assert_eq!(rule.allows(iss, is_error), allowed, "{rule:?} {iss:?}");
    }
}

#[tokio::test]
async fn every_call_can_run_in_a_task_of_its_own() {
    fn sent<T: Send>(future: T) -> T {
        future
    }
    let fake = Fake::start();
    let provider = provider(settings(&fake.issuer)).0;
    let (request, uri) = (request(), Url::parse("https://a.example").unwrap());
    sent(provider.prepare()).await.unwrap_err();
    sent(provider.check()).await.unwrap_err();
    sent(provider.expected_iss()).await.unwrap_err();
    sent(provider.authorization_url(&request)).await.unwrap_err();
    let (code, params) = (&request.state, Texts::default());
    let redemption = Redemption { code, redirect_uri: &uri, code_verifier: &request.code_verifier, params: &params };
    passing(sent(provider.exchange(redemption)).await);
    let answer = Fake::with_metadata();
    answer.json("/token", 200, &json!({ "access_token": "a" }));
    let other = super::provider(settings(&answer.issuer)).0;
    let prepared = sent(other.prepare()).await.unwrap();
    sent(other.refresh(&prepared, &request.state, &params, WITHIN)).await;
    sent(other.identify(&granted(&other).await, &request.nonce)).await.unwrap_err();
}
