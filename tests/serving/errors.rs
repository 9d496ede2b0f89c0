//! Bad input and bad luck: each with the status and the body that the wire contract documents.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::condo::with_sessions;
use crate::support::contract;
use crate::support::raw::raw_with;
use crate::support::world::{
    ALL_SCOPES, Answer, As, Body, CALLBACK, CHALLENGE, CONSOLE, CONSOLE_SECRET, World, both_engines,
};

const LINK: &str = "/api/v3/users/alice/fa/box/box_1/1";
const BIND: &str = "/api/v2/users/current/fa/bind";
const COMPLETE: &str = "/api/v2/users/current/fa/bind/complete";

/// Asserts a whole error body, whose `desc` begins like that.
#[track_caller]
fn assert_refused(answer: &Answer, status: u16, (class, error): (&str, &str), desc: &str) {
    let body: Value = answer.json();
    assert_eq!((answer.status, &body["type"], &body["error"]), (status, &json!(class), &json!(error)), "{body}");
    assert!(body["desc"].as_str().is_some_and(|told| told.starts_with(desc)), "{desc:?} does not begin {body}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

#[track_caller]
fn assert_wrong_values(answer: &Answer, desc: &str) {
    assert_refused(answer, 400, ("input_error", "wrong_values"), desc);
}

/// Calls fedlink at the root, without the base path.
async fn at_root(world: &World, method: &str, target: &str, who: &As) -> Answer {
    under("", world, method, target, who).await
}

async fn under(base: &str, world: &World, method: &str, target: &str, who: &As) -> Answer {
    let answer = world.send(method, &format!("{}{base}{target}", world.base), who, Body::None, &[]).await;
    answer.hold(method, target);
    answer
}

fn instruction(field: &str, value: Value) -> Body {
    let mut body = json!({"fp": "box:box_1", "callback": CALLBACK, "code_challenge": CHALLENGE});
    match (value, body.as_object_mut().expect("an object")) {
        (Value::Null, body) => drop(body.remove(field)),
        (value, body) => drop(body.insert(field.to_owned(), value)),
    }
    Body::Json(body)
}

both_engines! {
    async fn a_body_that_makes_no_sense_is_told_what_is_wrong_with_it(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        let console = world.console().await;
        let raw = |text: &[u8]| Body::Raw("application/json", text.to_vec());
        let name = |value: Value| Body::Json(json!({ "federatedAccountName": value }));
        let cases = [
            (LINK, raw(b"{"), "body ends in the middle"),
            (LINK, raw(b"{federatedAccountName}"), "body is not valid JSON"),
            (LINK, raw(b"[]"), "body must be a JSON object"),
            (LINK, raw(b"\"text\""), "body must be a JSON object"),
            (LINK, raw(b"null"), "body must be a JSON object"),
            (LINK, raw(b" "), "body"),
            (LINK, raw(b"{} {}"), "body has something after"),
            (LINK, raw(b"{\"federatedAccountName\": \"\xff\"}"), "body"),
            (LINK, raw(br#"{"federatedAccountName": "\ud800"}"#), "body"),
            (LINK, name(json!(17)), "federatedAccountName has a value of the wrong type"),
            (LINK, name(json!(["Elle"])), "federatedAccountName has a value of the wrong type"),
            (LINK, name(json!("")), "federatedAccountName is empty"),
            (LINK, name(json!("x".repeat(256))), "federatedAccountName has 256 characters, at most 255 are allowed"),
            (LINK, name(json!("a\u{0}b")), "federatedAccountName has the control character U+0000"),
            (BIND, Body::None, "body"),
            (BIND, raw(b"{}"), "fp is missing"),
            (BIND, instruction("fp", json!(1)), "fp has a value of the wrong type"),
            (BIND, instruction("fp", json!("box_1")), "fp must be type:name"),
            (BIND, instruction("fp", json!("box:box_2")), "fp box:box_2 is no configured provider"),
            (BIND, instruction("fp", json!("box:box:1")), "fp must be type:name"),
            (BIND, instruction("callback", Value::Null), "callback is missing"),
            (BIND, instruction("callback", json!("https://app.example/callback/")), "callback is not on"),
            (BIND, instruction("isPopup", json!("yes")), "isPopup has a value of the wrong type"),
            (BIND, instruction("code_challenge", json!("short")), "code_challenge must be"),
            (BIND, instruction("code_challenge_method", json!("plain")), "code_challenge_method must be S256"),
            (COMPLETE, raw(b"{}"), "bind_code is missing"),
            (COMPLETE, Body::Json(json!({"bind_code": "x", "code_verifier": 1})), "code_verifier has a value of the wrong type"),
            (COMPLETE, Body::Json(json!({"bind_code": "x", "code_verifier": "y", "subject": ""})), "subject is empty"),
        ];
        for (target, body, desc) in cases {
            assert_wrong_values(&world.call("POST", target, &console, body).await, desc);
        }
        let unknown = Body::Json(json!({"bind_code": "x", "code_verifier": "y", "subject": "alice"}));
        let unknown = world.call("POST", COMPLETE, &console, unknown).await;
        assert_refused(&unknown, 400, ("input_error", "bind_code_invalid"), "bind_code is unknown");
        let list = world.call("GET", "/api/v3/users/alice/fa", &console, Body::None).await;
        assert_eq!(list.json(), json!([]));
    }

    async fn what_was_sent_does_not_come_back(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        let console = world.console().await;
        let planted = "pl4nted-s3cret";
        let cases = [
            (COMPLETE, json!({"bind_code": planted, "code_verifier": planted, "subject": "alice"})),
            (COMPLETE, json!({"bind_code": [planted], "code_verifier": {"a": planted}})),
            (BIND, json!({"fp": "box:box_1", "callback": planted, "code_challenge": planted})),
            (LINK, json!({"federatedAccountName": {"a": planted}})),
        ];
        for (target, body) in cases {
            let answer = world.call("POST", target, &console, Body::Json(body)).await;
            assert_eq!(answer.status, 400);
            assert!(!answer.text().contains(planted), "{}", answer.text());
        }
    }

    async fn a_body_of_another_type_is_refused(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        let console = world.console().await;
        for content_type in ["text/plain", "application/x-www-form-urlencoded", "application/xml", "json", "text/json"] {
            for target in [LINK, BIND, COMPLETE] {
                let answer = world.call("POST", target, &console, Body::Raw(content_type, b"{}".to_vec())).await;
                assert_refused(&answer, 415, ("input_error", "unsupported_media_type"), "the body must be application/json");
            }
        }
        // Without a body the type says nothing.
        let empty = world.call("POST", LINK, &console, Body::Raw("text/plain", Vec::new())).await;
        assert_eq!(empty.status, 204);
    }

    async fn a_body_of_ten_megabytes_is_refused_and_its_sender_hears_it(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        let console = world.console().await;
        let large = |content_type| Body::Raw(content_type, vec![b' '; 10 << 20]);
        // Often: the answer must not get lost in the reset of a connection that is closed over unread data.
        for _ in 0..10 {
            for target in [LINK, BIND, COMPLETE] {
                let answer = world.call("POST", target, &console, large("application/json")).await;
                assert_refused(&answer, 413, ("input_error", "body_too_large"), "the body has more than 65536 bytes");
            }
            let client = As::Basic(CONSOLE, CONSOLE_SECRET);
            let token = world.call("POST", "/oauth/te", &client, large("application/x-www-form-urlencoded")).await;
            assert_eq!(token.refusal(), (413, "invalid_request".to_owned()));
            // Neither who sends it nor whether there is such a path makes a difference to its sender's ears.
            let nobody = world.call("POST", LINK, &As::Nobody, large("application/json")).await;
            assert_eq!(nobody.refusal(), (401, "bad_access_token".to_owned()));
            let nowhere = world.call("POST", "/nowhere", &As::Nobody, large("application/json")).await;
            assert_eq!(nowhere.refusal(), (404, "not_found".to_owned()));
        }
        // The same from a sender that says all it has to say before it listens.
        let As::Bearer(token) = &console else { unreachable!("a console's token is a bearer") };
        for who in [As::Bearer(token.clone()), As::Nobody] {
            let answer = raw_with(&world, ("POST", &format!("/blitz{LINK}")), &who, &vec![b' '; 10 << 20]).await;
            assert_eq!(answer.status, if matches!(who, As::Nobody) { 401 } else { 413 });
        }
        let most = world.call("POST", LINK, &console, Body::Raw("application/json", {
            let mut body = vec![b' '; (64 << 10) - 2];
            body.extend_from_slice(b"{}");
            body
        })).await;
        assert_eq!(most.status, 204, "{}", most.text());
    }

    async fn a_query_that_makes_no_sense_is_told_which_parameter(engine: Engine) {
        let world = World::start(engine).await;
        world.linked("alice", "oleg").await;
        let console = world.console().await;
        let cases = [
            ("min_ttl=", "min_ttl must be"), ("min_ttl=-1", "min_ttl must be"), ("min_ttl=601", "min_ttl must be"),
            ("min_ttl=1.5", "min_ttl must be"), ("min_ttl=abc", "min_ttl must be"), ("min_ttl=%2B5", "min_ttl must be"),
            ("min_ttl=99999999999999999999", "min_ttl must be"), ("min_ttl=1&min_ttl=1", "min_ttl stands more than once"),
            ("force=1", "force must be true or false"), ("force=", "force must be"), ("force=TRUE", "force must be"),
            ("sid=", "sid is empty"), ("sid=%00", "sid has the control character"), ("sid=%FF", "sid is not UTF-8"),
        ];
        for (query, desc) in cases {
            let target = format!("/api/v3/users/alice/fedToken/box/box_1?{query}");
            assert_wrong_values(&world.call("GET", &target, &console, Body::None).await, desc);
        }
        for query in ["min_ttl=0", "min_ttl=600", "force=false", "sid=oleg", "sid=%6Fleg&unknown=1"] {
            let target = format!("/api/v3/users/alice/fedToken/box/box_1?{query}");
            assert_eq!(world.call("GET", &target, &console, Body::None).await.status, 200, "{query}");
        }
    }

    async fn fed_token_tells_what_is_in_the_way(engine: Engine) {
        let world = World::start_with(engine, |settings| {
            let provider = settings.split_once("[[providers]]").expect("a provider").1.replace("box_1", "box_2");
            format!("{settings}\n[[providers]]{provider}remember_tokens = false\n")
        })
        .await;
        world.linked("alice", "oleg").await;
        world.import(json!({"subject": "bob", "fpType": "box", "fpName": "box_2", "sid": "1"})).await;
        world.import(json!({
            "subject": "carol", "fpType": "box", "fpName": "box_1", "sid": "1", "accessToken": "x", "expiresOn": 1,
        }))
        .await;
        let console = world.console().await;
        let fetch = async |target: &str| {
            world.call("GET", &format!("/api/v3/users/{target}"), &console, Body::None).await
        };
        let not_found = ("input_error", "token_not_found");
        assert_refused(&fetch("alice/fedToken/box/box_1?sid=elle").await, 404, not_found, "no usable token: there is no link");
        assert_refused(&fetch("bob/fedToken/box/box_1").await, 404, not_found, "no usable token: there is no link");
        assert_refused(&fetch("bob/fedToken/box/box_2").await, 404, not_found, "no usable token: the provider's tokens are not");
        assert_refused(&fetch("carol/fedToken/box/box_1").await, 404, not_found, "no usable token: it has expired");
        assert_refused(&fetch("dave/fedToken/box/box_1").await, 404, ("input_error", "user_not_found"), "no such user");
        let denied = ("security_error", "bad_access_token");
        for unknown in ["box/box_3", "partner/box_1", "b_x/box_1", "Box/box_1"] {
            let answer = fetch(&format!("alice/fedToken/{unknown}")).await;
            assert_refused(&answer, 401, denied, "No enough scopes or wrong subject Id");
        }
        world.sandbox.script().set(|script| script.answer = sandbox::Answer::Status(503, Some(7)));
        world.advance(3590);
        let console = world.console().await;
        let answer = world.call("GET", "/api/v3/users/alice/fedToken/box/box_1", &console, Body::None).await;
        assert_refused(&answer, 503, ("upstream_error", "provider_unavailable"), "the provider is unavailable");
        let seconds: u64 = answer.header("retry-after").and_then(|value| value.parse().ok()).expect("seconds");
        assert_eq!(answer.json()["retry_after"], json!(seconds));
        assert!(Duration::from_secs(seconds) <= Duration::from_secs(7) && seconds >= 6, "{seconds}");
    }

    async fn unknown_paths_and_methods_answer_in_the_same_shape(engine: Engine) {
        let world = World::start(engine).await;
        let nobody = As::Nobody;
        for target in ["", "/", "/api", "/api/v3/users/alice", "/api/v3/users/alice/fa/", "/api/v4/users/alice/fa", "/oauth", "/index.html"] {
            // Where the Condo dialect is turned on there is a page at `/`, and openapi.yaml has its other methods as 405.
            let methods: &[&str] = if target == "/" { &["GET"] } else { &["GET", "POST", "DELETE"] };
            for method in methods {
                assert_refused(&world.call(method, target, &nobody, Body::None).await, 404, ("input_error", "not_found"), "no such path");
                if !target.is_empty() {
                    assert_refused(&at_root(&world, method, target, &nobody).await, 404, ("input_error", "not_found"), "no such path");
                }
            }
        }
        let cases = [
            ("/api/v3/users/alice/fa", "GET"),
            (LINK, "POST, DELETE"),
            ("/api/v2/users/alice/fa/box/box_1/1", "DELETE"),
            ("/api/v3/users/alice/fedToken/box/box_1", "GET"),
            (BIND, "POST"),
            (COMPLETE, "POST"),
            ("/oauth/te", "POST"),
            ("/oauth/introspect", "POST"),
            ("/oauth/revoke", "POST"),
            ("/login/externalIdps/callback/box/box_1/false", "GET, POST"),
        ];
        for (target, allowed) in cases {
            for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"].into_iter().filter(|method| !allowed.contains(method)) {
                for answer in [world.call(method, target, &nobody, Body::None).await, at_root(&world, method, target, &nobody).await] {
                    assert_refused(&answer, 405, ("input_error", "method_not_allowed"), "the path has no such method");
                    assert_eq!(answer.header("allow"), Some(allowed), "{method} {target}");
                }
            }
        }
        let metadata = at_root(&world, "POST", "/.well-known/oauth-authorization-server/blitz", &nobody).await;
        assert_refused(&metadata, 405, ("input_error", "method_not_allowed"), "the path has no such method");
        assert_eq!(metadata.header("allow"), Some("GET"));
        for path in ["/healthz", "/readyz"] {
            let answer = world.send("POST", &format!("{}{path}", world.ops), &nobody, Body::None, &[]).await;
            assert_refused(&answer, 405, ("input_error", "method_not_allowed"), "the path has no such method");
        }
    }

    async fn every_path_of_the_contract_says_which_methods_it_has(engine: Engine) {
        // Some of the paths at the root begin like this base.
        let world = World::start_with(engine, |settings| format!("base_path = \"/api\"\n{}", with_sessions(settings))).await;
        let mut paths: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for operation in contract::operations() {
            paths.entry(operation.target()).or_default().insert(operation.method);
        }
        let elsewhere = |path: &str| ["/healthz", "/readyz", "/metrics", "/reload", "/.well-known"].iter().any(|start| path.starts_with(start));
        for (target, methods) in paths.iter().filter(|(path, _)| !elsewhere(path)) {
            for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"].into_iter().filter(|method| !methods.contains(*method)) {
                for base in ["", "/api"] {
                    let answer = under(base, &world, method, target, &As::Nobody).await;
                    assert_eq!(answer.status, 405, "{method} {base}{target}: {}", answer.text());
                    let allowed: BTreeSet<_> = answer.header("allow").expect("it says").split(", ").map(str::to_owned).collect();
                    // A browser's question of its own is answered, or is no method that there is.
                    let mut methods = methods.clone();
                    methods.remove("OPTIONS");
                    assert_eq!(allowed, methods, "{method} {base}{target}");
                }
            }
        }
    }

    async fn a_head_has_no_body_and_does_nothing(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        let console = world.console().await;
        for target in ["/api/v3/users/alice/fa", LINK, "/nowhere"] {
            let answer = world.call("HEAD", target, &console, Body::None).await;
            assert!(answer.body.is_empty() && matches!(answer.status, 404 | 405), "{target}: {answer:?}");
        }
        let list = world.call("GET", "/api/v3/users/alice/fa", &console, Body::None).await;
        assert_eq!(list.json(), json!([]));
    }

    /// As the contract says: null is as if it were left out, and a callback that nobody registers is nowhere.
    async fn the_contract_says_what_is_taken_and_where_nothing_is(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        let console = world.console().await;
        let null = Body::Json(json!({"federatedAccountName": null}));
        assert_eq!(world.call("POST", LINK, &console, null).await.status, 204);
        for method in ["GET", "POST"] {
            let target = "/login/externalIdps/callback/box/box_1/maybe?state=x";
            assert_eq!(world.call(method, target, &As::Nobody, Body::None).await.refusal(), (404, "not_found".to_owned()));
        }
    }

    async fn the_same_routes_answer_at_the_root(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        let own = world.user(CONSOLE, "alice", &ALL_SCOPES).await;
        assert_eq!(at_root(&world, "POST", LINK, &own).await.status, 204);
        assert_eq!(at_root(&world, "GET", "/api/v3/users/alice/fa", &own).await.json()[0]["sid"], "1");
        assert_eq!(world.call("DELETE", LINK, &own, Body::None).await.status, 204);
        assert_eq!(at_root(&world, "GET", "/api/v3/users/bob/fa", &own).await.refusal(), (401, "bad_access_token".to_owned()));
    }
}
