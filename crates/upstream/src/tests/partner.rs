//! What a partner may answer about a token, and what comes of it.

use serde_json::{Value, json};

use super::identity::{Signer, unsigned};
use super::network::Fake;
use super::{noon, secret};
use crate::UserInfoError::{self, Partner, Token};
use crate::client::{Client, Trusted};
use crate::partner::{Asking, user_info};
use crate::signing_keys::{SigningKeys, Source};
use domain::clock::{MovableClock, SharedClock, SystemClock};
use domain::ids::ProviderId;
use domain::partner::{FieldPath, Fields, Trust};
use settings::{Introspection, PartnerClient, SignedBy};

fn partner(fake: &Fake) -> PartnerClient {
    let path = |text| FieldPath::parse(text).unwrap();
    PartnerClient {
        identity: ProviderId::parse("partner", "test-sdk").unwrap(),
        user_info_url: format!("{}/me?tenant=1", fake.issuer).parse().unwrap(),
        trust: Trust::default(),
        require_confirmed_phone: true,
        require_confirmed_email: false,
        signed_by: None,
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
    let client = Client::new(&Trusted::default(), SystemClock::shared()).unwrap();
    let clock: SharedClock = MovableClock::frozen(noon());
    let keys = partner.signed_by.as_ref().map(|signed_by| {
        let source = Source::of_issuer(&signed_by.issuer, None);
        SigningKeys::new(&signed_by.issuer, source, client.clone(), &clock)
    });
    user_info(&Asking { client: &client, clock: &clock, keys: keys.as_ref() }, partner, &secret(token)).await
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

/// A partner whose userinfo is signed by who answers there.
fn signed(fake: &Fake) -> PartnerClient {
    PartnerClient { signed_by: Some(SignedBy { issuer: fake.issuer.clone(), jwks_url: None }), ..partner(fake) }
}

/// Answers userinfo with this, as a media type.
fn answer_with(fake: &Fake, media_type: &str, body: &str) {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\nContent-Length: {}", body.len());
    fake.raw("/me?tenant=1", format!("{head}\r\nConnection: close\r\n\r\n{body}").into_bytes());
}

#[tokio::test]
async fn a_signed_userinfo_is_the_issuers_word_and_states_its_audience() {
    let fake = Fake::with_metadata();
    let (signer, stranger) = (Signer::ed(), Signer::ed());
    fake.json("/jwks", 200, &json!({ "keys": [signer.jwk("k1")] }));
    let claims = |more: Value| {
        let mut claims = json!({ "iss": fake.issuer, "sub": "1", "aud": "fedlink" });
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        claims
    };
    let now = noon().timestamp();
    let token = |more: Value| signer.token(Some("k1"), &claims(more));
    let without = |claim: &str| {
        let mut claims = claims(json!({}));
        claims.as_object_mut().unwrap().remove(claim);
        signer.token(Some("k1"), &claims)
    };
    let none = format!("{}.", unsigned(&json!({ "alg": "none" }), &claims(json!({}))));
    let of_kind = |name: &str, value: &str| {
        let mut header = json!({ "alg": "EdDSA", "kid": "k1" });
        header[name] = value.into();
        let message = unsigned(&header, &claims(json!({})));
        format!("{message}.{}", base64::Engine::encode(&crate::jwks::BASE64URL, signer.sign(message.as_bytes())))
    };
    let unknown_kind = Some(Partner("the signed userinfo is of an unknown kind"));
    let another_audience = Some(Token("userinfo does not name us as its audience"));
    let rows = [
        (token(json!({})), None),
        (token(json!({ "aud": ["other", "fedlink"], "exp": now + 1 })), None),
        // Three minutes, as for what providers sign.
        (token(json!({ "exp": now - 179 })), None),
        (token(json!({ "exp": now - 181 })), Some(Partner("the signed userinfo is expired"))),
        (token(json!({ "exp": "soon" })), Some(Partner("the signed userinfo is expired"))),
        (token(json!({ "aud": "other" })), another_audience),
        (token(json!({ "aud": ["other"] })), another_audience),
        (without("aud"), another_audience),
        (token(json!({ "iss": "https://other.example" })), Some(Partner("the signed userinfo is another issuer's"))),
        (without("iss"), Some(Partner("the signed userinfo is another issuer's"))),
        (stranger.token(Some("k1"), &claims(json!({}))), Some(Partner("no key of its signer's has signed it"))),
        (none, Some(Partner("its algorithm is not accepted"))),
        (of_kind("typ", "JOSE"), None),
        (of_kind("cty", "JWT"), unknown_kind),
        // The issuer's other tokens are no userinfo.
        (of_kind("typ", "at+jwt"), unknown_kind),
        (of_kind("typ", "application/logout+jwt"), unknown_kind),
        ("a.b.c.d.e".to_owned(), Some(Partner("the signed userinfo cannot be read"))),
        (String::new(), Some(Partner("the signed userinfo cannot be read"))),
    ];
    let strict = PartnerClient { audience: Some("fedlink".to_owned()), ..signed(&fake) };
    for (token, refused) in &rows {
        for media_type in ["application/jwt", "Application/JWT; charset=utf-8"] {
            answer_with(&fake, media_type, token);
            assert_eq!(ask(&strict, "t0ken").await.err(), *refused, "{token}");
        }
    }
    // Where nobody asks for an audience, it is not looked at.
    answer_with(&fake, "application/jwt", &token(json!({ "aud": "other" })));
    assert_eq!(ask(&signed(&fake), "t0ken").await.unwrap()["sub"], "1");
    // What could have been said by anybody is not taken, nor a signature on trust.
    answer_with(&fake, "application/json", &claims(json!({})).to_string());
    assert_eq!(ask(&strict, "t0ken").await, Err(Partner("userinfo is not signed")));
    answer_with(&fake, "application/jwt", &token(json!({})));
    let unknown = PartnerClient { signed_by: None, ..strict.clone() };
    assert_eq!(ask(&unknown, "t0ken").await, Err(Partner("userinfo is signed, and no issuer is set that signs it")));
    fake.json("/jwks", 500, &json!({}));
    assert_eq!(ask(&strict, "t0ken").await, Err(Partner("the keys that sign userinfo can't be had")));
    assert_eq!(fake.asked("/me?tenant=1")[0].header("accept"), "application/jwt, application/json");
}

/// What JavaScript reads is read, as the source does.
#[tokio::test]
async fn userinfo_is_read_as_the_source_reads_it() {
    let fake = Fake::start();
    answer_with(&fake, "text/plain", "\u{feff}{\"sub\": \"1\", \"name\": \"half \\ud83d\", \"sub\": \"2\"}");
    assert_eq!(ask(&partner(&fake), "t0ken").await, Ok(json!({ "sub": "2", "name": "half \u{fffd}" })));
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
