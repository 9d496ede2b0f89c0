//! Whose token it is to be: what is believed for a subject, and of whom.

use serde_json::{Value, json};

use super::{
    API, LEFT_OUT, account_of, asks_for, exchange, exchange_with, is, sent_to_api, trusting, trusting_with, with,
};
use crate::support::database::{count, execute, texts};
use crate::support::fed::{expired, lasting};
use crate::support::issuer::AUDIENCE;
use crate::support::user_mode::{AS_CONSOLE, AS_RIVAL, code_with, list, redeem, refresh, signed_in, tokens};
use crate::support::world::{As, Body, CONSOLE, World, both_engines};

const NOT_BELIEVED: (u16, &str) = (400, "invalid_request");

/// The only words on a subject token that is not believed.
#[track_caller]
fn is_not_believed(answer: &crate::support::world::Answer, what: &str) {
    is(answer, NOT_BELIEVED, what);
    assert_eq!(answer.json()["error_description"], json!("the subject token is not accepted"), "{what}");
}

both_engines! {
    async fn a_token_that_the_service_was_sent_gets_the_users_own(engine: Engine) {
        let (world, issuer, key) = trusting(engine).await;
        account_of(&world, &issuer, "alice").await;
        let held = lasting(&world, "1", 600).await;
        let token = key.sign(&sent_to_api(&issuer, &world, "alice"));
        for _ in 0..2 {
            let answer = exchange(&world, &token).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            assert_eq!(answer.header("cache-control"), Some("no-store"));
            let body = answer.json();
            let access = secrecy::ExposeSecret::expose_secret(&held.access_token);
            assert_eq!(body["access_token"], json!(access));
            assert_eq!((&body["issued_token_type"], &body["token_type"]), (&json!(super::ACCESS_TOKEN), &json!("Bearer")));
            assert!((590..=600).contains(&body["expires_in"].as_i64().expect("a number")), "{body}");
            assert!(body.get("refresh_token").is_none() && body.get("scope").is_none());
        }
        assert_eq!(issuer.asked("/jwks"), 1);
        assert_eq!(list(&world, &token, "alice").await, 401, "just exchanged, it is no Bearer");
        is_not_believed(&exchange_with(&world, &AS_RIVAL, &token, &[]).await, "just exchanged by another");
        assert_eq!(count(&world, "accounts").await, 1, "it makes no account");
    }

    async fn it_is_refreshed_on_the_way(engine: Engine) {
        let (world, issuer, key) = trusting(engine).await;
        account_of(&world, &issuer, "alice").await;
        expired(&world, "1").await;
        let answer = exchange(&world, &key.sign(&sent_to_api(&issuer, &world, "alice"))).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(world.sandbox.counts().token_refresh, 1);
        let again = exchange_with(&world, &AS_CONSOLE, &key.sign(&sent_to_api(&issuer, &world, "alice")), &[("min_ttl", "600")]).await;
        assert_eq!(again.status, 200, "{}", again.text());
    }

    async fn what_is_not_a_users_token_for_this_service_is_not_believed(engine: Engine) {
        let (world, issuer, key) = trusting_with(engine, "system_clients = [\"console\"]", |settings| settings).await;
        account_of(&world, &issuer, "alice").await;
        lasting(&world, "1", 600).await;
        let good = sent_to_api(&issuer, &world, "alice");
        let now = world.now().timestamp();
        let cases: [(&str, Value); 20] = [
            ("another service's audience", with(&good, "aud", json!("https://other.example/api"))),
            ("nobody's audience", with(&good, "aud", Value::Null)),
            ("a part of the audience", with(&good, "aud", json!("https://console.example"))),
            ("expired", with(&good, "exp", json!(now))),
            ("without an end", with(&good, "exp", Value::Null)),
            ("of the future", with(&good, "nbf", json!(now + 300))),
            ("bound to a key", with(&good, "cnf", json!({"jkt": "x"}))),
            ("without a subject", with(&good, "sub", Value::Null)),
            ("without an application", with(&good, "client_id", Value::Null)),
            ("a foreign issuer", with(&good, "iss", json!("https://stranger.example"))),
            ("an application's own", with(&with(&good, "sub", json!(CONSOLE)), "client_id", json!(CONSOLE))),
            ("a user called as an application of ours", with(&good, "sub", json!("rival"))),
            ("a user called as the application", with(&good, "sub", json!("some-web-page"))),
            ("somebody else may act", with(&good, "may_act", json!({"sub": "rival"}))),
            ("nobody may act", with(&good, "may_act", json!({}))),
            ("a subject that fits nowhere", with(&good, "sub", json!("a\u{0}b"))),
            ("a Bearer without the scope", with(&with(&good, "aud", json!(AUDIENCE)), "client_id", json!(CONSOLE))),
            ("a Bearer of another application", with(&with(&with(&good, "aud", json!(AUDIENCE)), "client_id", json!("rival")), "scope", json!("fed_tkn_any"))),
            ("for both, judged as a Bearer", with(&good, "aud", json!([API, AUDIENCE]))),
            ("an application's Bearer", with(&with(&with(&with(&good, "aud", json!(AUDIENCE)), "client_id", json!(CONSOLE)), "sub", json!(CONSOLE)), "scope", json!("fed_tkn_any"))),
        ];
        for (what, claims) in cases {
            is_not_believed(&exchange(&world, &key.sign(&claims)).await, what);
        }
        let odd = [
            ("an ID token", with(&key.header(), "typ", json!("JWT"))),
            ("no typ", with(&key.header(), "typ", Value::Null)),
            ("a critical header", with(&key.header(), "crit", json!(["x"]))),
            ("alg none", with(&key.header(), "alg", json!("none"))),
            ("HS256", with(&key.header(), "alg", json!("HS256"))),
            ("an unknown key", with(&key.header(), "kid", json!("2"))),
        ];
        for (what, header) in odd {
            is_not_believed(&exchange(&world, &key.sign_with(&header, &good)).await, what);
        }
        for nonsense in ["", "a.b.c", "...", "not a token", "m9tuVBNUnizkuwFnq95IXQm1XTplXLUFD1O5TUmGij4"] {
            is(&exchange(&world, nonsense).await, NOT_BELIEVED, nonsense);
        }
        let acting = with(&with(&good, "may_act", json!({"sub": CONSOLE})), "act", json!({"sub": "gateway"}));
        assert_eq!(exchange(&world, &key.sign(&acting)).await.status, 200, "who may act is the service");
        assert_eq!(exchange(&world, &key.sign(&with(&good, "aud", json!(["x", API])))).await.status, 200);
    }

    async fn a_bearer_is_exchanged_by_whom_it_was_issued_to_for_what_it_has(engine: Engine) {
        let (world, issuer, key) = trusting(engine).await;
        account_of(&world, &issuer, "alice").await;
        lasting(&world, "1", 600).await;
        let jwt = |scope: &str| key.sign(&issuer.claims(&world, "alice", scope));
        for (scope, status) in [("fed_tkn_any", 200), ("fed_tkn_box_box_1 blitz_api_ufa", 200), ("fed_tkn_box_box_2", 400), ("", 400)] {
            assert_eq!(exchange(&world, &jwt(scope)).await.status, status, "{scope}");
        }
        assert_eq!(exchange(&world, &jwt("fed_tkn_any")).await.status, 200);
        is_not_believed(&exchange_with(&world, &AS_RIVAL, &jwt("fed_tkn_any"), &[]).await, "another's, seen a moment ago");
        let acting = |may_act: Value| key.sign(&with(&issuer.claims(&world, "alice", "fed_tkn_any"), "may_act", may_act));
        assert_eq!(exchange(&world, &acting(json!({"sub": CONSOLE}))).await.status, 200);
        is_not_believed(&exchange(&world, &acting(json!({"sub": "rival"}))).await, "somebody else may act");
        // A newcomer is not made a user by an exchange.
        asks_for(&exchange(&world, &key.sign(&issuer.claims(&world, "bob", "fed_tkn_any"))).await, "not_linked");
        assert_eq!(count(&world, "accounts").await, 1);
    }

    async fn our_own_token_is_exchanged_by_its_client(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        lasting(&world, "1", 600).await;
        let (access, refresh_token) = signed_in(&world, "alice").await;
        assert_eq!(exchange(&world, &access).await.status, 200);
        is_not_believed(&exchange_with(&world, &AS_RIVAL, &access, &[]).await, "another's");
        is_not_believed(&exchange(&world, &refresh_token).await, "a refresh token");
        let code = code_with(&world, "alice", &[("scope", "blitz_api_ufa")]).await;
        let (narrow, _) = tokens(&redeem(&world, &AS_CONSOLE, &code).await);
        is_not_believed(&exchange(&world, &narrow).await, "without the scope");
        let system = world.system("console", &["fed_tkn_any"]).await;
        let As::Bearer(system) = system else { unreachable!("a bearer") };
        is_not_believed(&exchange(&world, &system).await, "an application's own");
        // Revoked with its sign-in, it is nobody's at once.
        assert_eq!(refresh(&world, &AS_CONSOLE, &refresh_token).await.status, 200);
        assert_eq!(crate::support::user_mode::revoke(&world, &AS_CONSOLE, &access).await.status, 200);
        is_not_believed(&exchange(&world, &access).await, "revoked");
    }

    async fn a_subject_in_clear_is_taken_from_those_that_are_listed(engine: Engine) {
        let world = World::start_with(engine, |settings| {
            settings.replace("[[clients]]\nid = \"rival\"", "subject_tokens = [\"access_token\", \"subject\"]\n[[clients]]\nid = \"rival\"")
        })
        .await;
        world.account("alice").await;
        lasting(&world, "1", 600).await;
        let kind = format!("{}/blitz/token-type/subject", world.base);
        let metadata = format!("{}/.well-known/oauth-authorization-server/blitz", world.base);
        let metadata = world.send("GET", &metadata, &As::Nobody, Body::None, &[]).await;
        assert_eq!(metadata.json()["subject_token_types_supported"], json!([super::ACCESS_TOKEN, kind]));
        let in_clear = [("subject_token_type", kind.as_str())];
        assert_eq!(exchange_with(&world, &AS_CONSOLE, "alice", &in_clear).await.status, 200);
        is_not_believed(&exchange_with(&world, &AS_RIVAL, "alice", &in_clear).await, "not listed for it");
        asks_for(&exchange_with(&world, &AS_CONSOLE, "nobody", &in_clear).await, "not_linked");
        is_not_believed(&exchange_with(&world, &AS_CONSOLE, "a\u{7f}b", &in_clear).await, "no subject");
        let foreign = [("subject_token_type", "https://elsewhere.example/token-type/subject")];
        is(&exchange_with(&world, &AS_CONSOLE, "alice", &foreign).await, NOT_BELIEVED, "another issuer's type");
        let alice = domain::ids::Subject::parse("alice").expect("a subject");
        service::accounts::disable(&world.app.parts, alice).await.expect("it is there");
        is_not_believed(&exchange_with(&world, &AS_CONSOLE, "alice", &in_clear).await, "disabled");
    }

    async fn an_exchange_tells_nobody_who_there_is(engine: Engine) {
        let (world, issuer, key) = trusting(engine).await;
        account_of(&world, &issuer, "linkless").await;
        world.account("ours").await;
        account_of(&world, &issuer, "another").await;
        execute(&world.database_url, "UPDATE accounts SET issuer = 'https://another.example' WHERE subject = 'another'").await;
        let mut told = Vec::new();
        for subject in ["linkless", "ours", "another", "unknown"] {
            let answer = exchange(&world, &key.sign(&sent_to_api(&issuer, &world, subject))).await;
            asks_for(&answer, "not_linked");
            told.push(answer.json()["reason"].clone());
        }
        assert!(told.iter().all(|reason| *reason == told[0]));
        let subjects = texts(&world.database_url, "SELECT subject AS value FROM accounts ORDER BY subject").await;
        assert_eq!(subjects, ["another", "linkless", "ours"]);
        let linkless = domain::ids::Subject::parse("linkless").expect("a subject");
        service::accounts::disable(&world.app.parts, linkless).await.expect("it is there");
        is_not_believed(&exchange(&world, &key.sign(&sent_to_api(&issuer, &world, "linkless"))).await, "disabled");
        let id = exchange_with(&world, &AS_CONSOLE, "x", &[("subject_token_type", "urn:ietf:params:oauth:token-type:id_token")]).await;
        is(&id, NOT_BELIEVED, "an ID token is never a subject token");
        is(&exchange_with(&world, &AS_CONSOLE, "x", &[("subject_token_type", LEFT_OUT)]).await, NOT_BELIEVED, "no type");
    }

    async fn where_the_users_live_elsewhere_it_takes_no_account(engine: Engine) {
        let (world, issuer, key) = trusting_with(engine, "", |settings| settings.replace("\"registered\"", "\"any\"")).await;
        lasting(&world, "1", 600).await;
        assert_eq!(exchange(&world, &key.sign(&sent_to_api(&issuer, &world, "alice"))).await.status, 200);
        asks_for(&exchange(&world, &key.sign(&sent_to_api(&issuer, &world, "bob"))).await, "not_linked");
    }

    async fn forged_tokens_are_no_load_on_their_issuer(engine: Engine) {
        let (world, issuer, key) = trusting(engine).await;
        let good = sent_to_api(&issuer, &world, "alice");
        for number in 0..20 {
            let forged = with(&key.header(), "kid", json!(format!("forged-{number}")));
            is_not_believed(&exchange(&world, &key.sign_with(&forged, &good)).await, "a key of nobody's");
        }
        assert_eq!(issuer.asked("/jwks"), 1, "its keys were asked for a moment ago");
        let stranger = with(&good, "iss", json!("https://stranger.example"));
        is_not_believed(&exchange(&world, &key.sign(&stranger)).await, "a stranger's");
        is_not_believed(&exchange(&world, &key.sign(&with(&good, "aud", json!("x")))).await, "for nobody here");
        assert_eq!(issuer.asked("/jwks"), 1);
    }

    async fn while_an_issuers_keys_cannot_be_had_its_tokens_may_be_good(engine: Engine) {
        let (world, issuer, key) = trusting(engine).await;
        issuer.describe("/jwks", 500, &json!({}));
        let token = key.sign(&sent_to_api(&issuer, &world, "alice"));
        for _ in 0..3 {
            let answer = exchange(&world, &token).await;
            is(&answer, (503, "temporarily_unavailable"), "no keys");
            assert!(answer.header("retry-after").is_some());
        }
        assert_eq!(issuer.asked("/jwks"), 1, "that they could not be had is remembered for a moment");
    }

    async fn what_was_decided_anew_is_judged_anew(engine: Engine) {
        let (world, issuer, key) = trusting(engine).await;
        account_of(&world, &issuer, "alice").await;
        lasting(&world, "1", 600).await;
        let token = key.sign(&sent_to_api(&issuer, &world, "alice"));
        assert_eq!(exchange(&world, &token).await.status, 200);
        let section = issuer.section("");
        world.decide(|settings| settings + &section);
        is_not_believed(&exchange(&world, &token).await, "the API is the application's no more");
    }
}
