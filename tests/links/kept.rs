//! A user's links: listed, made by id, named, removed, and recorded.

use domain::ids::Subject;
use serde_json::{Value, json};
use service::{accounts, sweep};

use crate::support::database::{execute, texts};
use crate::support::fed::{fed_token, lasting};
use crate::support::world::{ALL_SCOPES, Answer, As, Body, CALLBACK, CHALLENGE, CONSOLE, World, both_engines};

async fn list(world: &World, who: &As, subject: &str) -> Value {
    let answer = world.call("GET", &format!("/api/v3/users/{subject}/fa"), who, Body::None).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

async fn link(world: &World, who: &As, target: &str, body: Body) -> Answer {
    world.call("POST", &format!("/api/v3/users/{target}"), who, body).await
}

async fn unlink(world: &World, who: &As, target: &str) -> Answer {
    world.call("DELETE", &format!("/api/v3/users/{target}"), who, Body::None).await
}

/// The sids of a subject's links, in the order of the list.
async fn sids(world: &World, who: &As, subject: &str) -> Vec<String> {
    let listed = list(world, who, subject).await;
    listed.as_array().expect("a list").iter().map(|link| link["sid"].as_str().expect("a sid").to_owned()).collect()
}

fn any_subjects(settings: &str) -> String {
    settings.replace(r#"subjects = "registered""#, r#"subjects = "any""#)
}

/// The audit record, oldest first.
async fn audit(world: &World) -> Vec<String> {
    let columns = ["client", "subject", "fp_type", "fp_name", "sid", "detail", "claimed_ip", "claimed_agent"];
    let columns = columns.map(|column| format!("coalesce({column}, '-')")).join(" || ' ' || ");
    texts(&world.database_url, &format!("SELECT event || ' ' || {columns} AS value FROM audit ORDER BY at, id")).await
}

both_engines! {
    async fn links_are_listed_in_the_order_they_were_made(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        let console = world.console().await;
        assert_eq!(list(&world, &console, "alice").await, json!([]));
        for sid in ["m", "z", "a", "10", "9"] {
            assert_eq!(link(&world, &console, &format!("alice/fa/box/box_1/{sid}"), Body::None).await.status, 204);
        }
        // Linking again changes no place.
        assert_eq!(link(&world, &console, "alice/fa/box/box_1/m", Body::None).await.status, 204);
        assert_eq!(sids(&world, &console, "alice").await, ["m", "z", "a", "10", "9"]);
        let expected = json!({"sid": "m", "fpType": "box", "fpName": "box_1"});
        assert_eq!(list(&world, &console, "alice").await[0], expected);
        assert_eq!(list(&world, &world.user(CONSOLE, "alice", &ALL_SCOPES).await, "alice").await[0], expected);
    }

    async fn a_name_is_kept_unless_another_is_given(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        let console = world.console().await;
        let target = "alice/fa/box/box_1/1234";
        let named = |name: Value| Body::Json(json!({ "federatedAccountName": name }));
        let steps = [
            (Body::None, None),
            (named(json!("Elle Woods")), Some("Elle Woods")),
            (Body::None, Some("Elle Woods")),
            (Body::Raw("application/json", Vec::new()), Some("Elle Woods")),
            (Body::Json(json!({})), Some("Elle Woods")),
            (named(Value::Null), Some("Elle Woods")),
            (Body::Json(json!({"federatedAccountName": "Олег 🦊", "more": [1]})), Some("Олег 🦊")),
            (Body::Raw("application/json; charset=utf-8", br#"{"federatedAccountName": "Elle"}"#.to_vec()), Some("Elle")),
        ];
        for (body, name) in steps {
            let what = format!("{body:?}");
            let answer = link(&world, &console, target, body).await;
            assert_eq!((answer.status, answer.text()), (204, String::new()), "{what}");
            let listed = list(&world, &console, "alice").await;
            assert_eq!(listed.as_array().map(Vec::len), Some(1), "{what}");
            assert_eq!(listed[0].get("userName").and_then(Value::as_str), name, "{what}");
        }
    }

    async fn the_detailed_list_tells_all_that_is_known(engine: Engine) {
        let world = World::start(engine).await;
        let before = world.now();
        let tokens = world.linked("alice", "oleg").await;
        let console = world.console().await;
        assert_eq!(link(&world, &console, "alice/fa/box/box_1/bare", Body::None).await.status, 204);
        let detailed = async || {
            let answer = world.call("GET", "/api/v3/users/alice/fa?detail=true", &console, Body::None).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            answer.json()
        };
        let listed = detailed().await;
        let mut imported = listed[0].clone();
        let created = imported.as_object_mut().expect("a link").remove("createdAt").expect("a moment");
        let created = chrono::DateTime::parse_from_rfc3339(created.as_str().expect("a text")).expect("RFC 3339");
        assert!(created.to_utc() >= before - chrono::TimeDelta::milliseconds(1) && created.to_utc() <= world.now());
        assert_eq!(imported, json!({
            "sid": "oleg", "fpType": "box", "fpName": "box_1", "proof": "asserted", "health": "ok",
            "expiresOn": tokens.expires_at.timestamp(),
        }));
        // Nothing is wrong with a link that has no tokens.
        let mut bare = listed[1].clone();
        bare.as_object_mut().expect("a link").remove("createdAt");
        assert_eq!(bare, json!({
            "sid": "bare", "fpType": "box", "fpName": "box_1", "proof": "asserted", "origin": CONSOLE, "health": "ok",
        }));

        let used = world.call("GET", "/api/v3/users/alice/fedToken/box/box_1", &console, Body::None).await;
        assert_eq!(used.status, 200, "{}", used.text());
        sweep::finish(&world.app.parts).await.expect("uses are written");
        let last_used = detailed().await[0]["lastUsedAt"].clone();
        let last_used = chrono::DateTime::parse_from_rfc3339(last_used.as_str().expect("a text")).expect("RFC 3339");
        assert!(last_used.to_utc() <= world.now() && last_used.to_utc() > world.now() - chrono::TimeDelta::hours(1));

        for (query, status) in [("detail=false", 200), ("", 200), ("other=1", 200), ("detail=yes", 400), ("detail=", 400)] {
            let answer = world.call("GET", &format!("/api/v3/users/alice/fa?{query}"), &console, Body::None).await;
            assert_eq!(answer.status, status, "{query}");
            if status == 200 {
                assert_eq!(answer.json()[0], json!({"sid": "oleg", "fpType": "box", "fpName": "box_1"}));
            }
        }
    }

    async fn uses_that_are_written_together_keep_their_own_time(engine: Engine) {
        let world = World::frozen_with(engine, |settings| settings).await;
        world.account("alice").await;
        for sid in ["early", "late"] {
            lasting(&world, sid, 24 * 3600).await;
        }
        let mut moments = Vec::new();
        // The database was away in between, say.
        for sid in ["early", "late"] {
            let console = world.console().await;
            assert_eq!(fed_token(&world, &console, &format!("?sid={sid}")).await.status, 200);
            moments.push(world.now().timestamp());
            world.advance(2 * 3600);
        }
        sweep::finish(&world.app.parts).await.expect("uses are written");
        let console = world.console().await;
        let listed = world.call("GET", "/api/v3/users/alice/fa?detail=true", &console, Body::None).await.json();
        let used = ["early", "late"].map(|sid| {
            let of = listed.as_array().expect("a list").iter().find(|link| link["sid"] == sid).expect("its link");
            chrono::DateTime::parse_from_rfc3339(of["lastUsedAt"].as_str().expect("a text")).expect("RFC 3339").timestamp()
        });
        assert_eq!(used.to_vec(), moments);
    }

    async fn an_unlinked_account_is_gone_with_its_tokens(engine: Engine) {
        let world = World::start(engine).await;
        world.linked("alice", "oleg").await;
        world.linked("alice", "elle").await;
        world.account("bob").await;
        let console = world.console().await;
        let own = world.user(CONSOLE, "alice", &ALL_SCOPES).await;
        // Somebody else's, under whatever name, stays.
        assert_eq!(unlink(&world, &console, "bob/fa/box/box_1/oleg").await.refusal(), (404, "link_not_found".to_owned()));
        assert_eq!(unlink(&world, &own, "alice/fa/box/box_1/oleg").await.status, 204);
        assert_eq!(sids(&world, &console, "alice").await, ["elle"]);
        let left = texts(&world.database_url, "SELECT CAST(count(*) AS TEXT) AS value FROM token_sets").await;
        assert_eq!(left, ["1"]);
        for target in ["alice/fa/box/box_1/oleg", "alice/fa/box/box_2/elle", "alice/fa/b_x/box_1/elle", "alice/fa/partner/x/elle"] {
            assert_eq!(unlink(&world, &console, target).await.refusal(), (404, "link_not_found".to_owned()), "{target}");
        }
        assert_eq!(unlink(&world, &console, "stranger/fa/box/box_1/elle").await.refusal(), (404, "user_not_found".to_owned()));
        assert_eq!(sids(&world, &console, "alice").await, ["elle"]);
    }

    async fn only_configured_providers_can_be_linked_by_id(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        let console = world.console().await;
        for (provider, field) in [("box/box_2", "fpName"), ("Box/box_1", "fpName"), ("b_x/box_1", "fpName"), ("partner/test-sdk", "fpType")] {
            let answer = link(&world, &console, &format!("alice/fa/{provider}/1"), Body::None).await;
            assert_eq!(answer.refusal(), (400, "wrong_values".to_owned()), "{provider}");
            assert!(answer.json()["desc"].as_str().expect("words").starts_with(field), "{}", answer.text());
        }
        assert_eq!(link(&world, &console, "stranger/fa/box/box_1/1", Body::None).await.refusal(), (404, "user_not_found".to_owned()));
        assert_eq!(list(&world, &console, "alice").await, json!([]));
    }

    async fn a_user_mode_caller_without_an_account_gets_401(engine: Engine) {
        let world = World::start(engine).await;
        let ghost = world.user(CONSOLE, "ghost", &ALL_SCOPES).await;
        let bind = Body::Json(json!({"fp": "box:box_1", "callback": CALLBACK, "code_challenge": CHALLENGE}));
        let calls = [
            ("GET", "/api/v3/users/ghost/fa", Body::None),
            ("GET", "/api/v3/users/ghost/fa?detail=true", Body::None),
            ("POST", "/api/v3/users/ghost/fa/box/box_1/1", Body::None),
            ("DELETE", "/api/v3/users/ghost/fa/box/box_1/1", Body::None),
            ("DELETE", "/api/v2/users/ghost/fa/box/box_1/1", Body::None),
            ("GET", "/api/v3/users/ghost/fedToken/box/box_1", Body::None),
            ("POST", "/api/v2/users/current/fa/bind", bind),
        ];
        for (method, target, body) in calls {
            let answer = world.call(method, target, &ghost, body).await;
            assert_eq!(answer.refusal(), (401, "bad_access_token".to_owned()), "{method} {target}");
        }
    }

    async fn where_the_users_live_elsewhere_no_subject_is_unknown(engine: Engine) {
        let world = World::start_with(engine, |settings| any_subjects(&settings)).await;
        let console = world.console().await;
        let own = world.user(CONSOLE, "alice", &ALL_SCOPES).await;
        for who in [&console, &own] {
            assert_eq!(list(&world, who, "alice").await, json!([]));
            let gone = unlink(&world, who, "alice/fa/box/box_1/1").await;
            assert_eq!(gone.refusal(), (404, "link_not_found".to_owned()));
            let none = world.call("GET", "/api/v3/users/alice/fedToken/box/box_1", who, Body::None).await;
            assert_eq!(none.refusal(), (404, "token_not_found".to_owned()));
            assert_eq!(link(&world, who, "alice/fa/box/box_1/1", Body::None).await.status, 204);
            assert_eq!(sids(&world, who, "alice").await, ["1"]);
            let detailed = world.call("GET", "/api/v3/users/alice/fa?detail=true", who, Body::None).await;
            assert_eq!((detailed.status, detailed.json()[0]["sid"].clone()), (200, json!("1")));
            assert_eq!(unlink(&world, who, "alice/fa/box/box_1/1").await.status, 204);
        }
        let body = Body::Json(json!({"fp": "box:box_1", "callback": CALLBACK, "code_challenge": CHALLENGE}));
        assert_eq!(world.call("POST", "/api/v2/users/current/fa/bind", &own, body).await.status, 200);
    }

    async fn an_account_takes_its_links_with_it(engine: Engine) {
        let world = World::start(engine).await;
        let console = world.console().await;
        world.linked("alice", "oleg").await;
        assert_eq!(link(&world, &console, "alice/fa/box/box_1/second", Body::None).await.status, 204);
        let own = world.user(CONSOLE, "alice", &ALL_SCOPES).await;
        assert_eq!(sids(&world, &own, "alice").await, ["oleg", "second"]);
        accounts::remove(&world.app.parts, Subject::parse("alice").unwrap()).await.expect("it goes");
        let target = "/api/v3/users/alice/fa";
        assert_eq!(world.call("GET", target, &console, Body::None).await.refusal(), (404, "user_not_found".to_owned()));
        assert_eq!(world.call("GET", target, &own, Body::None).await.refusal(), (401, "bad_access_token".to_owned()));
        let rows = "SELECT (SELECT count(*) FROM links) || ' ' || (SELECT count(*) FROM token_sets) AS value";
        assert_eq!(texts(&world.database_url, rows).await, ["0 0"]);
        let record = audit(&world).await;
        for sid in ["oleg", "second"] {
            let line = format!("FEDERATION_POINT_UNBOUND - alice box box_1 {sid} account_deleted - -");
            assert!(record.contains(&line), "{record:#?}");
        }
        assert_eq!(record.last().map(String::as_str), Some("ACCOUNT_DELETED - alice - - - - - -"));
        // Who comes back under the same id starts with nothing, and the external accounts are free.
        world.account("alice").await;
        world.account("bob").await;
        assert_eq!(list(&world, &console, "alice").await, json!([]));
        assert_eq!(link(&world, &console, "bob/fa/box/box_1/oleg", Body::None).await.status, 204);
    }

    async fn every_change_has_its_line_in_the_record(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        let own = world.user(CONSOLE, "alice", &ALL_SCOPES).await;
        let target = "/api/v3/users/alice/fa/box/box_1/1234";
        let headers = [("x-forwarded-for", "203.0.113.7"), ("user-agent", "Browser/1")];
        for method in ["POST", "DELETE"] {
            assert_eq!(world.call_with(method, target, &own, Body::None, &headers).await.status, 204);
            // A call that changes nothing leaves no line.
            let again = world.call_with("DELETE", "/api/v3/users/alice/fa/box/box_1/none", &own, Body::None, &headers).await;
            assert_eq!(again.status, 404);
        }
        let system = world.console().await;
        assert_eq!(world.call("POST", target, &system, Body::None).await.status, 204);
        assert_eq!(audit(&world).await, [
            "ACCOUNT_CREATED - alice - - - - - -",
            "FEDERATION_POINT_BOUND console alice box box_1 1234 asserted 203.0.113.7 Browser/1",
            "FEDERATION_POINT_UNBOUND console alice box box_1 1234 - 203.0.113.7 Browser/1",
            "FEDERATION_POINT_BOUND console alice box box_1 1234 asserted - -",
        ]);
    }

    async fn a_change_whose_line_cannot_be_written_does_not_happen(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        let console = world.console().await;
        assert_eq!(link(&world, &console, "alice/fa/box/box_1/kept", Body::None).await.status, 204);
        execute(&world.database_url, "ALTER TABLE audit RENAME TO audit_elsewhere").await;
        let failed = [
            link(&world, &console, "alice/fa/box/box_1/new", Body::None).await,
            unlink(&world, &console, "alice/fa/box/box_1/kept").await,
        ];
        for answer in failed {
            assert_eq!(answer.refusal(), (500, "internal".to_owned()));
            // The request id, and nothing else.
            let body = answer.json();
            let id = body["desc"].as_str().expect("an id");
            assert!(uuid::Uuid::try_parse(id).is_ok(), "{id}");
            assert_eq!(body, json!({"type": "process_error", "error": "internal", "desc": id}));
        }
        execute(&world.database_url, "ALTER TABLE audit_elsewhere RENAME TO audit").await;
        assert_eq!(sids(&world, &console, "alice").await, ["kept"]);
        assert_eq!(link(&world, &console, "alice/fa/box/box_1/new", Body::None).await.status, 204);
        assert_eq!(sids(&world, &console, "alice").await, ["kept", "new"]);
    }
}
