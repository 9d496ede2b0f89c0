//! What one request may ask for, how much it is answered, and that nobody else pays for it.

use futures_util::FutureExt as _;
use serde_json::{Value, json};

use super::{fed_tokens, of, told, users};
use crate::support::fed::{fed_token_of, held};
use crate::support::world::{ALL_SCOPES, As, Body, CONSOLE, RIVAL, World, both_engines};

const MIB: usize = 1024 * 1024;

async fn post(world: &World, who: &As, text: impl Into<Vec<u8>>) -> crate::support::world::Answer {
    world.call("POST", "/api/v3/fedTokens", who, Body::Raw("application/json", text.into())).await
}

both_engines! {
    async fn what_is_wrong_with_a_request_is_named(engine: Engine) {
        let world = World::frozen(engine).await;
        let console = world.console().await;
        let thousand: Vec<Value> = (0..1000).map(|number| of(&number.to_string())).collect();
        let more: Vec<Value> = (0..1001).map(|number| of(&number.to_string())).collect();
        let (alice, long) = (of("alice"), "x".repeat(256));
        for (body, words) in [
            (json!({}), "tokens is missing"),
            (json!([]), "body must be a JSON object"),
            (json!({"tokens": {}}), "tokens has a value of the wrong type"),
            (json!({"tokens": [[]]}), "tokens[0] has a value of the wrong type"),
            (json!({"tokens": [alice], "force": true}), "force is not a field this takes"),
            (json!({"tokens": [alice], "min_ttl": 90}), "min_ttl is not a field this takes"),
            (json!({"tokens": [{"subject": "alice", "fp": "box:box_1", "force": true}]}), "force is not a field this takes"),
            (json!({"tokens": [{"subject": "alice", "fp": "box:box_1", "min_ttl": 1}]}), "min_ttl is not a field this takes"),
            (json!({"tokens": [{"fp": "box:box_1"}]}), "subject is missing"),
            (json!({"tokens": [{"subject": "alice"}]}), "fp is missing"),
            (json!({"tokens": [alice, {"subject": 1, "fp": "box:box_1"}]}), "tokens[1].subject has a value of the wrong type"),
            (json!({"tokens": [alice, {"subject": "", "fp": "box:box_1"}]}), "tokens[1].subject is empty"),
            (json!({"tokens": [{"subject": long, "fp": "box:box_1"}]}), "tokens[0].subject has 256 bytes, at most 255 are allowed"),
            (json!({"tokens": [{"subject": "a\u{7}", "fp": "box:box_1"}]}), "tokens[0].subject has the control character U+0007"),
            (json!({"tokens": [{"subject": "alice", "fp": "box"}]}), "tokens[0].fp must be type:name"),
            (json!({"tokens": [{"subject": "alice", "fp": "box:box_1", "sid": ""}]}), "tokens[0].sid is empty"),
            (json!({"tokens": [of("bob"), alice, of("carol"), alice]}), "tokens[3] asks for the same as tokens[1]"),
            (json!({"tokens": [{"subject": "a", "fp": "x:y", "sid": null}, {"subject": "a", "fp": "x:y"}]}), "tokens[1] asks for the same as tokens[0]"),
            (json!({"tokens": more}), "tokens has 1001 entries, at most 1000 are allowed"),
        ] {
            let answer = world.call("POST", "/api/v3/fedTokens", &console, Body::Json(body.clone())).await;
            let short: String = body.to_string().chars().take(200).collect();
            assert_eq!(answer.refusal(), (400, "wrong_values".to_owned()), "{short}");
            assert_eq!(answer.json()["desc"], words, "{short}");
        }
        for (text, status) in [("", 400), ("{", 400), ("{\"tokens\": []} x", 400)] {
            assert_eq!(post(&world, &console, text).await.status, status, "{text}");
        }
        let form = Body::Raw("application/x-www-form-urlencoded", b"tokens=1".to_vec());
        let answer = world.call("POST", "/api/v3/fedTokens", &console, form).await;
        assert_eq!(answer.refusal(), (415, "unsupported_media_type".to_owned()));
        assert_eq!(told(&fed_tokens(&world, &console, &[]).await), Vec::<Value>::new());
        assert_eq!(told(&fed_tokens(&world, &console, &thousand).await).len(), 1000);
    }

    async fn a_body_has_a_mebibyte_and_is_read_of_those_alone_who_may_ask(engine: Engine) {
        let world = World::frozen(engine).await;
        let console = world.console().await;
        let padded = |size: usize| {
            let mut text = b"{\"tokens\": []}".to_vec();
            text.resize(size, b' ');
            text
        };
        assert_eq!(post(&world, &console, padded(MIB)).await.status, 200);
        let answer = post(&world, &console, padded(MIB + 1)).await;
        assert_eq!(answer.refusal(), (413, "body_too_large".to_owned()));
        assert_eq!(answer.json()["desc"], "the body has more than 1048576 bytes");
        let without = world.system(CONSOLE, &ALL_SCOPES[..4]).await;
        let unknown = As::Bearer("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned());
        for who in [As::Nobody, unknown, without] {
            assert_eq!(post(&world, &who, padded(MIB + 1)).await.refusal(), (401, "bad_access_token".to_owned()), "{who:?}");
        }
    }

    async fn an_answer_has_sixteen_mebibytes_and_what_is_over_is_told_so(engine: Engine) {
        let world = World::frozen(engine).await;
        let console = world.console().await;
        let mut entries = Vec::new();
        for number in 0..20 {
            let size = if number == 19 { 10 } else { 900 * 1024 };
            let subject = format!("user{number}");
            world.import(json!({"subject": subject, "fpType": "box", "fpName": "box_1", "sid": subject, "accessToken": "x".repeat(size)})).await;
            entries.push(of(&subject));
        }
        let answer = fed_tokens(&world, &console, &entries).await;
        assert!(answer.body.len() <= 16 * MIB, "{}", answer.body.len());
        let told = told(&answer);
        for (place, told) in told.iter().enumerate() {
            // What fits after what does not is not kept back.
            let fits = place < 18 || place == 19;
            assert_eq!(told["token"].is_string(), fits, "{place}");
            assert!(fits || *told == json!({"error": "too_much"}), "{place}");
        }
        let rest = super::told(&fed_tokens(&world, &console, &entries[18..19]).await);
        assert_eq!(rest[0]["token"].as_str().map(str::len), Some(900 * 1024));
    }

    async fn an_application_has_one_batch_at_a_time_and_nobody_else_waits_for_it(engine: Engine) {
        let world = World::frozen(engine).await;
        let (console, rival) = (world.console().await, world.system(RIVAL, &ALL_SCOPES).await);
        let stale = users(&world, "stale", 1, 0).await;
        let fresh = users(&world, "fresh", 1, 3600).await;
        let hold = world.sandbox.script().hold_token_calls();
        let first = held(fed_tokens(&world, &console, &stale), &hold).await;
        let mut second = Box::pin(fed_tokens(&world, &console, &fresh));
        assert!((&mut second).now_or_never().is_none());
        // Another application, and who asks for one token.
        assert_eq!(told(&fed_tokens(&world, &rival, &fresh).await)[0]["sid"], "fresh0");
        assert_eq!(fed_token_of(&world, &console, "fresh0", "").await.status, 200);
        assert!((&mut second).now_or_never().is_none(), "it waits");
        hold.release();
        assert_eq!(told(&first.await)[0]["sid"], "stale0");
        assert_eq!(told(&second.await)[0]["sid"], "fresh0");
    }
}
