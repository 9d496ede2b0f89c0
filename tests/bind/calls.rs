//! Bind, the app's two calls: asking for an instruction, and completing with the verifier that only the app holds.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::browser::{Browser, complete, instruct, instruct_with, instruction, query};
use crate::support::database::{assert_nothing_stored, bind_refusals, count, execute, texts};
use crate::support::world::{
    ALL_SCOPES, As, Body, CHALLENGE, CONSOLE, CONSOLE_PASSWORD, RIVAL, RIVAL_PASSWORD, VERIFIER, World, both_engines,
};

const BASIC: As = As::Basic(CONSOLE, CONSOLE_PASSWORD);
const COMPLETE: &str = "/api/v2/users/current/fa/bind/complete";

fn invalid() -> (u16, String) {
    (400, "bind_code_invalid".to_owned())
}

/// A bind code for whoever asked, of the sandbox's user.
async fn bind_code(world: &World, who: &As, user: &'static str) -> String {
    let redirect_to = instruct(world, who).await;
    Browser::default().walk(world, &redirect_to, user).await.get("bind_code").to_owned()
}

async fn sids(world: &World, subject: &str) -> Vec<String> {
    let console = world.console().await;
    let list = world.call("GET", &format!("/api/v3/users/{subject}/fa"), &console, Body::None).await;
    assert_eq!(list.status, 200, "{}", list.text());
    list.json().as_array().expect("a list").iter().map(|link| link["sid"].as_str().expect("a sid").to_owned()).collect()
}

both_engines! {
    async fn every_caller_with_the_change_scope_gets_an_instruction(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        let callers = [BASIC, world.console().await, world.user(CONSOLE, "alice", &["blitz_api_ufa_chg"]).await];
        let mut ids = BTreeSet::new();
        for who in &callers {
            for more in [json!({}), json!({"isPopup": true}), json!({"isPopup": false, "code_challenge_method": "S256"})] {
                let mut body = instruction();
                body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
                let url = instruct_with(&world, who, body).await;
                let start = format!("{}/blitz/api/v2/users/current/fa/bind/auth/", world.base);
                let id: uuid::Uuid = url.strip_prefix(&start).expect("our address").parse().expect("a UUID");
                assert_eq!(id.get_version_num(), 4);
                ids.insert(id);
            }
        }
        assert_eq!(ids.len(), 9);
    }

    async fn a_hint_goes_to_the_provider(engine: Engine) {
        let world = World::start(engine).await;
        let mut body = instruction();
        body["login_hint"] = json!("oleg+1@bank.example");
        let mut browser = Browser::default();
        let redirect_to = instruct_with(&world, &BASIC, body.clone()).await;
        let url = browser.open(&world, &redirect_to).await;
        assert_eq!(query(&url).get("login_hint").map(String::as_str), Some("oleg+1@bank.example"));
        for wrong in ["", "a\nb", &"a".repeat(256)] {
            body["login_hint"] = json!(wrong);
            let answer = world.call("POST", "/api/v2/users/current/fa/bind", &BASIC, Body::Json(body.clone())).await;
            assert_eq!(answer.refusal(), (400, "wrong_values".to_owned()), "{wrong:?}");
        }
    }

    async fn a_caller_without_the_change_scope_gets_no_instruction(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        let denied = [
            As::Nobody,
            As::Bearer("unknown".to_owned()),
            world.system(CONSOLE, &["blitz_api_sys_ufa", "fed_tkn_any", "blitz_api_ufa_chg"]).await,
            world.user(CONSOLE, "alice", &["blitz_api_ufa", "blitz_api_sys_ufa_chg"]).await,
            world.user(CONSOLE, "nobody-has-this-id", &["blitz_api_ufa_chg"]).await,
        ];
        for who in &denied {
            let answer = world.call("POST", "/api/v2/users/current/fa/bind", who, Body::Json(instruction())).await;
            assert_eq!(answer.refusal(), (401, "bad_access_token".to_owned()), "{who:?}");
        }
        for who in &denied[..4] {
            let answer = complete(&world, who, "unknown", (VERIFIER, "alice")).await;
            assert_eq!(answer.refusal(), (401, "bad_access_token".to_owned()), "{who:?}");
        }
        let wrong = As::Basic(CONSOLE, "wrong");
        let answer = world.call("POST", "/api/v2/users/current/fa/bind", &wrong, Body::Json(instruction())).await;
        assert_eq!(answer.refusal(), (401, "bad_credentials".to_owned()));
        assert_eq!(count(&world, "flows").await, 0);
    }

    async fn an_instruction_that_cannot_be_followed_is_refused_by_name(engine: Engine) {
        let world = World::start(engine).await;
        let short = CHALLENGE.split_at(42).0;
        let cases = [
            ("fp", json!(null), "fp"),
            ("fp", json!(17), "fp"),
            ("fp", json!("box"), "fp"),
            ("fp", json!("box:"), "fp"),
            ("fp", json!("box:box_9"), "fp"),
            ("fp", json!("BOX:box_1"), "fp"),
            ("fp", json!("partner:box_1"), "fp"),
            ("callback", json!(null), "callback"),
            ("callback", json!(["https://app.example/callback"]), "callback"),
            ("callback", json!("https://elsewhere.example/callback"), "callback"),
            ("isPopup", json!("yes"), "isPopup"),
            ("code_challenge", json!(""), "code_challenge"),
            ("code_challenge", json!(short), "code_challenge"),
            ("code_challenge", json!(format!("{CHALLENGE}A")), "code_challenge"),
            ("code_challenge", json!(format!("{short}=")), "code_challenge"),
            ("code_challenge", json!(format!("{short}!")), "code_challenge"),
            // The last character carries bits beyond the 256: two spellings of one challenge.
            ("code_challenge", json!(format!("{short}N")), "code_challenge"),
            ("code_challenge", json!(VERIFIER.replace('-', "+")), "code_challenge"),
            ("code_challenge_method", json!("plain"), "code_challenge_method"),
            ("code_challenge_method", json!("s256"), "code_challenge_method"),
        ];
        for (field, value, named) in cases {
            let mut body = instruction();
            body[field] = value.clone();
            if value.is_null() {
                body.as_object_mut().unwrap().remove(field);
            }
            let answer = world.call("POST", "/api/v2/users/current/fa/bind", &BASIC, Body::Json(body)).await;
            assert_eq!(answer.refusal(), (400, "wrong_values".to_owned()), "{field}: {value}");
            let desc = answer.json()["desc"].as_str().unwrap().to_owned();
            assert!(desc.contains(named), "{field}: {value}: {desc}");
        }
        for raw in ["", "{", "[]", "null", "{}"] {
            let body = Body::Raw("application/json", raw.into());
            let answer = world.call("POST", "/api/v2/users/current/fa/bind", &BASIC, body).await;
            assert_eq!(answer.refusal(), (400, "wrong_values".to_owned()), "{raw}");
        }
        assert_eq!(count(&world, "flows").await, 0);
    }

    async fn the_bearers_user_is_fixed_from_the_start(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        world.account("bob").await;
        let alice = world.user(CONSOLE, "alice", &ALL_SCOPES).await;
        let bob = world.user(CONSOLE, "bob", &ALL_SCOPES).await;
        for (who, named) in [(&BASIC, "bob"), (&bob, "bob"), (&bob, "alice"), (&alice, "bob")] {
            let code = bind_code(&world, &alice, "oleg").await;
            let answer = complete(&world, who, &code, (VERIFIER, named)).await;
            assert_eq!(answer.refusal(), (401, "bad_access_token".to_owned()), "{who:?} {named}");
            assert_eq!(complete(&world, &alice, &code, (VERIFIER, "alice")).await.refusal(), invalid());
        }
        assert_nothing_stored(&world, "for another user").await;
        assert_eq!(bind_refusals(&world).await, ["wrong_subject"; 4]);
        for (user, who) in [("oleg", &BASIC), ("elle", &alice)] {
            let code = bind_code(&world, &alice, user).await;
            let body = json!({"bind_code": code, "code_verifier": VERIFIER});
            assert_eq!(world.call("POST", COMPLETE, who, Body::Json(body)).await.status, 204);
        }
        assert_eq!(sids(&world, "alice").await, ["oleg", "elle"]);
        let code = bind_code(&world, &alice, "oleg").await;
        assert_eq!(complete(&world, &BASIC, &code, (VERIFIER, "alice")).await.status, 204, "again, and by name");
        assert_eq!((count(&world, "links").await, count(&world, "token_sets").await), (2, 2));
    }

    async fn a_completion_that_cannot_be_read_burns_nothing(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        let code = bind_code(&world, &BASIC, "oleg").await;
        let whole = json!({"bind_code": code, "code_verifier": VERIFIER, "subject": "alice"});
        let cases = [
            ("subject", Value::Null),
            ("subject", json!(17)),
            ("subject", json!("")),
            ("subject", json!("a".repeat(256))),
            ("subject", json!("al\u{0}ice")),
            ("bind_code", Value::Null),
            ("code_verifier", Value::Null),
            ("code_verifier", json!({})),
        ];
        for (field, value) in cases {
            let mut body = whole.clone();
            body[field] = value.clone();
            if value.is_null() && field != "subject" {
                body.as_object_mut().unwrap().remove(field);
            }
            let answer = world.call("POST", COMPLETE, &BASIC, Body::Json(body)).await;
            assert_eq!(answer.refusal(), (400, "wrong_values".to_owned()), "{field}: {value}");
            let desc = answer.json()["desc"].as_str().unwrap().to_owned();
            assert!(desc.starts_with(field), "{field}: {value}: {desc}");
        }
        assert_eq!(world.call("POST", COMPLETE, &BASIC, Body::Json(whole)).await.status, 204);
        assert_eq!(sids(&world, "alice").await, ["oleg"]);
    }

    async fn a_wrong_verifier_burns_the_code(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        for wrong in ["", CHALLENGE, "another-verifier-of-the-right-length-0000000000", VERIFIER.split_at(42).0] {
            let code = bind_code(&world, &BASIC, "oleg").await;
            assert_eq!(complete(&world, &BASIC, &code, (wrong, "alice")).await.refusal(), invalid(), "{wrong}");
            assert_eq!(complete(&world, &BASIC, &code, (VERIFIER, "alice")).await.refusal(), invalid(), "{wrong}");
        }
        assert_nothing_stored(&world, "with a wrong verifier").await;
        assert_eq!(count(&world, "flows").await, 0);
        assert_eq!(bind_refusals(&world).await, ["wrong_verifier"; 4]);
    }

    async fn a_subject_nobody_has_burns_the_code(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        let code = bind_code(&world, &BASIC, "oleg").await;
        let answer = complete(&world, &BASIC, &code, (VERIFIER, "nobody")).await;
        assert_eq!(answer.refusal(), (404, "user_not_found".to_owned()));
        assert_eq!(complete(&world, &BASIC, &code, (VERIFIER, "alice")).await.refusal(), invalid());
        assert_nothing_stored(&world, "for an unknown subject").await;
        assert_eq!(bind_refusals(&world).await, ["unknown_subject"]);
    }

    async fn a_false_hyphen_is_refused_before_the_code_is_touched(engine: Engine) {
        let world = World::start_with(engine, |text| text.replace("\"registered\"", "\"any\"")).await;
        let code = bind_code(&world, &BASIC, "oleg").await;
        let answer = complete(&world, &BASIC, &code, (VERIFIER, "d2580c98\u{2011}e584")).await;
        assert_eq!(answer.refusal(), (400, "wrong_values".to_owned()));
        assert!(answer.text().contains("subject has U+2011"), "{}", answer.text());
        assert_eq!(complete(&world, &BASIC, &code, (VERIFIER, "d2580c98-e584")).await.status, 204);
    }

    async fn another_applications_call_burns_nothing(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        let code = bind_code(&world, &BASIC, "oleg").await;
        let rivals = [As::Basic(RIVAL, RIVAL_PASSWORD), world.system(RIVAL, &ALL_SCOPES).await];
        for rival in &rivals {
            for verifier in [VERIFIER, "wrong"] {
                let answer = complete(&world, rival, &code, (verifier, "alice")).await;
                assert_eq!(answer.refusal(), (401, "bad_access_token".to_owned()));
            }
        }
        assert_nothing_stored(&world, "by another application").await;
        assert_eq!(complete(&world, &BASIC, &code, (VERIFIER, "alice")).await.status, 204);
    }

    async fn a_hundred_completions_at_once_make_one_link(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        let code = bind_code(&world, &BASIC, "oleg").await;
        let all = join_all((0..100).map(|_| complete(&world, &BASIC, &code, (VERIFIER, "alice")))).await;
        let done = all.iter().filter(|answer| answer.status == 204).count();
        let refused = all.iter().filter(|answer| answer.status == 400 && answer.refusal() == invalid()).count();
        assert_eq!((done, refused), (1, 99), "{:?}", all.iter().map(|answer| answer.status).collect::<Vec<_>>());
        assert_eq!((count(&world, "links").await, count(&world, "token_sets").await), (1, 1));
        let bound = texts(&world.database_url, "SELECT detail AS value FROM audit WHERE event = 'FEDERATION_POINT_BOUND'").await;
        assert_eq!(bound, ["proven"]);
    }

    async fn a_proven_account_stays_with_its_owner(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        world.account("bob").await;
        let code = bind_code(&world, &BASIC, "oleg").await;
        assert_eq!(complete(&world, &BASIC, &code, (VERIFIER, "alice")).await.status, 204);
        let code = bind_code(&world, &BASIC, "oleg").await;
        let answer = complete(&world, &BASIC, &code, (VERIFIER, "bob")).await;
        assert_eq!(answer.refusal(), (409, "already_linked".to_owned()));
        assert_eq!(complete(&world, &BASIC, &code, (VERIFIER, "alice")).await.refusal(), invalid(), "it is used up");
        assert_eq!((sids(&world, "alice").await, sids(&world, "bob").await), (vec!["oleg".to_owned()], vec![]));
        assert_eq!(bind_refusals(&world).await, ["already_linked"]);
    }

    async fn a_proven_link_takes_the_account_from_an_asserted_one(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        world.account("bob").await;
        let console = world.console().await;
        let by_id = world.call("POST", "/api/v3/users/bob/fa/box/box_1/oleg", &console, Body::None).await;
        assert_eq!((by_id.status, sids(&world, "bob").await), (204, vec!["oleg".to_owned()]));
        let code = bind_code(&world, &BASIC, "oleg").await;
        assert_eq!(complete(&world, &BASIC, &code, (VERIFIER, "alice")).await.status, 204);
        assert_eq!((sids(&world, "alice").await, sids(&world, "bob").await), (vec!["oleg".to_owned()], vec![]));
        let taken = "SELECT subject AS value FROM audit WHERE event = 'FEDERATION_POINT_TAKEN_OVER'";
        assert_eq!(texts(&world.database_url, taken).await, ["bob"]);
        let back = world.call("POST", "/api/v3/users/bob/fa/box/box_1/oleg", &console, Body::None).await;
        assert_eq!(back.refusal(), (409, "already_linked".to_owned()), "never the reverse");
    }

    async fn tokens_that_are_not_remembered_are_kept_nowhere(engine: Engine) {
        let world = World::start_with(engine, |text| format!("{text}remember_tokens = false\n")).await;
        world.account("alice").await;
        let redirect_to = instruct(&world, &BASIC).await;
        let mut browser = Browser::default();
        let confirm = browser.identify(&world, &redirect_to, "oleg").await;
        // What is sealed is four letters, "null", with a nonce and a tag.
        assert_eq!(count(&world, "flows WHERE length(sealed) = 32").await, 1, "not even while the user decides");
        let code = browser.decide(&world, &confirm, "yes").await.get("bind_code").to_owned();
        assert_eq!(complete(&world, &BASIC, &code, (VERIFIER, "alice")).await.status, 204);
        assert_eq!(sids(&world, "alice").await, ["oleg"]);
        assert_eq!(count(&world, "token_sets").await, 0);
        let console = world.console().await;
        let none = world.call("GET", "/api/v3/users/alice/fedToken/box/box_1", &console, Body::None).await;
        assert_eq!(none.refusal(), (404, "token_not_found".to_owned()));
    }

    async fn a_disabled_or_deleted_account_is_bound_to_nothing(engine: Engine) {
        let world = World::start(engine).await;
        let cases = [
            ("UPDATE accounts SET disabled_at = created", (400, "wrong_values"), "disabled", "disabled_account"),
            ("DELETE FROM accounts", (404, "user_not_found"), "no such user", "unknown_subject"),
        ];
        for (meanwhile, (status, error), desc, refusal) in cases {
            world.account("alice").await;
            let code = bind_code(&world, &BASIC, "oleg").await;
            execute(&world.database_url, meanwhile).await;
            let answer = complete(&world, &BASIC, &code, (VERIFIER, "alice")).await;
            assert_eq!(answer.refusal(), (status, error.to_owned()), "{meanwhile}");
            assert!(answer.text().contains(desc), "{}", answer.text());
            assert_nothing_stored(&world, meanwhile).await;
            assert_eq!(bind_refusals(&world).await.last().map(String::as_str), Some(refusal));
            assert_eq!(complete(&world, &BASIC, &code, (VERIFIER, "alice")).await.refusal(), invalid(), "it is burnt");
            execute(&world.database_url, "DELETE FROM accounts").await;
        }
    }
}
