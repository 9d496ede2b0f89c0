//! Dead letters: after a day of backoff an event is given up, those behind it go on, and it is kept for a month.

use serde_json::{Value, json};
use service::sweep;

use super::{link, of_account, unlink, world};
use crate::support::database::{count, texts};
use crate::support::receiver::{Manner, deliver};
use crate::support::world::{As, Body, World, both_engines};

/// Lets a day pass, with all that the background does in it.
async fn a_day(world: &World) {
    for _ in 0..25 {
        deliver(world).await;
        world.advance(3600);
    }
    deliver(world).await;
}

pub(super) async fn events(world: &World, console: &As, query: &str) -> Vec<Value> {
    let answer = world.call("GET", &format!("/api/v3/events{query}"), console, Body::None).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["events"].as_array().expect("events").clone()
}

async fn lines(world: &World) -> Vec<String> {
    let query = "SELECT coalesce(client, '-') || ' ' || detail || ' ' || CAST(count AS TEXT) AS value FROM audit \
                 WHERE event = 'EVENTS_REPLAYED' ORDER BY at";
    texts(&world.database_url, query).await
}

both_engines! {
    async fn after_a_day_an_event_is_given_up_those_behind_it_go_on_and_a_replay_says_so(engine: Engine) {
        let (world, receiver, _) = world(engine).await;
        let console = world.console().await;
        // The receiver chokes on the first of its events alone.
        link(&world, &console, "oleg").await;
        receiver.behave(Manner::Refuses("oleg".to_owned(), 422));
        for _ in 0..23 {
            deliver(&world).await;
            world.advance(3600);
        }
        let console = world.console().await;
        unlink(&world, &console, "oleg").await;
        deliver(&world).await;
        let [waiting, behind] = events(&world, &console, "").await.try_into().expect("two");
        assert_eq!((&waiting["type"], &behind["type"]), (&json!("FEDERATION_POINT_BOUND"), &json!("FEDERATION_POINT_UNBOUND")));
        assert!(waiting["attempts"].as_i64().is_some_and(|attempts| attempts >= 20), "{waiting}");
        assert!(receiver.taken().is_empty());
        for _ in 0..3 {
            world.advance(3600);
            deliver(&world).await;
        }
        assert!(receiver.taken().is_empty(), "what is behind it is retried in its turn");
        let console = world.console().await;
        let [dead] = events(&world, &console, "?dead=true").await.try_into().expect("one");
        assert_eq!((&dead["id"], &dead["failure"], &dead["endpoint"]), (&waiting["id"], &json!("status_422"), &json!("crm")));
        assert!(dead["deadAt"].is_string() && dead["attempts"].is_null());
        let [waits] = events(&world, &console, "?endpoint=crm").await.try_into().expect("one");
        assert_eq!(waits["id"], behind["id"]);
        receiver.behave(Manner::Status(204));
        world.advance(3600);
        deliver(&world).await;
        assert_eq!(receiver.took(), ["FEDERATION_POINT_UNBOUND oleg"], "it goes on without it");
        let console = world.console().await;
        let body = Body::Json(json!({"endpoint": "crm", "dead": true}));
        let replayed = world.call("POST", "/api/v3/events/replay", &console, body).await;
        assert_eq!((replayed.status, replayed.json()), (200, json!({"replayed": 1})), "{}", replayed.text());
        deliver(&world).await;
        let told = receiver.taken().pop().expect("it is told");
        assert_eq!((&json!(told.id), &told.body["replayed"]), (&waiting["id"], &json!(true)));
        assert_eq!(told.what(), "FEDERATION_POINT_BOUND oleg");
        assert_eq!((count(&world, "outbox").await, lines(&world).await), (0, vec!["console dead 1".to_owned()]));
        assert!(receiver.taken()[0].body.get("replayed").is_none());
    }

    async fn nobody_behind_a_dead_receiver_is_given_up_untried(engine: Engine) {
        let (world, receiver, console) = world(engine).await;
        receiver.behave(Manner::Status(500));
        link(&world, &console, "oleg").await;
        unlink(&world, &console, "oleg").await;
        a_day(&world).await;
        let console = world.console().await;
        assert_eq!(events(&world, &console, "?dead=true").await.len(), 1);
        // As old as the first, and it has its tries: a minute's.
        for _ in 0..20 {
            world.advance(30);
            deliver(&world).await;
        }
        assert_eq!(events(&world, &console, "?dead=true").await.len(), 2);
        let tried = receiver.tried().iter().filter(|tried| tried.what() == "FEDERATION_POINT_UNBOUND oleg").count();
        assert_eq!(tried, 5);
        assert_eq!(count(&world, "outbox_lanes").await, 0);
    }

    async fn dead_letters_are_kept_for_a_month(engine: Engine) {
        let (world, receiver, console) = world(engine).await;
        receiver.behave(Manner::Status(500));
        link(&world, &console, "oleg").await;
        a_day(&world).await;
        world.advance(30 * 86_400 - 2 * 3600);
        sweep::delete(&world.app.parts).await.expect("it sweeps");
        assert_eq!(count(&world, "outbox").await, 1);
        world.advance(3600 + 1);
        sweep::delete(&world.app.parts).await.expect("it sweeps");
        assert_eq!(count(&world, "outbox").await, 0);
        receiver.behave(Manner::Status(204));
        link(&world, &world.console().await, "elle").await;
        deliver(&world).await;
        assert_eq!(of_account(&receiver, "elle").len(), 1);
    }
}
