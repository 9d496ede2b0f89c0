//! What a partner may answer about a token, and what comes of it.

use serde_json::{Value, json};

use super::network::Fake;
use super::secret;
use crate::UserInfoError::{self, Partner, Token};
use crate::client::{Client, Trusted};
use crate::partner::user_info;
use domain::clock::SystemClock;
use domain::ids::ProviderId;
use domain::partner::{FieldPath, Fields, Trust};
use settings::{Introspection, PartnerClient};

fn partner(fake: &Fake) -> PartnerClient {
    let path = |text| FieldPath::parse(text).unwrap();
    PartnerClient {
        identity: ProviderId::parse("partner", "test-sdk").unwrap(),
        user_info_url: format!("{}/me?tenant=1", fake.issuer).parse().unwrap(),
        trust: Trust::default(),
        require_confirmed_phone: true,
        require_confirmed_email: false,
        audience: None,
        introspection: None,
        fields: Fields {
            id: path("sub"),
            name: path("name"),
            phone: path("phone_number"),
            phone_verified: path("phone_number_verified"),
            email: path("email"),
            email_verified: path("email_verified"),
            absent_means_verified: true,
            text_booleans: false,
        },
    }
}

fn introspected(fake: &Fake) -> PartnerClient {
    let introspection = Introspection {
        url: format!("{}/introspect", fake.issuer).parse().unwrap(),
        client_id: "fed link".to_owned(),
        client_secret: secret("s:e/cret"),
    };
    PartnerClient { introspection: Some(introspection), ..partner(fake) }
}

async fn ask(partner: &PartnerClient, token: &str) -> Result<Value, UserInfoError> {
    user_info(&Client::new(&Trusted::default(), SystemClock::shared()).unwrap(), partner, &secret(token)).await
}

#[tokio::test]
async fn userinfo_is_asked_once_with_the_token_in_the_header() {
    let fake = Fake::start();
    let userinfo = json!({ "sub": 17, "phones": ["+79990001234"] });
    fake.json("/me?tenant=1", 200, &userinfo);
    assert_eq!(ask(&partner(&fake), "t0ken").await, Ok(userinfo));
    let asked = fake.asked("/me?tenant=1");
    assert_eq!(asked.len(), 1);
    assert_eq!((asked[0].authorization.as_deref(), asked[0].body.as_str()), (Some("Bearer t0ken"), ""));
}

#[tokio::test]
async fn what_is_no_userinfo_signs_nobody_in_and_is_not_asked_again() {
    for status in [201, 204, 301, 302, 307, 400, 401, 403, 404, 429, 500, 502, 503] {
        let fake = Fake::start();
        fake.json("/me?tenant=1", status, &json!({ "sub": "1" }));
        assert!(matches!(ask(&partner(&fake), "t0ken").await, Err(Partner(_))), "{status}");
        assert_eq!(fake.asked("/me?tenant=1").len(), 1, "{status}");
    }
    let raw = |head: &str, body: &[u8]| {
        let mut answer = format!("HTTP/1.1 200 OK\r\nConnection: close\r\n{head}\r\n\r\n").into_bytes();
        answer.extend_from_slice(body);
        answer
    };
    let html = raw("Content-Length: 13", b"<h1>Hello</h1>");
    let half = raw("Content-Length: 100", b"{\"sub\": \"1\"");
    let big = raw("Content-Type: application/json", format!("{{\"sub\": \"{}\"}}", "a".repeat(1024 * 1024)).as_bytes());
    for answer in [html, half, big, Vec::new()] {
        let fake = Fake::start();
        fake.raw("/me?tenant=1", answer);
        assert!(matches!(ask(&partner(&fake), "t0ken").await, Err(Partner(_))));
        assert_eq!(fake.asked("/me?tenant=1").len(), 1);
    }
    let gone = Fake::start();
    let mut nobody = partner(&gone);
    nobody.user_info_url = "http://127.0.0.1:1/me".parse().unwrap();
    assert_eq!(ask(&nobody, "t0ken").await, Err(Partner("no connection")));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let fake = Fake::start();
    let answer = "HTTP/1.1 307 X\r\nLocation: /elsewhere\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    fake.raw("/me?tenant=1", answer.as_bytes().to_vec());
    fake.json("/elsewhere", 200, &json!({ "sub": "1" }));
    assert_eq!(ask(&partner(&fake), "t0ken").await, Err(Partner("the partner answers with a redirect")));
    assert!(fake.asked("/elsewhere").is_empty());
}

#[tokio::test]
async fn what_fits_into_no_header_is_no_token() {
    let fake = Fake::start();
    for token in ["a\r\nX-Other: 1", "a\u{0}", "a\u{7f}"] {
        assert!(matches!(ask(&partner(&fake), token).await, Err(Token(_))), "{token:?}");
    }
    assert!(fake.asked("/me?tenant=1").is_empty());
}

#[tokio::test]
async fn an_audience_alone_is_userinfos_to_state() {
    let rows = [
        (json!({ "sub": "1", "aud": "fedlink" }), true),
        (json!({ "sub": "1", "aud": ["other", "fedlink"] }), true),
        (json!({ "sub": "1", "aud": "other" }), false),
        (json!({ "sub": "1", "aud": ["other"] }), false),
        (json!({ "sub": "1", "aud": [] }), false),
        (json!({ "sub": "1", "aud": null }), false),
        (json!({ "sub": "1", "client_id": "fedlink" }), false),
        (json!({ "sub": "1" }), false),
        (json!([]), false),
    ];
    for (userinfo, is_ours) in rows {
        let fake = Fake::start();
        fake.json("/me?tenant=1", 200, &userinfo);
        let strict = PartnerClient { audience: Some("fedlink".to_owned()), ..partner(&fake) };
        let told = ask(&strict, "t0ken").await;
        assert_eq!(told.is_ok(), is_ours, "{userinfo}");
        assert!(is_ours || matches!(told, Err(Token(_))), "{userinfo}");
        assert!(ask(&partner(&fake), "t0ken").await.is_ok(), "where nothing is asked, nothing is looked at");
    }
}

#[tokio::test]
async fn introspection_decides_before_userinfo_is_asked() {
    let rows = [
        (json!({ "active": true }), None, true),
        (json!({ "active": false }), None, false),
        (json!({ "active": "true" }), None, false),
        (json!({ "active": 1 }), None, false),
        (json!({}), None, false),
        (json!({ "active": true, "aud": "fedlink" }), Some("fedlink"), true),
        (json!({ "active": true, "aud": ["fedlink", "other"] }), Some("fedlink"), true),
        (json!({ "active": true, "client_id": "fedlink" }), Some("fedlink"), true),
        (json!({ "active": true, "client_id": "other", "aud": "fedlink" }), Some("fedlink"), true),
        (json!({ "active": true, "client_id": "other" }), Some("fedlink"), false),
        (json!({ "active": true, "aud": "other" }), Some("fedlink"), false),
        (json!({ "active": true }), Some("fedlink"), false),
        (json!({ "active": false, "aud": "fedlink" }), Some("fedlink"), false),
    ];
    for (answer, audience, is_ours) in rows {
        let fake = Fake::start();
        fake.json("/introspect", 200, &answer);
        // Userinfo need not repeat what introspection has said.
        fake.json("/me?tenant=1", 200, &json!({ "sub": "1" }));
        let partner = PartnerClient { audience: audience.map(str::to_owned), ..introspected(&fake) };
        let told = ask(&partner, "t0/ken").await;
        assert_eq!(told.is_ok(), is_ours, "{answer}");
        assert!(is_ours || matches!(told, Err(Token(_))), "{answer}");
        assert_eq!(fake.asked("/me?tenant=1").len(), usize::from(is_ours), "{answer}");
        let asked = fake.asked("/introspect");
        assert_eq!(asked.len(), 1);
        assert_eq!(asked[0].body, "token=t0%2Fken&token_type_hint=access_token");
        // "fed+link:s%3Ae%2Fcret", RFC 6749 §2.3.1.
        assert_eq!(asked[0].authorization.as_deref(), Some("Basic ZmVkK2xpbms6cyUzQWUlMkZjcmV0"));
    }
}

#[tokio::test]
async fn an_introspection_that_fails_says_nothing_of_the_token() {
    for status in [302, 401, 404, 500] {
        let fake = Fake::start();
        fake.json("/introspect", status, &json!({ "active": true }));
        fake.json("/me?tenant=1", 200, &json!({ "sub": "1" }));
        assert!(matches!(ask(&introspected(&fake), "t0ken").await, Err(Partner(_))), "{status}");
        assert!(fake.asked("/me?tenant=1").is_empty());
    }
}
