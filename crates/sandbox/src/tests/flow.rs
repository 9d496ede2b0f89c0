//! The protocol and its enforcement.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::WWW_AUTHENTICATE;
use secrecy::ExposeSecret as _;

use super::super::Counts;
use super::{Answered, REDIRECT_URI, SECRET, Stage, VERIFIER, exchange_fields, text};

#[tokio::test]
async fn a_code_becomes_tokens_that_work() {
    let stage = Stage::new();
    let page = Answered::read(stage.http.get(stage.authorization_url(&[])).send().await.unwrap()).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains(r#"<button name="sub" value="elle">"#), "{}", page.body);
    assert!(page.body.contains("Elle &#60;Woods&#62;") && page.body.contains(r#"name="cancel""#), "{}", page.body);

    let back = stage.consent(&[], ("sub", "elle")).await;
    assert_eq!((back.get("state"), back.get("iss")), ("a state", stage.sandbox.issuer().as_str()));
    assert_eq!(back.get("from"), "sandbox");
    let answer = stage.exchange(back.get("code")).await.json();
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(answer["expires_in"], 3600);
    assert_eq!(answer["scope"], "openid profile");

    let access = text(&answer, "access_token");
    let userinfo = stage.http.get(stage.address("/userinfo")).bearer_auth(access).send().await.unwrap();
    let claims: serde_json::Value = userinfo.json().await.unwrap();
    assert_eq!((text(&claims, "sub"), text(&claims, "email")), ("elle", "elle@example.com"));

    let refreshed = stage.refresh(text(&answer, "refresh_token")).await.json();
    assert_ne!(refreshed["refresh_token"], answer["refresh_token"]);
    assert!(stage.sandbox.is_active(access) && stage.sandbox.is_active(text(&refreshed, "access_token")));
    let expected = Counts { token_code: 1, token_refresh: 1, userinfo: 1, ..Counts::default() };
    assert_eq!(stage.sandbox.counts(), expected);
}

#[tokio::test]
async fn consent_can_be_declined() {
    let stage = Stage::new();
    let back = stage.consent(&[], ("cancel", "yes")).await;
    assert_eq!((back.get("error"), back.get("state")), ("access_denied", "a state"));
    assert_eq!(back.get("iss"), stage.sandbox.issuer());
    let nobody = stage.http.post(stage.authorization_url(&[])).form(&[("sub", "nobody")]).send().await.unwrap();
    assert_eq!(nobody.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_wrong_client_or_redirect_uri_is_never_redirected_to() {
    let stage = Stage::new();
    let longer = format!("{REDIRECT_URI}&more=1");
    for change in [
        ("client_id", "stranger"),
        ("client_id", ""),
        ("redirect_uri", "https://app.example/callback"),
        ("redirect_uri", longer.as_str()),
        ("redirect_uri", ""),
    ] {
        let url = stage.authorization_url(&[change]);
        for call in [stage.http.get(url.clone()), stage.http.post(url).form(&[("sub", "elle")])] {
            assert_eq!(call.send().await.unwrap().status(), StatusCode::BAD_REQUEST, "{change:?}");
        }
    }
    let mut twice = stage.authorization_url(&[]);
    twice.query_pairs_mut().append_pair("state", "another");
    assert_eq!(stage.http.get(twice).send().await.unwrap().status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_wrong_request_is_told_to_the_client() {
    let stage = Stage::new();
    for (change, error) in [
        (("response_type", "token"), "unsupported_response_type"),
        (("response_type", ""), "invalid_request"),
        (("response_mode", "fragment"), "invalid_request"),
        (("state", ""), "invalid_request"),
        (("scope", ""), "invalid_scope"),
        (("scope", "openid everything"), "invalid_scope"),
        (("code_challenge", ""), "invalid_request"),
        (("code_challenge", "too-short"), "invalid_request"),
        (("code_challenge_method", ""), "invalid_request"),
        (("code_challenge_method", "plain"), "invalid_request"),
    ] {
        let back = stage.consent(&[change], ("sub", "elle")).await;
        assert_eq!(back.get("error"), error, "{change:?}");
        assert_eq!(back.find("code"), None, "{change:?}");
    }
}

#[tokio::test]
async fn a_code_wants_its_verifier_redirect_uri_and_client() {
    let stage = Stage::new();
    for (wrong, error) in [
        (("code_verifier", "another-verifier-of-forty-three-characters-at-least"), "invalid_grant"),
        (("code_verifier", ""), "invalid_request"),
        (("redirect_uri", "https://app.example/other"), "invalid_grant"),
        (("redirect_uri", ""), "invalid_request"),
        (("code", "no-such-code"), "invalid_grant"),
        (("client_id", "post"), "invalid_grant"),
        (("grant_type", "password"), "unsupported_grant_type"),
    ] {
        let code = stage.code().await;
        let mut fields = exchange_fields(&code).to_vec();
        fields.retain(|(name, _)| *name != wrong.0);
        fields.push(wrong);
        stage.token(&fields).await.refused(400, error);
        // A refusal spends nothing: the right client can still redeem it.
        assert_eq!(stage.exchange(&code).await.status, StatusCode::OK, "{wrong:?}");
    }
    let late = stage.code().await;
    stage.clock.advance(Duration::from_secs(61));
    stage.exchange(&late).await.refused(400, "invalid_grant");
}

#[tokio::test]
async fn a_code_used_twice_revokes_what_it_gave() {
    let stage = Stage::new();
    let code = stage.code().await;
    let first = stage.exchange(&code).await.json();
    stage.exchange(&code).await.refused(400, "invalid_grant");
    assert!(!stage.sandbox.is_active(text(&first, "access_token")));
    stage.refresh(text(&first, "refresh_token")).await.refused(400, "invalid_grant");
    assert_eq!((stage.sandbox.revoked_families(), stage.sandbox.counts().refused), (1, 2));
}

#[tokio::test]
async fn a_refresh_token_used_twice_revokes_its_family() {
    let stage = Stage::new();
    let first = stage.granted().await;
    let bystander = stage.granted().await;
    let second = stage.refresh(text(&first, "refresh_token")).await.json();
    assert!(!stage.sandbox.is_active(text(&first, "refresh_token")));
    assert!(stage.sandbox.is_active(text(&second, "refresh_token")));
    stage.refresh(text(&first, "refresh_token")).await.refused(400, "invalid_grant");
    stage.refresh(text(&second, "refresh_token")).await.refused(400, "invalid_grant");
    assert!(!stage.sandbox.is_active(text(&second, "access_token")));
    assert!(stage.sandbox.is_active(text(&bystander, "access_token")));
    assert_eq!(stage.sandbox.revoked_families(), 1);
}

#[tokio::test]
async fn a_refresh_may_narrow_the_scope_and_never_widen_it() {
    let stage = Stage::new();
    let first = stage.granted().await;
    let refresh = text(&first, "refresh_token");
    let ask = |scope| [("grant_type", "refresh_token"), ("refresh_token", refresh), ("scope", scope)];
    stage.token(&ask("openid email")).await.refused(400, "invalid_scope");
    assert_eq!(stage.token(&ask("openid")).await.json()["scope"], "openid");
}

#[tokio::test]
async fn each_client_authenticates_in_its_own_way() {
    let stage = Stage::new();
    let encoded: String = url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
    let token = |client| stage.sandbox.issue("elle", client, "profile").refresh_token;
    for (client, way, accepted) in [
        ("app", "encoded", true),
        ("app", "raw", true),
        ("app", "post", true),
        ("app", "none", false),
        ("basic", "encoded", true),
        ("basic", "raw", false),
        ("basic", "post", false),
        ("raw", "raw", true),
        ("raw", "encoded", false),
        ("post", "post", true),
        ("post", "encoded", false),
        ("post", "none", false),
        ("public", "none", true),
        ("public", "post", false),
    ] {
        let token = token(client);
        let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", token.expose_secret())];
        let call = stage.http.post(stage.address("/token"));
        let call = match way {
            "encoded" => call.basic_auth(client, Some(&encoded)),
            "raw" => call.basic_auth(client, Some(SECRET)),
            _ => call,
        };
        if matches!(way, "post" | "none") {
            form.push(("client_id", client));
        }
        if way == "post" {
            form.push(("client_secret", SECRET));
        }
        let response = call.form(&form).send().await.unwrap();
        let expected = if accepted { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
        assert_eq!(response.status(), expected, "{client} by {way}");
        assert_eq!(response.headers().contains_key(WWW_AUTHENTICATE), !accepted, "{client} by {way}");
    }
    let both = stage.token_call(&exchange_fields("any")).basic_auth("app", Some(SECRET)).send().await.unwrap();
    Answered::read(both).await.refused(400, "invalid_request");
}

#[tokio::test]
async fn only_a_form_without_repetition_is_read() {
    let stage = Stage::new();
    let call = |kind: &str, body: String| {
        stage.http.post(stage.address("/token")).header("content-type", kind).body(body).send()
    };
    let json = call("application/json", r#"{"grant_type":"refresh_token"}"#.to_owned()).await.unwrap();
    Answered::read(json).await.refused(400, "invalid_request");
    let twice = format!("grant_type=refresh_token&code_verifier={VERIFIER}&code_verifier={VERIFIER}");
    let twice = call("application/x-www-form-urlencoded", twice).await.unwrap();
    Answered::read(twice).await.refused(400, "invalid_request");
}

#[tokio::test]
async fn an_access_token_expires_by_the_providers_clock() {
    let stage = Stage::new();
    let tokens = stage.sandbox.issue("oleg", "app", "profile");
    let access = tokens.access_token.expose_secret();
    let call = || stage.http.get(stage.address("/userinfo")).bearer_auth(access).send();
    assert_eq!(call().await.unwrap().status(), StatusCode::OK);
    stage.clock.advance(Duration::from_hours(1));
    let late = call().await.unwrap();
    assert_eq!(late.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(late.headers()[WWW_AUTHENTICATE], r#"Bearer error="invalid_token""#);
    assert!(!stage.sandbox.is_active(access));
    assert!(stage.sandbox.is_active(tokens.refresh_token.expose_secret()));
}

#[tokio::test]
async fn introspection_and_revocation_tell_the_truth() {
    let stage = Stage::new();
    let tokens = stage.sandbox.issue("oleg", "app", "profile");
    let (access, refresh) = (tokens.access_token.expose_secret(), tokens.refresh_token.expose_secret());
    let post = |path: &str, client: &str, token: &str| {
        stage.http.post(stage.address(path)).basic_auth(client, Some(SECRET)).form(&[("token", token)]).send()
    };
    let introspect = async |token: &str| Answered::read(post("/introspect", "app", token).await.unwrap()).await.json();
    let known = introspect(access).await;
    assert_eq!((text(&known, "sub"), text(&known, "client_id"), text(&known, "scope")), ("oleg", "app", "profile"));
    assert_eq!(known["exp"], tokens.expires_at.timestamp());
    assert_eq!(introspect("unknown").await, serde_json::json!({ "active": false }));

    let stranger = post("/revoke", "raw", access).await.unwrap();
    assert_eq!(stranger.status(), StatusCode::OK);
    assert!(stage.sandbox.is_active(access), "another client's token is not its to revoke");
    post("/revoke", "app", access).await.unwrap();
    assert_eq!(introspect(access).await["active"], false);
    assert_eq!(introspect(refresh).await["active"], true);
    post("/revoke", "app", refresh).await.unwrap();
    assert_eq!(introspect(refresh).await["active"], false);
    let unauthenticated = stage.http.post(stage.address("/revoke")).form(&[("token", refresh)]).send().await.unwrap();
    assert_eq!(unauthenticated.status(), StatusCode::UNAUTHORIZED);
    assert_eq!((stage.sandbox.counts().introspect, stage.sandbox.counts().revoke), (5, 4));
}

#[tokio::test]
async fn the_apps_callback_shows_its_query_and_a_line_to_paste() {
    let stage = Stage::new();
    let page = async |query: &str| {
        let url = stage.address(&format!("/app/callback?{query}"));
        stage.http.get(url).send().await.unwrap().text().await.unwrap()
    };
    let pending = page("fp=vk%3Avk_1&status=pending&bind_code=AbC-_9").await;
    assert!(pending.contains("vk:vk_1") && pending.contains("<pre>curl -d code=AbC-_9</pre>"), "{pending}");
    let linked = page("fp=vk%3Avk_1&status=linked").await;
    assert!(linked.contains("linked") && !linked.contains("curl"), "{linked}");
    let hostile = page("status=pending&bind_code=x%3Brm+-rf&fp=%3Cscript%3E").await;
    assert!(!hostile.contains("curl") && !hostile.contains("<script>"), "{hostile}");
}

#[tokio::test]
async fn nothing_printed_for_debugging_holds_a_secret() {
    let stage = Stage::new();
    let tokens = stage.sandbox.issue("oleg", "app", "profile");
    let printed = format!("{:?} {tokens:?}", stage.sandbox);
    for secret in [SECRET, tokens.access_token.expose_secret(), tokens.refresh_token.expose_secret()] {
        assert!(!printed.contains(secret));
    }
}

#[tokio::test]
async fn a_stopped_provider_is_gone() {
    let stage = Stage::new();
    stage.get("/jwks").await;
    stage.sandbox.stop();
    assert!(stage.http.get(stage.address("/jwks")).send().await.is_err());
}

#[test]
fn it_starts_and_stops_outside_any_runtime() {
    let stage = Stage::new();
    let port = stage.address("").rsplit_once(':').unwrap().1.parse::<u16>().unwrap();
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    let other = stage.sandbox.clone();
    stage.sandbox.stop();
    other.stop();
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
}
