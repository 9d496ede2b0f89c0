//! U+0000 in a request, wherever a text may stand: Postgres keeps none, so it is refused at the door, by name, on both engines.

mod graphql;

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use service::import;

use crate::support::browser::instruct;
use crate::support::contract::{Operation, operations};
use crate::support::partner::{LENIENT, SDK, refused, with_partner};
use crate::support::world::{
    Answer, As, Body, CALLBACK, CHALLENGE, CONSOLE, CONSOLE_PASSWORD, CONSOLE_SECRET, World, both_engines,
};

const BASIC: As = As::Basic(CONSOLE, CONSOLE_PASSWORD);
const NUL: &str = "a\u{0}b";
const ID: &str = "5f0e1c4e-6a53-4c0e-9d53-1f2a3b4c5d6e";

/// 400, in words that name the character.
#[track_caller]
fn assert_named(answer: &Answer, what: &str) {
    let told = answer.text();
    assert!(answer.status == 400 && told.contains("control character"), "{what}: {} {told}", answer.status);
}

#[track_caller]
fn assert_wrong_values(answer: &Answer, what: &str) {
    assert_named(answer, what);
    assert_eq!(answer.refusal(), (400, "wrong_values".to_owned()), "{what}");
}

#[track_caller]
fn assert_invalid_request(answer: &Answer, what: &str) {
    assert_named(answer, what);
    assert_eq!(answer.refusal(), (400, "invalid_request".to_owned()), "{what}");
}

fn form(name: &'static str, value: &str) -> Vec<(&'static str, String)> {
    vec![(name, value.to_owned())]
}

both_engines! {
    async fn in_every_path_query_and_body_of_rest(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        let console = world.console().await;
        for (method, targets) in [
            ("GET", vec!["/api/v3/users/a%00b/fa", "/api/v3/users/alice/fa?detail=%00"]),
            ("POST", vec![
                "/api/v3/users/%00/fa/box/box_1/1", "/api/v3/users/alice/fa/%00/box_1/1", "/api/v3/users/alice/fa/box/%00/1",
                "/api/v3/users/alice/fa/box/box_1/1%00",
            ]),
            ("POST", vec![
                "/api/v3/users/%00/fa/box/box_1/1/retry", "/api/v3/users/alice/fa/%00/box_1/1/retry", "/api/v3/users/alice/fa/box/%00/1/retry",
                "/api/v3/users/alice/fa/box/box_1/%00/retry",
            ]),
            ("GET", vec![
                "/api/v3/fa?fp=box:box_1&sid=a%00b", "/api/v3/fa?fp=%00", "/api/v3/fa?health=%00", "/api/v3/fa?health=ok&after=%00",
                "/api/v3/fa?health=ok&limit=%00",
            ]),
            ("GET", vec![
                "/api/v3/events?dead=%00", "/api/v3/events?endpoint=a%00b", "/api/v3/events?after=%00", "/api/v3/events?limit=%00",
            ]),
            ("GET", vec![
                "/api/v3/users/a%00b/audit", "/api/v3/users/alice/audit?rql=%00", "/api/v3/users/alice/audit?ua=%00",
                "/api/v3/users/alice/audit?after=%00",
            ]),
            ("GET", vec![
                "/api/v3/audit?from=%00", "/api/v3/audit?to=%00", "/api/v3/audit?type=%00", "/api/v3/audit?fp=%00",
                "/api/v3/audit?fp=box:box_1&sid=a%00b", "/api/v3/audit?after=%00", "/api/v3/audit?limit=%00",
            ]),
            ("DELETE", vec![
                "/api/v3/users/%00/fa/box/box_1/1", "/api/v3/users/alice/fa/%00/box_1/1", "/api/v3/users/alice/fa/box/%00/1",
                "/api/v3/users/alice/fa/box/box_1/%00",
            ]),
            ("DELETE", vec![
                "/api/v2/users/%00/fa/box/box_1/1", "/api/v2/users/alice/fa/%00/box_1/1", "/api/v2/users/alice/fa/box/%00/1",
                "/api/v2/users/alice/fa/box/box_1/%00",
            ]),
            ("GET", vec![
                "/api/v3/users/%00/fedToken/box/box_1", "/api/v3/users/alice/fedToken/%00/box_1",
                "/api/v3/users/alice/fedToken/box/%00", "/api/v3/users/alice/fedToken/box/box_1?sid=a%00b",
                "/api/v3/users/alice/fedToken/box/box_1?min_ttl=%00", "/api/v3/users/alice/fedToken/box/box_1?force=%00",
            ]),
        ] {
            for target in targets {
                let answer = world.call(method, target, &console, Body::None).await;
                // Flags and numbers have words of their own for what they are not.
                let of_its_own = target.ends_with("=%00");
                if of_its_own {
                    assert_eq!(answer.refusal(), (400, "wrong_values".to_owned()), "{method} {target}");
                } else {
                    assert_wrong_values(&answer, &format!("{method} {target}"));
                }
            }
        }
        let raw = |text: &str| Body::Raw("application/json", text.as_bytes().to_vec());
        let bind = json!({"fp": "box:box_1", "callback": CALLBACK, "code_challenge": CHALLENGE, "code_challenge_method": "S256"});
        let complete = json!({"bind_code": "x", "code_verifier": "y", "subject": "alice"});
        for (target, good) in [
            ("/api/v3/users/alice/fa/box/box_1/1", json!({"federatedAccountName": "Elle"})),
            ("/api/v2/users/current/fa/bind", bind),
            ("/api/v2/users/current/fa/bind/complete", complete),
            ("/api/v3/fedTokens", json!({"tokens": [{"subject": "alice", "fp": "box:box_1"}]})),
            ("/api/v3/users/alice/fedToken/box/box_1/rejected", json!({"sid": "oleg", "token": "t"})),
            ("/api/v3/events/replay", json!({"id": ID, "endpoint": "crm", "since": "x", "until": "y", "after": "z"})),
        ] {
            for field in good.as_object().expect("an object").keys() {
                let mut body = good.clone();
                body[field] = json!(NUL);
                let answer = world.call("POST", target, &console, Body::Json(body)).await;
                assert_wrong_values(&answer, &format!("{target} {field}"));
                assert!(answer.text().contains(field.as_str()), "{field}: {}", answer.text());
            }
            // Where nothing is read, too: at any depth, as a value and as a key.
            for more in [json!(NUL), json!([[{"deep": [NUL]}]]), json!({"a": {NUL: 1}})] {
                let mut body = good.clone();
                body["more"] = more.clone();
                assert_wrong_values(&world.call("POST", target, &console, Body::Json(body)).await, &format!("{target} {more}"));
            }
            let mut body = good.clone();
            body[NUL] = json!(1);
            assert_wrong_values(&world.call("POST", target, &console, Body::Json(body)).await, &format!("{target}: a key"));
        }
        // What only looks like it: an escaped backslash, and what follows one.
        let answer = world.call("POST", "/api/v3/users/alice/fa/box/box_1/1", &console, raw(r#"{"federatedAccountName": "\\u0000"}"#)).await;
        assert_eq!(answer.status, 204, "{}", answer.text());
        let answer = world.call("POST", "/api/v3/users/alice/fa/box/box_1/1", &console, raw(r#"{"federatedAccountName": "\\\u0000"}"#)).await;
        assert_wrong_values(&answer, "an escaped backslash before it");
    }

    async fn in_every_page(engine: Engine) {
        let world = World::condo(engine).await;
        let redirect_to = instruct(&world, &BASIC).await;
        let opened = redirect_to.strip_prefix(&format!("{}/blitz", world.base)).expect("ours").to_owned();
        for target in [
            "/api/v2/users/current/fa/bind/auth/%00", "/api/v2/users/current/fa/bind/auth/%00/confirm",
            "/login/externalIdps/callback/%00/box_1/false?state=x&code=y", "/login/externalIdps/callback/box/%00/false?state=x&code=y",
            "/login/externalIdps/callback/box/box_1/false?state=%00&code=y", "/login/externalIdps/callback/box/box_1/false?state=x&code=%00",
            "/login/externalIdps/callback/box/box_1/false?state=x&error=%00", "/login/externalIdps/callback/box/box_1/false?state=x&iss=a%00",
            "/login/externalIdps/callback/box/box_1/false?state=x&device_id=%00", "/login/externalIdps/callback/box/box_1/false?state=x&%00=1",
            "/sign-in?to=%00", "/sign-in?switch=%00", "/sign-in/phone?to=%00",
            "/oauth/ae?client_id=%00", "/oauth/ae?client_id=console&redirect_uri=%00",
            "/oauth/ae?client_id=console&redirect_uri=https%3A%2F%2Fapp.example%2Fsigned-in&state=%00",
            "/oauth/ae?client_id=console&redirect_uri=https%3A%2F%2Fapp.example%2Fsigned-in&scope=%00&response_type=code",
        ] {
            assert_named(&world.call("GET", target, &As::Nobody, Body::None).await, target);
        }
        for (target, fields) in [
            ("/sign-in", vec!["login", "password", "csrf", "to"]),
            ("/sign-in/phone", vec!["phone", "code", "token", "csrf", "to", "choice", "again"]),
            ("/sign-out", vec!["csrf"]),
            ("/login/externalIdps/callback/box/box_1/false", vec!["state", "code", "error", "iss", "user"]),
        ] {
            for field in fields {
                let answer = world.call("POST", target, &As::Nobody, Body::Form(form(field, NUL))).await;
                assert_named(&answer, &format!("{target} {field}"));
            }
        }
        for field in ["csrf", "decision"] {
            let answer = world.call("POST", &format!("{opened}/confirm"), &As::Nobody, Body::Form(form(field, NUL))).await;
            assert_named(&answer, field);
        }
        let answer = world.call("POST", "/api/v2/users/current/fa/bind/auth/%00/confirm", &As::Nobody, Body::Form(form("csrf", "x"))).await;
        assert_named(&answer, "the instruction's id");
        // As a byte of its own, and in a name.
        for raw in [&b"login=a\0b"[..], b"a%00b=c", b"lo\0gin=a"] {
            let body = Body::Raw("application/x-www-form-urlencoded", raw.to_vec());
            assert_named(&world.call("POST", "/sign-in", &As::Nobody, body).await, "raw");
        }
        // What only looks like it.
        let answer = world.call("POST", "/sign-in", &As::Nobody, Body::Form(form("login", "a%00b"))).await;
        assert_eq!(answer.status, 403, "{}", answer.text());
    }

    async fn in_every_form_of_oauth(engine: Engine) {
        let world = World::start(engine).await;
        let of = |fields: &[(&'static str, &str)]| -> Vec<(&'static str, String)> {
            [("client_id", CONSOLE), ("client_secret", CONSOLE_SECRET)].iter().chain(fields)
                .map(|(name, value)| (*name, (*value).to_owned())).collect()
        };
        for (target, fields) in [
            ("/oauth/te", of(&[("grant_type", NUL)])),
            ("/oauth/te", of(&[("grant_type", "client_credentials"), ("scope", NUL)])),
            ("/oauth/te", of(&[("grant_type", "refresh_token"), ("refresh_token", NUL)])),
            ("/oauth/te", of(&[("grant_type", "authorization_code"), ("code", NUL), ("redirect_uri", "x"), ("code_verifier", "y")])),
            ("/oauth/te", of(&[("grant_type", "authorization_code"), ("code", "x"), ("redirect_uri", NUL), ("code_verifier", "y")])),
            ("/oauth/te", of(&[("grant_type", "authorization_code"), ("code", "x"), ("redirect_uri", "y"), ("code_verifier", NUL)])),
            ("/oauth/te", vec![("client_id", NUL.to_owned()), ("client_secret", CONSOLE_SECRET.to_owned()), ("grant_type", "client_credentials".to_owned())]),
            ("/oauth/te", vec![("client_id", CONSOLE.to_owned()), ("client_secret", NUL.to_owned()), ("grant_type", "client_credentials".to_owned())]),
            ("/oauth/introspect", of(&[("token", NUL)])),
            ("/oauth/introspect", of(&[("token", "x"), ("token_type_hint", NUL)])),
            ("/oauth/revoke", of(&[("token", NUL)])),
            ("/oauth/revoke", of(&[("token", "x"), ("more", NUL)])),
        ] {
            assert_invalid_request(&world.call("POST", target, &As::Nobody, Body::Form(fields.clone())).await, &format!("{target} {fields:?}"));
        }
        for target in ["/oauth/te", "/oauth/introspect", "/oauth/revoke"] {
            let fields = vec![("grant_type", "client_credentials".to_owned()), ("token", "x".to_owned())];
            // As it stands, and form-encoded, as RFC 6749 has it.
            for pair in ["con\0sole:x", "console:\0", "con%00sole:x", "console:a%00"] {
                let basic = format!("Basic {}", STANDARD.encode(pair));
                let headers = [("authorization", basic.as_str())];
                let answer = world.call_with("POST", target, &As::Nobody, Body::Form(fields.clone()), &headers).await;
                assert_invalid_request(&answer, &format!("{target} {pair:?}"));
            }
        }
        for pair in ["con\0sole:x", "console:a\0"] {
            let basic = format!("Basic {}", STANDARD.encode(pair));
            let headers = [("authorization", basic.as_str())];
            let body = Body::Json(json!({"fp": "box:box_1", "callback": CALLBACK, "code_challenge": CHALLENGE}));
            for (method, target, body) in [
                ("POST", "/api/v2/users/current/fa/bind", body),
                ("DELETE", "/api/v2/users/alice/fa/box/box_1/1", Body::None),
            ] {
                let answer = world.call_with(method, target, &As::Nobody, body, &headers).await;
                assert_wrong_values(&answer, &format!("{target} {pair:?}"));
            }
        }
    }

    async fn in_every_parameter_of_a_partners_sign_in(engine: Engine) {
        let world = World::start_with(engine, |settings| with_partner(&settings, "")).await;
        let good = [("user_type", "resident"), ("client_id", LENIENT), ("access_token", "x"), ("confirm_phone_action_token", "y")];
        for place in ["", "/callback"] {
            let answer = world.visit(&format!("/api/auth/%00{place}?user_type=resident"), &[]).await;
            assert_eq!(refused(&answer), (400, "INVALID_PARAMETER".to_owned()), "{place}");
            for (wrong, _) in good {
                let query: Vec<String> = good.iter()
                    .map(|(name, value)| format!("{name}={}", if *name == wrong { "a%00b" } else { value })).collect();
                let answer = world.visit(&format!("/api/auth/{SDK}{place}?{}", query.join("&")), &[]).await;
                assert_eq!(refused(&answer), (400, "INVALID_PARAMETER".to_owned()), "{place} {wrong}: {}", answer.text());
                assert!(answer.text().contains(&format!("Invalid {wrong}")), "{}", answer.text());
            }
            let answer = world.visit(&format!("/api/auth/{SDK}{place}?user_type=resident&x=%00"), &[]).await;
            assert_eq!(refused(&answer), (400, "INVALID_PARAMETER".to_owned()), "{place}");
        }
    }

    async fn in_every_field_of_an_import(engine: Engine) {
        let world = World::start(engine).await;
        let good = json!({
            "subject": "alice", "fpType": "box", "fpName": "box_1", "sid": "1", "userName": "x", "accessToken": "a", "refreshToken": "r",
            "scope": "s",
        });
        for field in good.as_object().expect("an object").keys() {
            let mut line = good.clone();
            line[field] = json!(NUL);
            let refused = import::Line::parse(&line.to_string()).err().unwrap_or_else(|| panic!("{field} is taken")).to_string();
            assert!(refused.starts_with(field.as_str()) && refused.contains("U+0000"), "{refused}");
        }
        world.import(good).await;
    }
}

#[test]
fn every_operation_with_a_text_is_in_a_table_of_these() {
    // Those that take none: what they answer depends on nothing that is sent but credentials.
    let without = [
        ("GET", "/sign-out"),
        ("GET", "/"),
        ("GET", "/api/whoami"),
        ("OPTIONS", "/admin/api"),
        ("OPTIONS", "/api/graphql"),
        ("GET", "/.well-known/oauth-authorization-server/blitz"),
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("GET", "/metrics"),
        ("POST", "/reload"),
    ];
    let with = [
        ("GET", "/api/v3/users/{subjectId}/fa"),
        ("POST", "/api/v3/users/{subjectId}/fa/{fpType}/{fpName}/{sid}"),
        ("DELETE", "/api/v3/users/{subjectId}/fa/{fpType}/{fpName}/{sid}"),
        ("DELETE", "/api/v2/users/{subjectId}/fa/{fpType}/{fpName}/{sid}"),
        ("GET", "/api/v3/users/{subjectId}/fedToken/{fpType}/{fpName}"),
        ("GET", "/api/v3/fa"),
        ("GET", "/api/v3/users/{subjectId}/audit"),
        ("GET", "/api/v3/audit"),
        ("GET", "/api/v3/events"),
        ("POST", "/api/v3/events/replay"),
        ("POST", "/api/v3/users/{subjectId}/fa/{fpType}/{fpName}/{sid}/retry"),
        ("POST", "/api/v3/fedTokens"),
        ("POST", "/api/v3/users/{subjectId}/fedToken/{fpType}/{fpName}/rejected"),
        ("POST", "/api/v2/users/current/fa/bind"),
        ("POST", "/api/v2/users/current/fa/bind/complete"),
        ("GET", "/api/v2/users/current/fa/bind/auth/{id}"),
        ("GET", "/api/v2/users/current/fa/bind/auth/{id}/confirm"),
        ("POST", "/api/v2/users/current/fa/bind/auth/{id}/confirm"),
        ("GET", "/login/externalIdps/callback/{fpType}/{fpName}/{isPopup}"),
        ("POST", "/login/externalIdps/callback/{fpType}/{fpName}/{isPopup}"),
        ("GET", "/oauth/ae"),
        ("GET", "/sign-in"),
        ("POST", "/sign-in"),
        ("GET", "/sign-in/phone"),
        ("POST", "/sign-in/phone"),
        ("POST", "/sign-out"),
        ("GET", "/api/auth/{provider}"),
        ("GET", "/api/auth/{provider}/callback"),
        ("POST", "/oauth/te"),
        ("POST", "/oauth/introspect"),
        ("POST", "/oauth/revoke"),
        ("GET", "/admin/api"),
        ("GET", "/api/graphql"),
        ("POST", "/admin/api"),
        ("POST", "/api/graphql"),
    ];
    let known: BTreeSet<Operation> = with
        .iter()
        .chain(&without)
        .map(|(method, template)| Operation { method: (*method).to_owned(), template: (*template).to_owned() })
        .collect();
    assert_eq!(operations(), known, "a new operation belongs into a table above, or in graphql.rs");
}
