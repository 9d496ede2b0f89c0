//! Telling again: from the record and one by one, to whom, a page at a time, by whom.

use domain::event::{About, Actor, AuditLine, Event};
use serde_json::{Value, json};

use super::dead_letters::events;
use super::{come_and_go, link, world};
use crate::audit::written;
use crate::support::database::{count, texts};
use crate::support::receiver::{Manner, Receiver, deliver};
use crate::support::world::{Answer, As, Body, World, both_engines};

async fn replay(world: &World, who: &As, body: Value) -> Answer {
    world.call("POST", "/api/v3/events/replay", who, Body::Json(body)).await
}

both_engines! {
    async fn what_was_taken_is_told_again_from_the_record(engine: Engine) {
        let (world, receiver, console) = world(engine).await;
        let before = world.now().to_rfc3339();
        world.advance(1);
        come_and_go(&world, &console, &["oleg"], 2).await;
        world.advance(1);
        let between = world.now().to_rfc3339();
        world.advance(1);
        come_and_go(&world, &console, &["elle"], 1).await;
        deliver(&world).await;
        let first = receiver.taken();
        assert_eq!(first.len(), 6);
        let answer = replay(&world, &console, json!({"since": before, "until": between})).await;
        assert_eq!(answer.json(), json!({"replayed": 4}));
        assert_eq!(replay(&world, &console, json!({"since": before, "until": between})).await.json(), json!({"replayed": 0}), "they wait");
        let waiting = events(&world, &console, "").await;
        assert_eq!((waiting.len(), waiting.iter().all(|event| event["replayed"] == true)), (4, true));
        deliver(&world).await;
        let again = receiver.taken().split_off(6);
        assert!(again.iter().all(|told| told.body["replayed"] == true));
        let ids = |of: &[crate::support::receiver::Delivered]| {
            let mut ids: Vec<String> = of.iter().filter(|told| told.what().ends_with("oleg")).map(|told| told.id.clone()).collect();
            ids.sort();
            ids
        };
        assert_eq!((again.len(), ids(&again)), (4, ids(&first)));
        let one = replay(&world, &console, json!({"id": first[5].id})).await;
        assert_eq!(one.json(), json!({"replayed": 1}));
        deliver(&world).await;
        assert_eq!(receiver.taken().pop().expect("it").id, first[5].id);
        let lines = "SELECT detail || ' ' || CAST(count AS TEXT) AS value FROM audit WHERE event = 'EVENTS_REPLAYED' ORDER BY detail, count";
        assert_eq!(texts(&world.database_url, lines).await, ["event 1", "record 0", "record 4"]);
    }

    async fn a_replay_goes_to_whoever_is_named(engine: Engine) {
        let (crm, other) = (Receiver::start().await, Receiver::start().await);
        let secrets = format!("secrets = [\"{}\"]", crate::support::receiver::NEW_SECRET);
        let settings = crm.settings("crm") + &other.settings_with("other", &format!("{secrets}\nevents = [\"FEDERATION_POINT_UNBOUND\"]"));
        let world = World::frozen_with(engine, |text| text + &settings).await;
        world.account("alice").await;
        let console = world.console().await;
        let since = world.now().to_rfc3339();
        come_and_go(&world, &console, &["oleg"], 1).await;
        deliver(&world).await;
        assert_eq!((crm.took().len(), other.took()), (2, vec!["FEDERATION_POINT_UNBOUND oleg".to_owned()]), "what it wants alone");
        world.advance(1);
        for (body, replayed) in [
            (json!({"since": since, "endpoint": "crm"}), 2),
            (json!({"since": since}), 1),
            (json!({"id": crm.taken()[0].id, "endpoint": "other"}), -1),
            (json!({"since": since, "endpoint": "nobody"}), -1),
            (json!({"endpoint": "nobody", "dead": true}), -1),
        ] {
            let answer = replay(&world, &console, body.clone()).await;
            match replayed {
                -1 => assert_eq!(answer.refusal(), (400, "wrong_values".to_owned()), "{body}"),
                replayed => assert_eq!(answer.json(), json!({"replayed": replayed}), "{body}"),
            }
        }
        deliver(&world).await;
        assert_eq!((crm.took().len(), other.took().len()), (4, 2));
    }

    async fn lists_and_replays_go_a_page_at_a_time(engine: Engine) {
        let (world, receiver, console) = world(engine).await;
        receiver.behave(Manner::Status(500));
        for sid in ["oleg", "elle", "irina"] {
            link(&world, &console, sid).await;
        }
        let (mut seen, mut after) = (Vec::new(), String::new());
        loop {
            let answer = world.call("GET", &format!("/api/v3/events?limit=1{after}"), &console, Body::None).await.json();
            let page = answer["events"].as_array().expect("events").clone();
            seen.extend(page.iter().map(|event| event["data"]["sid"].as_str().expect("a sid").to_owned()));
            let Some(next) = answer["next"].as_str() else { break };
            after = format!("&after={next}");
        }
        assert_eq!(seen, ["oleg", "elle", "irina"]);
        assert!(events(&world, &console, "?endpoint=nobody").await.is_empty());
        assert_eq!(count(&world, "audit").await, 3 + 6, "each call has a line");
    }

    async fn a_record_of_more_than_a_page_is_told_again_a_page_at_a_time(engine: Engine) {
        let (world, _receiver, console) = world(engine).await;
        world.advance(1);
        let since = world.now().to_rfc3339();
        let about = About { subject: Some("alice"), ..About::default() };
        let line = || AuditLine::new(world.app.parts.entropy.uuid(), world.now(), Event::SignedIn, &Actor::default(), about);
        let lines: Vec<AuditLine> = (0..501).map(|_| line()).collect();
        written(&world, &lines).await;
        world.advance(1);
        let first = replay(&world, &console, json!({"since": since})).await.json();
        assert_eq!(first["replayed"], 500);
        let rest = replay(&world, &console, json!({"since": since, "after": first["next"]})).await;
        assert_eq!(rest.json(), json!({"replayed": 1}));
    }

    async fn what_is_wrong_with_a_request_is_named(engine: Engine) {
        let (world, _, console) = world(engine).await;
        for (body, words) in [
            (json!({}), "body must have id, or endpoint with dead true, or since"),
            (json!({"dead": true}), "body must have"),
            (json!({"endpoint": "crm", "dead": false}), "body must have"),
            (json!({"id": "x"}), "id must be a webhook-id"),
            (json!({"id": "00000000-0000-4000-8000-000000000000"}), "id is no event that anybody is told of"),
            (json!({"id": "00000000-0000-4000-8000-000000000000", "since": "2026-01-01T00:00:00Z"}), "body must have"),
            (json!({"since": "yesterday"}), "since must be a moment"),
            (json!({"since": "2026-01-01T00:00:00Z", "until": 7}), "until has a value of the wrong type"),
            (json!({"since": "2026-01-01T00:00:00Z", "after": "x"}), "after must be the next"),
            (json!({"endpoint": "crm", "dead": true, "after": "x"}), "after must be the next"),
            (json!({"nothing": 1}), "nothing"),
        ] {
            let answer = replay(&world, &console, body.clone()).await;
            assert_eq!(answer.refusal(), (400, "wrong_values".to_owned()), "{body}");
            let desc = answer.json()["desc"].as_str().expect("words").to_owned();
            assert!(desc.starts_with(words), "{body}: {desc}");
        }
        for (query, words) in [
            ("dead=yes", "dead must be true or false"),
            ("limit=0", "limit must be a whole number from 1 to 200"),
            ("limit=%2B1", "limit must be"),
            ("after=x", "after must be the next"),
            ("endpoint=crm&endpoint=crm", "endpoint stands more than once"),
        ] {
            let answer = world.call("GET", &format!("/api/v3/events?{query}"), &console, Body::None).await;
            let desc = answer.json()["desc"].as_str().expect("words").to_owned();
            assert!(answer.status == 400 && desc.starts_with(words), "{query}: {desc}");
        }
        assert_eq!(texts(&world.database_url, "SELECT event AS value FROM audit WHERE event IN ('EVENTS_REPLAYED', 'AUDIT_SEARCHED')").await, Vec::<String>::new());
    }
}
