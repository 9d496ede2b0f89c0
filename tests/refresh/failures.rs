//! Refreshes that fail: what passes loses nothing, what is final is not asked again.

use std::time::{Duration, Instant};

use sandbox::{Answer as Shape, Refusal, Rotation};
use secrecy::ExposeSecret as _;

use crate::support::fed::{asked, expired, fed_token, give, health, lasting, token};
use crate::support::world::{Answer, As, Engine, World, both_engines};

async fn world(engine: Engine) -> World {
    world_with(engine, "").await
}

/// A world where alice has an account and the sandbox's time stands; `more` are settings of the provider.
async fn world_with(engine: Engine, more: &str) -> World {
    let world = World::frozen_with(engine, |settings| settings + more).await;
    world.account("alice").await;
    world
}

/// Asserts the answer to a passing failure; gives the seconds of its `Retry-After`.
#[track_caller]
fn rest(answer: &Answer) -> u64 {
    assert_eq!(answer.refusal(), (503, "provider_unavailable".to_owned()));
    let seconds = answer.header("retry-after").and_then(|text| text.parse().ok()).expect("a Retry-After");
    assert_eq!(answer.json()["retry_after"], seconds);
    seconds
}

/// One refresh that fails in passing and, as soon as the answer said, one that works.
async fn passes(world: &World, console: &As, what: &str, retry_after: Option<u64>) {
    let before = asked(world);
    let sid = format!("sid-{before}");
    expired(world, &sid).await;
    let query = format!("?sid={sid}&force=true");
    let seconds = rest(&fed_token(world, console, &query).await);
    match retry_after {
        Some(wanted) => assert_eq!(seconds, wanted, "{what}"),
        None => assert!((1..=2).contains(&seconds), "{what}: {seconds}"),
    }
    assert_eq!(health(world, console, &sid).await, "degraded", "{what}");
    if let Some(all_but_one) = seconds.checked_sub(1).filter(|left| *left > 0) {
        world.advance(all_but_one);
    }
    // However it is asked for: until its time to rest is over, the provider is left alone.
    rest(&fed_token(world, console, &query).await);
    rest(&fed_token(world, console, &format!("?sid={sid}")).await);
    assert_eq!(asked(world), before + 1, "{what}");
    world.advance(1);
    assert!(world.sandbox.is_active(&token(&fed_token(world, console, &query).await, &sid)), "{what}");
    assert_eq!(health(world, console, &sid).await, "ok", "{what}");
    assert_eq!((asked(world), world.sandbox.counts().followed_redirect), (before + 2, 0), "{what}");
}

/// Lets a call go on until the provider has been asked so often.
async fn until_asked(world: &World, call: &mut (impl Future<Output = Answer> + Unpin), times: u64) {
    while asked(world) < times {
        waits(call).await;
    }
}

/// Lets a call go on for a moment, in which it must not end.
async fn waits(call: &mut (impl Future<Output = Answer> + Unpin)) {
    let early = tokio::time::timeout(Duration::from_millis(100), call).await;
    assert!(early.is_err(), "{early:?}");
}

both_engines! {
    async fn a_passing_failure_loses_nothing(engine: Engine) {
        let world = world(engine).await;
        let console = world.console().await;
        let unavailable = "temporarily_unavailable".to_owned();
        let cases = [
            (Shape::Html502, None),
            (Shape::EmptyStatus(500), None),
            (Shape::EmptyStatus(400), None),
            (Shape::EmptyStatus(404), None),
            (Shape::EmptyStatus(200), None),
            (Shape::Status(503, None), None),
            (Shape::Status(503, Some(7)), Some(7)),
            (Shape::Status(429, Some(90)), Some(90)),
            (Shape::Redirect, None),
            (Shape::OkWithError(unavailable), None),
            (Shape::OkWithError("something_new".to_owned()), None),
        ];
        for (shape, retry_after) in cases {
            world.sandbox.script().next_answers(1, &shape);
            passes(&world, &console, &format!("{shape:?}"), retry_after).await;
        }
        // The provider did the work and its answer was spoilt: only a grace window can save such a grant.
        world.sandbox.script().set(|settings| settings.rotation = Rotation::Grace(Duration::from_mins(1)));
        for shape in [Shape::TruncatedJson, Shape::CloseMidBody] {
            world.sandbox.script().next_answers(1, &shape);
            passes(&world, &console, &format!("{shape:?}"), None).await;
        }
    }

    /// A second answer that says "not now" is no word about the first.
    async fn an_answer_that_was_lost_is_not_forgotten_when_the_provider_fails_at_once(engine: Engine) {
        let world = world_with(engine, "reuse_window = \"30s\"\n").await;
        let console = world.console().await;
        world.sandbox.script().set(|settings| settings.rotation = Rotation::Grace(Duration::from_secs(30)));
        expired(&world, "oleg").await;
        world.sandbox.script().next_answers(1, &Shape::TruncatedJson);
        world.sandbox.script().next_answers(1, &Shape::Status(503, None));
        rest(&fed_token(&world, &console, "").await);
        assert_eq!(asked(&world), 2);
        world.advance(31);
        assert_eq!(fed_token(&world, &console, "").await.refusal(), (404, "token_not_found".to_owned()));
        assert_eq!(health(&world, &console, "oleg").await, "lost_in_flight");
    }

    async fn a_refusal_nobody_listed_passes(engine: Engine) {
        let world = world(engine).await;
        let console = world.console().await;
        let script = world.sandbox.script();
        expired(&world, "oleg").await;
        for refusal in [
            Refusal::new(401, "invalid_client"),
            Refusal::new(400, "invalid_request"),
            Refusal::new(403, "invalid_code"),
            Refusal::new(500, "invalid_grant"),
            Refusal::new(503, "invalid_grant"),
            Refusal::new(429, "invalid_grant"),
            Refusal::empty(400),
        ] {
            script.set(|settings| settings.refuse_refresh = Some(refusal.clone()));
            let seconds = rest(&fed_token(&world, &console, "").await);
            assert_eq!(health(&world, &console, "oleg").await, "degraded", "{refusal:?}");
            world.advance(seconds);
        }
        script.set(|settings| settings.refuse_refresh = None);
        assert!(world.sandbox.is_active(&token(&fed_token(&world, &console, "").await, "oleg")));
    }

    async fn failures_in_a_row_are_asked_again_ever_later(engine: Engine) {
        let world = world(engine).await;
        let console = world.console().await;
        expired(&world, "oleg").await;
        world.sandbox.script().set(|settings| settings.answer = Shape::Html502);
        let mut waits = Vec::new();
        for _ in 0..11 {
            let seconds = rest(&fed_token(&world, &console, "").await);
            waits.push(seconds);
            world.advance(seconds);
        }
        assert_eq!(asked(&world), 11);
        // docs/refresh.md: 1 s … 5 min, the jitter takes up to half of it off.
        for (wait, most) in waits.iter().zip([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]) {
            assert!((most / 2..=most).contains(wait), "{waits:?}");
        }
        world.sandbox.script().set(|settings| settings.answer = Shape::Json);
        let console = world.console().await;
        assert_eq!(fed_token(&world, &console, "").await.status, 200);
        // A success forgets them all.
        world.advance(3600);
        let console = world.console().await;
        world.sandbox.script().next_answers(1, &Shape::Html502);
        assert_eq!(rest(&fed_token(&world, &console, "").await), 1);
    }

    async fn an_unreachable_provider_loses_nothing(engine: Engine) {
        let world = world(engine).await;
        let console = world.console().await;
        // The metadata is known and the tokens are there, then nobody is at home any more.
        expired(&world, "oleg").await;
        assert_eq!(fed_token(&world, &console, "").await.status, 200);
        world.sandbox.stop();
        let held = lasting(&world, "elle", 40).await;
        let started = Instant::now();
        let served = fed_token(&world, &console, "?sid=elle&force=true").await;
        assert_eq!(token(&served, "elle"), held.access_token.expose_secret());
        world.advance(10);
        rest(&fed_token(&world, &console, "?sid=elle").await);
        assert!(started.elapsed() < Duration::from_secs(15));
        assert_eq!(health(&world, &console, "elle").await, "degraded");
        // The other account is served from what is stored.
        assert_eq!(fed_token(&world, &console, "").await.status, 200);
    }

    async fn a_provider_that_hangs_is_given_up_after_a_minute_and_by_its_callers_before(engine: Engine) {
        let world = world(engine).await;
        let console = world.console().await;
        expired(&world, "oleg").await;
        world.sandbox.script().next_answers(1, &Shape::Hang);
        let mut call = Box::pin(fed_token(&world, &console, ""));
        until_asked(&world, &mut call, 1).await;
        world.advance(15);
        assert_eq!(rest(&call.await), 1);
        assert_eq!(health(&world, &console, "oleg").await, "ok");
        let mut call = Box::pin(fed_token(&world, &console, ""));
        waits(&mut call).await;
        world.advance(45);
        rest(&call.await);
        // Its caller may have left in the same moment.
        while health(&world, &console, "oleg").await == "ok" {
            tokio::task::yield_now().await;
        }
        assert_eq!(asked(&world), 1);
        world.advance(2);
        assert!(world.sandbox.is_active(&token(&fed_token(&world, &console, "").await, "oleg")));
        assert_eq!(asked(&world), 2);
    }

    async fn a_final_refusal_is_asked_again_only_after_a_new_link(engine: Engine) {
        let world = world(engine).await;
        let console = world.console().await;
        let script = world.sandbox.script();
        let held = lasting(&world, "oleg", 100).await;
        script.set(|settings| settings.refuse_refresh = Some(Refusal::new(400, "invalid_grant")));
        // The refresh token is dead, the access token is not.
        assert_eq!(token(&fed_token(&world, &console, "?force=true").await, "oleg"), held.access_token.expose_secret());
        assert_eq!(health(&world, &console, "oleg").await, "needs_consent");
        script.set(|settings| settings.refuse_refresh = None);
        assert_eq!(token(&fed_token(&world, &console, "?force=true").await, "oleg"), held.access_token.expose_secret());
        world.advance(70);
        for query in ["", "?force=true", "?min_ttl=600&sid=oleg"] {
            let none = fed_token(&world, &console, query).await;
            assert_eq!(none.refusal(), (404, "token_not_found".to_owned()));
            assert!(none.text().contains("link again"), "{}", none.text());
        }
        // Tokens without a refresh token are served, and heal nothing.
        let issued = world.sandbox.issue("oleg", "fedlink", "openid");
        give(&world, "oleg", (Some(&issued.access_token), None), Some(31)).await;
        let served = fed_token(&world, &console, "?force=true").await;
        assert_eq!(token(&served, "oleg"), issued.access_token.expose_secret());
        assert_eq!(health(&world, &console, "oleg").await, "needs_consent");
        assert_eq!(asked(&world), 1);

        expired(&world, "oleg").await;
        assert_eq!(health(&world, &console, "oleg").await, "ok");
        assert!(world.sandbox.is_active(&token(&fed_token(&world, &console, "").await, "oleg")));
        assert_eq!(asked(&world), 2);
    }

    async fn the_settings_say_which_other_refusals_are_final(engine: Engine) {
        let world = world_with(engine, "dead_errors = [\"invalid_code\", \"status:403\"]\n").await;
        let console = world.console().await;
        let script = world.sandbox.script();
        let cases = [
            (Refusal::new(400, "invalid_grant"), true),
            (Refusal::new(400, "invalid_code"), true),
            (Refusal::empty(403), true),
            (Refusal::new(403, "invalid_request"), false),
            (Refusal::empty(400), false),
        ];
        for (number, (refusal, is_final)) in (1..).zip(cases) {
            let sid = format!("sid-{number}");
            expired(&world, &sid).await;
            script.set(|settings| settings.refuse_refresh = Some(refusal.clone()));
            let answer = fed_token(&world, &console, &format!("?sid={sid}")).await;
            let found = (answer.status, health(&world, &console, &sid).await);
            let expected = if is_final { (404, "needs_consent") } else { (503, "degraded") };
            assert_eq!(found, (expected.0, expected.1.to_owned()), "{refusal:?}");
            world.advance(10);
            fed_token(&world, &console, &format!("?sid={sid}&force=true")).await;
            assert_eq!(asked(&world), if is_final { number } else { number + 1 + u64::from(number > 4) }, "{refusal:?}");
        }
    }

    async fn a_refusal_in_its_own_words_is_told(engine: Engine) {
        let listed = "dead_errors = [\"error.code=token_revoked\", \"status:401 errcode=40030\", \"consent_required\"]\n";
        let world = world_with(engine, listed).await;
        let console = world.console().await;
        let cases = [
            (401, r#"{"error":{"code":"token_revoked","message":"no"}}"#, true),
            (400, r#"{"error":{"code":"token_revoked"}}"#, true),
            (200, r#"{"error":{"code":"token_revoked"}}"#, true),
            (401, r#"{"errcode":40030}"#, true),
            (400, r#"{"error":"consent_required","error_description":"Oleg \ud83d"}"#, true),
            (403, r#"{"errcode":40030}"#, false),
            (401, r#"{"error":{"code":"rate_limited"}}"#, false),
            (429, r#"{"error":{"code":"token_revoked"}}"#, false),
            (503, r#"{"error":{"code":"token_revoked"}}"#, false),
        ];
        for (number, (status, body, is_final)) in cases.into_iter().enumerate() {
            let sid = format!("sid-{number}");
            expired(&world, &sid).await;
            world.sandbox.script().next_answers(1, &Shape::Body(status, body));
            let answer = fed_token(&world, &console, &format!("?sid={sid}")).await;
            let found = (answer.status, health(&world, &console, &sid).await);
            let expected = if is_final { (404, "needs_consent") } else { (503, "degraded") };
            assert_eq!(found, (expected.0, expected.1.to_owned()), "{status} {body}");
            world.advance(10);
        }
    }

    async fn a_page_is_no_refusal(engine: Engine) {
        let world = world_with(engine, "dead_errors = [\"status:403\", \"status:400\"]\n").await;
        let console = world.console().await;
        for (number, (status, body)) in [
            (403, "<!doctype html><title>403 Forbidden</title>invalid_grant"),
            (400, "Bad Request"),
            (403, "[]"),
            (400, "{\"error\":\"invalid_gr"),
        ].into_iter().enumerate() {
            let sid = format!("sid-{number}");
            expired(&world, &sid).await;
            world.sandbox.script().next_answers(1, &Shape::Body(status, body));
            let seconds = rest(&fed_token(&world, &console, &format!("?sid={sid}")).await);
            assert_eq!(health(&world, &console, &sid).await, "degraded", "{status} {body}");
            world.advance(seconds);
            let answer = fed_token(&world, &console, &format!("?sid={sid}")).await;
            assert!(world.sandbox.is_active(&token(&answer, &sid)), "{status} {body}");
        }
    }
}
