//! Where metadata stands, whose it is, and what wins.

use oauth2::http::HeaderMap;
use serde_json::json;

use super::super::PassingKind;
use super::super::client::Answer;
use super::super::discovery::{Document, Terms, addresses};
use super::network::Fake;
use super::{provider, settings, whole};
use settings::{Endpoints, ProviderKind};

fn read(issuer: &str, document: &serde_json::Value) -> Option<Document> {
    let body = whole(document.to_string());
    Document::read(&Answer { status: 200, headers: HeaderMap::new(), body }, issuer, Terms::default()).ok()
}

#[test]
fn the_documents_stand_where_the_standards_say() {
    for (issuer, openid, oauth) in [
        ("https://a.example", "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"),
        ("https://a.example/", "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"),
        (
            "https://a.example/t/1/",
            "/t/1/.well-known/openid-configuration",
            "/.well-known/oauth-authorization-server/t/1",
        ),
    ] {
        let (first, second) = addresses(issuer).unwrap();
        assert_eq!((first.path(), second.path()), (openid, oauth), "{issuer}");
    }
    for issuer in ["accounts.example.com", "http://a.example", "ftp://a.example"] {
        assert!(addresses(issuer).is_none(), "{issuer}");
    }
}

/// RFC 8705 §5: who has a certificate asks where it is asked for; browsers don't.
#[test]
fn who_shows_a_certificate_asks_elsewhere() {
    let document = json!({
        "issuer": "https://a.example", "authorization_endpoint": "https://a.example/authorize", "token_endpoint": "https://a.example/token",
        "revocation_endpoint": "https://a.example/revoke",
        "mtls_endpoint_aliases": { "token_endpoint": "https://mtls.a.example/token", "authorization_endpoint": "https://mtls.a.example/authorize" },
    });
    for (shows_certificate, token) in [(false, "https://a.example/token"), (true, "https://mtls.a.example/token")] {
        let answer = Answer { status: 200, headers: HeaderMap::new(), body: whole(document.to_string()) };
        let terms = Terms { shows_certificate, ..Terms::default() };
        let endpoints = Document::read(&answer, "https://a.example", terms)
            .unwrap()
            .under(&Endpoints::default())
            .unwrap()
            .endpoints;
        assert_eq!(endpoints.token.unwrap().as_str(), token);
        assert_eq!(endpoints.authorization.unwrap().as_str(), "https://a.example/authorize");
        assert_eq!(endpoints.revocation.unwrap().as_str(), "https://a.example/revoke");
    }
    // An alias is as little open to eavesdroppers as what it stands for.
    let open = json!({ "issuer": "https://a.example", "token_endpoint": "https://a.example/token", "mtls_endpoint_aliases": { "token_endpoint": "http://127.0.0.1/token" } });
    let answer = Answer { status: 200, headers: HeaderMap::new(), body: whole(open.to_string()) };
    let terms = Terms { shows_certificate: true, ..Terms::default() };
    assert!(Document::read(&answer, "https://a.example", terms).unwrap().under(&Endpoints::default()).is_err());
}

#[test]
fn an_issuer_is_compared_letter_by_letter() {
    assert!(read("https://a.example/", &json!({ "issuer": "https://a.example/" })).is_some());
    for issuer in ["https://a.example", "https://A.example/", "https://a.example:443/"] {
        assert!(read(issuer, &json!({ "issuer": "https://a.example/" })).is_none(), "{issuer}");
    }
    assert!(read("https://a.example/", &json!({})).is_none());
}

/// Entra's `common` and `organizations`.
#[test]
fn an_issuer_of_every_tenant_says_what_to_set() {
    let stated = json!({ "issuer": "https://login.microsoftonline.com/{tenantid}/v2.0" });
    let answer = Answer { status: 200, headers: HeaderMap::new(), body: whole(stated.to_string()) };
    for of in ["common", "organizations"] {
        let why = Document::read(&answer, &format!("https://login.microsoftonline.com/{of}/v2.0"), Terms::default())
            .err()
            .unwrap();
        assert!(why.reason.contains("set issuer to your own tenant's"), "{}", why.reason);
    }
}

#[test]
fn what_one_document_leaves_out_the_other_says_and_the_operator_wins() {
    let issuer = "https://a.example";
    let openid = read(issuer, &json!({ "issuer": issuer, "token_endpoint": "https://a.example/token" })).unwrap();
    let oauth = json!({
        "issuer": issuer, "token_endpoint": "https://a.example/other", "revocation_endpoint": "https://a.example/revoke",
        "authorization_response_iss_parameter_supported": true,
    });
    let by_hand =
        Endpoints { authorization: Some("https://a.example/by-hand".parse().unwrap()), ..Endpoints::default() };
    let metadata = openid.or(read(issuer, &oauth).unwrap()).under(&by_hand).unwrap();
    assert_eq!(metadata.endpoints.token.unwrap().path(), "/token");
    assert_eq!(metadata.endpoints.revocation.unwrap().path(), "/revoke");
    assert_eq!(metadata.endpoints.authorization.unwrap().path(), "/by-hand");
    assert!(metadata.states_iss);
}

#[test]
fn endpoints_are_https_or_on_loopback() {
    let issuer = "http://127.0.0.1:7";
    for (url, safe) in [
        ("https://a.example/token", true),
        ("http://127.0.0.1:8/token", true),
        ("http://[::1]:8/token", true),
        ("http://localhost/token", true),
        ("http://a.example/token", false),
        ("http://localhost.a.example/token", false),
        ("file:///token", false),
    ] {
        let document = read(issuer, &json!({ "issuer": issuer, "token_endpoint": url })).unwrap();
        assert_eq!(document.under(&Endpoints::default()).is_ok(), safe, "{url}");
    }
}

#[test]
fn an_https_issuer_sends_nobody_to_a_port_of_this_machine() {
    let issuer = "https://a.example";
    let members = [
        "authorization_endpoint",
        "token_endpoint",
        "userinfo_endpoint",
        "jwks_uri",
        "revocation_endpoint",
        "pushed_authorization_request_endpoint",
    ];
    for url in ["http://127.0.0.1:8/", "http://[::1]:8/", "http://localhost/"] {
        for member in members {
            let document = read(issuer, &json!({ "issuer": issuer, member: url })).unwrap();
            assert!(document.under(&Endpoints::default()).is_err(), "{member} {url}");
        }
        // The operator may.
        let by_hand = Endpoints { token: Some(url.parse().unwrap()), ..Endpoints::default() };
        let document = read(issuer, &json!({ "issuer": issuer, "token_endpoint": url })).unwrap();
        assert!(document.under(&by_hand).is_ok(), "{url}");
    }
}

#[tokio::test]
async fn the_second_document_is_read_for_its_revocation_endpoint_and_only_if_it_is_the_issuers() {
    let fake = Fake::with_metadata();
    let promise = |issuer: &str| json!({ "issuer": issuer, "authorization_response_iss_parameter_supported": true });
    fake.json("/.well-known/oauth-authorization-server", 200, &promise("https://evil.example"));
    let rule = provider(settings(&fake.issuer)).0.expected_iss().await.unwrap();
    assert!(!rule.required && rule.issuer.as_deref() == Some(&fake.issuer));

    fake.json("/.well-known/oauth-authorization-server", 200, &promise(&fake.issuer));
    assert!(provider(settings(&fake.issuer)).0.expected_iss().await.unwrap().required);
}

#[tokio::test]
async fn a_plain_oauth_provider_may_have_either_document() {
    let fake = Fake::with_metadata();
    let mut settings = settings(&fake.issuer);
    settings.kind = ProviderKind::OAuth2;
    provider(settings).0.prepare().await.unwrap();
}

#[tokio::test]
async fn metadata_is_fetched_once_kept_an_hour_and_outlives_a_failing_provider() {
    let path = "/.well-known/openid-configuration";
    let fake = Fake::start();
    let (provider, clock) = provider(settings(&fake.issuer));
    assert_eq!(provider.prepare().await.unwrap_err().kind, PassingKind::Definite);
    fake.json(path, 200, &fake.metadata());
    let all = futures_util::future::join_all((0..20).map(|_| provider.prepare())).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(fake.asked(path).len(), 2);

    clock.advance(std::time::Duration::from_secs(3601));
    fake.raw(path, b"HTTP/1.1 500 X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec());
    provider.prepare().await.unwrap();
    provider.prepare().await.unwrap();
    assert_eq!(fake.asked(path).len(), 3, "a failing provider is left alone for a minute");
    clock.advance(std::time::Duration::from_secs(61));
    provider.prepare().await.unwrap();
    assert_eq!(fake.asked(path).len(), 4);
}

#[tokio::test]
async fn endpoints_set_by_hand_need_no_metadata() {
    let fake = Fake::start();
    let mut settings = settings(&fake.issuer);
    settings.endpoints.token = Some(format!("{}/t", fake.issuer).parse().unwrap());
    provider(settings).0.prepare().await.unwrap();
    assert!(fake.asked("/.well-known/openid-configuration").is_empty());
}
