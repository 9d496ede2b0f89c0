//! What happens moves its metric, by as much as it happened.

use std::collections::BTreeMap;

use sandbox::Refusal;
use service::counting;

use super::{samples, with_a_secret_that_ends};
use crate::support::database::execute;
use crate::support::fed::{expired, fed_token, held, lasting};
use crate::support::receiver::{Manner, Receiver, deliver};
use crate::support::revocations::unlink;
use crate::support::world::{As, Body, Engine, World, both_engines};

pub(super) type Samples = BTreeMap<String, f64>;

/// A metric has this value, to the nearest whole one.
#[track_caller]
fn assert_is(samples: &Samples, name: &str, value: f64) {
    assert_rise(&Samples::new(), samples, name, value);
}

/// A metric, 0 if it was not there, has risen by this.
#[track_caller]
fn assert_rise(before: &Samples, after: &Samples, name: &str, by: f64) {
    let now = after.get(name).unwrap_or_else(|| panic!("no {name} in {after:#?}"));
    let rise = now - before.get(name).copied().unwrap_or_default();
    assert!((rise - by).abs() < 0.5, "{name}: {rise} for {by} in {after:#?}");
}

async fn world(engine: Engine) -> (World, As) {
    let world = World::frozen(engine).await;
    world.account("alice").await;
    let console = world.console().await;
    (world, console)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_is_seen() {
    let world = World::frozen(Engine::Postgres).await;
    let up = "fedlink_database_up";
    assert_is(&samples(&world).await, up, 1.0);
    world.cut_off_database().await;
    let down = samples(&world).await;
    assert_is(&down, up, 0.0);
    assert!(down.contains_key("fedlink_flights"), "the rest is told: {down:#?}");
    assert!(!down.contains_key("fedlink_revocations_waiting"), "{down:#?}");
    world.let_database_in().await;
    let mut tries = 0;
    while samples(&world).await[up] < 0.5 {
        tries += 1;
        assert!(tries < 50, "it is back");
    }
}

both_engines! {
    async fn requests_are_counted_and_timed_by_route(engine: Engine) {
        let (world, console) = world(engine).await;
        lasting(&world, "oleg", 3600).await;
        let before = samples(&world).await;
        for _ in 0..3 {
            assert_eq!(fed_token(&world, &console, "").await.status, 200);
        }
        assert_eq!(fed_token(&world, &As::Nobody, "").await.status, 401);
        for (method, target) in [("GET", "/nowhere"), ("GET", "/nowhere/else"), ("EVIL", "/nowhere")] {
            world.send(method, &format!("{}{target}", world.base), &As::Nobody, Body::None, &[]).await;
        }
        let after = samples(&world).await;
        let route = "/api/v3/users/{subject}/fedToken/{type}/{name}";
        for (labels, times) in [
            (format!(r#"method="GET",route="{route}",status="200""#), 3.0),
            (format!(r#"method="GET",route="{route}",status="401""#), 1.0),
            (r#"method="GET",route="none",status="404""#.to_owned(), 2.0),
            (r#"method="other",route="none",status="404""#.to_owned(), 1.0),
        ] {
            let name = format!("fedlink_http_requests_total{{{labels}}}");
            assert_rise(&before, &after, &name, times);
        }
        let timed = format!("fedlink_http_request_seconds_count{{route=\"{route}\"}}");
        assert_rise(&before, &after, &timed, 4.0);
        // One secret of each token that was handed out.
        assert_rise(&before, &after, "fedlink_vault_openings_total", 3.0);
        assert!(after["fedlink_http_connections"] >= 1.0);
        assert_is(&after, "fedlink_http_body_bytes", 0.0);
        assert!(!after.keys().any(|name| name.contains("nowhere") || name.contains("EVIL")), "{after:#?}");
    }

    async fn limits_that_are_reached_are_counted(engine: Engine) {
        let (world, _) = world(engine).await;
        let secrets = "fedlink_limits_reached_total{limit=\"secrets\"}";
        let before = samples(&world).await;
        assert_is(&before, secrets, 0.0);
        let mut refused = 0.0;
        for _ in 0..200 {
            let guess = world.call("POST", "/oauth/te", &As::Basic("console", "guess"), Body::Form(vec![("grant_type", "client_credentials".to_owned())]));
            if guess.await.status == 429 {
                refused += 1.0;
            }
        }
        assert!(refused > 0.0);
        assert_rise(&before, &samples(&world).await, secrets, refused);
    }

    async fn refreshes_are_counted_by_provider_and_outcome(engine: Engine) {
        let (world, console) = world(engine).await;
        let of = |outcome| format!("fedlink_refreshes_total{{provider=\"box:box_1\",outcome=\"{outcome}\"}}");
        let refuse = |refusal| world.sandbox.script().set(|settings| settings.refuse_refresh = refusal);
        for (refusal, outcome, status) in [
            (None, "granted", 200),
            (Some(Refusal::new(400, "invalid_grant")), "refused", 404),
            (Some(Refusal::new(500, "server_error")), "failed", 503),
        ] {
            let before = samples(&world).await;
            refuse(refusal);
            expired(&world, outcome).await;
            assert_eq!(fed_token(&world, &console, &format!("?sid={outcome}")).await.status, status, "{outcome}");
            let after = samples(&world).await;
            assert_rise(&before, &after, &of(outcome), 1.0);
            let answers = "fedlink_provider_answer_seconds_count{provider=\"box:box_1\"}";
            assert_rise(&before, &after, answers, 1.0);
            assert_is(&after, "fedlink_flights", 0.0);
            assert_is(&after, "fedlink_provider_asked{provider=\"box:box_1\"}", 0.0);
        }
    }

    async fn a_provider_at_work_and_one_at_rest_are_seen(engine: Engine) {
        let (world, console) = world(engine).await;
        let (asked, rests) = ("fedlink_provider_asked{provider=\"box:box_1\"}", "fedlink_provider_rest_seconds{provider=\"box:box_1\"}");
        expired(&world, "slow").await;
        let hold = world.sandbox.script().hold_token_answers();
        {
            let _call = held(fed_token(&world, &console, "?sid=slow"), &hold).await;
            let meanwhile = samples(&world).await;
            for (name, value) in [(asked, 1.0), ("fedlink_flights", 1.0), (rests, 0.0)] {
                assert_is(&meanwhile, name, value);
            }
        }
        hold.release();
        world.sandbox.script().set(|settings| settings.refuse_refresh = Some(Refusal::new(429, "slow_down")));
        for failing in 0..12 {
            let sid = format!("failing-{failing}");
            expired(&world, &sid).await;
            assert_eq!(fed_token(&world, &console, &format!("?sid={sid}")).await.status, 503);
        }
        let resting = samples(&world).await;
        assert!(resting[rests] > 0.0, "{resting:#?}");
        world.advance(3600);
        assert_is(&samples(&world).await, rests, 0.0);
    }

    async fn what_waits_is_counted_and_grows_old(engine: Engine) {
        let receiver = Receiver::start().await;
        let world = World::frozen_with(engine, |settings| settings + &receiver.settings("crm")).await;
        world.account("alice").await;
        let console = world.console().await;
        receiver.behave(Manner::Status(500));
        lasting(&world, "oleg", 3600).await;
        assert_eq!(fed_token(&world, &console, "").await.status, 200);
        counting::write(&world.app.parts).await.expect("what is counted is written");
        unlink(&world, &console, "oleg").await;
        deliver(&world).await;
        world.advance(600);
        let waiting = samples(&world).await;
        for (name, count) in [
            ("fedlink_revocations_waiting", 1.0),
            ("fedlink_revocations_oldest_seconds", 600.0),
            ("fedlink_events_oldest_seconds{webhook=\"crm\"}", 600.0),
            ("fedlink_served_pages_waiting", 1.0),
            ("fedlink_served_pages_oldest_seconds", 600.0),
            ("fedlink_database_up", 1.0),
        ] {
            assert_is(&waiting, name, count);
        }
        let events = waiting["fedlink_events_waiting{webhook=\"crm\"}"];
        assert!(events >= 1.0, "{waiting:#?}");
        assert_is(&waiting, "fedlink_events_given_up{webhook=\"crm\"}", 0.0);
        execute(&world.database_url, "UPDATE outbox SET dead_at = queued_at").await;
        execute(&world.database_url, "UPDATE served_pages SET level = -1").await;
        let lost = samples(&world).await;
        assert_is(&lost, "fedlink_events_given_up{webhook=\"crm\"}", events);
        assert_is(&lost, "fedlink_served_pages_waiting", 0.0);
        assert_is(&lost, "fedlink_served_pages_spoilt", 1.0);
        execute(&world.database_url, "DROP TABLE outbox").await;
        let down = samples(&world).await;
        assert_is(&down, "fedlink_database_up", 1.0);
        assert!(!down.contains_key("fedlink_revocations_waiting"), "{down:#?}");
        assert!(down.contains_key("fedlink_flights"), "the rest is told");
    }

    async fn secrets_count_their_days(engine: Engine) {
        let world = World::frozen_with(engine, |settings| with_a_secret_that_ends(&settings)).await;
        let days = "fedlink_client_secret_days{client=\"rival\"}";
        let before = samples(&world).await;
        world.advance(2 * 24 * 3600);
        let later = samples(&world).await;
        assert_rise(&before, &later, days, -2.0);
        assert!(!later.contains_key("fedlink_client_secret_days{client=\"console\"}"), "it has no end");
    }
}
