//! Providers that are slow to answer: the only refresh token that works may be in the answer, so it is waited for; and it keeps
//! nobody else waiting.

use std::time::Duration;

use futures_util::future::join_all;
use sandbox::{Answer as Shape, Rotation};

use crate::support::fed::{asked, expired, fed_token, health, held, held_by, token};
use crate::support::world::{Answer, As, Engine, World, both_engines};

/// A world where alice has an account and time stands; `more` are settings of the provider, and of what follows.
async fn world(engine: Engine, more: &str) -> (World, As) {
    let world = World::frozen_with(engine, |settings| settings + more).await;
    world.account("alice").await;
    let console = world.console().await;
    (world, console)
}

async fn of(world: &World, console: &As, sid: &str) -> Answer {
    fed_token(world, console, &format!("?sid={sid}")).await
}

#[track_caller]
fn assert_unavailable(answer: &Answer) {
    assert_eq!(answer.refusal(), (503, "provider_unavailable".to_owned()), "{}", answer.text());
}

both_engines! {
    async fn an_answer_that_takes_twelve_seconds_is_heard(engine: Engine) {
        let (world, console) = world(engine, "").await;
        expired(&world, "oleg").await;
        let answers = world.sandbox.script().hold_token_answers();
        let call = held(fed_token(&world, &console, ""), &answers).await;
        world.advance(12);
        answers.release();
        assert!(world.sandbox.is_active(&token(&call.await, "oleg")));
        assert_eq!((health(&world, &console, "oleg").await.as_str(), asked(&world)), ("ok", 1));
    }

    /// Their callers leave after a quarter of a minute; the answers come after half of one, and each is kept.
    async fn of_thirty_links_with_slow_answers_none_is_lost(engine: Engine) {
        let (world, console) = world(engine, "").await;
        let sids: Vec<String> = (0..30).map(|number| format!("sid-{number}")).collect();
        for sid in &sids {
            expired(&world, sid).await;
        }
        let answers = world.sandbox.script().hold_token_answers();
        let calls = held_by(join_all(sids.iter().map(|sid| of(&world, &console, sid))), &answers, 30).await;
        world.advance(15);
        for answer in calls.await {
            assert_unavailable(&answer);
        }
        world.advance(15);
        // Meanwhile others come for them and wait, too.
        let again = join_all(sids.iter().map(|sid| of(&world, &console, sid)));
        answers.release();
        for (sid, answer) in sids.iter().zip(again.await) {
            assert!(world.sandbox.is_active(&token(&answer, sid)), "{sid}");
        }
        assert_eq!((asked(&world), world.sandbox.revoked_families()), (30, 0));
    }

    async fn slow_answers_keep_no_healthy_link_waiting(engine: Engine) {
        let (world, console) = world(engine, "[tokens]\nmax_concurrency = 2\n").await;
        for sid in ["one", "two", "three"] {
            expired(&world, sid).await;
        }
        let script = world.sandbox.script();
        let answers = script.hold_token_answers();
        let slow = held_by(join_all([of(&world, &console, "one"), of(&world, &console, "two")]), &answers, 2).await;
        script.hold_token_answers().release();
        let mut third = Box::pin(of(&world, &console, "three"));
        let early = tokio::time::timeout(Duration::from_millis(200), &mut third).await;
        assert!(early.is_err(), "the provider bears two at once: {early:?}");
        // From here on they are slow, and wait elsewhere.
        world.advance(10);
        assert!(world.sandbox.is_active(&token(&third.await, "three")));
        answers.release();
        for (sid, answer) in ["one", "two"].iter().zip(slow.await) {
            assert!(world.sandbox.is_active(&token(&answer, sid)), "{sid}");
        }
    }

    async fn ten_slow_answers_open_the_breaker_and_the_first_that_comes_closes_it(engine: Engine) {
        let (world, console) = world(engine, "").await;
        let sids: Vec<String> = (0..10).map(|number| format!("sid-{number}")).collect();
        for sid in sids.iter().map(String::as_str).chain(["next"]) {
            expired(&world, sid).await;
        }
        let answers = world.sandbox.script().hold_token_answers();
        let mut calls = held_by(join_all(sids.iter().map(|sid| of(&world, &console, sid))), &answers, 10).await;
        world.advance(10);
        // As soon as the last of them is seen to be slow.
        let mut next = Box::pin(join_all([of(&world, &console, "next")]));
        let sent_away = tokio::select! {
            answers = &mut calls => panic!("answered while the provider was silent: {answers:?}"),
            answers = &mut next => answers,
        };
        assert_unavailable(&sent_away[0]);
        assert_eq!(asked(&world), 10);
        answers.release();
        for (sid, answer) in sids.iter().zip(calls.await) {
            assert!(world.sandbox.is_active(&token(&answer, sid)), "{sid}");
        }
        assert!(world.sandbox.is_active(&token(&of(&world, &console, "next").await, "next")));
    }

    /// The first answer never comes; the second try goes out while the spent token still works, and is waited for, too.
    async fn where_a_spent_token_works_for_a_minute_it_is_sent_again_after_half_of_one(engine: Engine) {
        let (world, console) = world(engine, "reuse_window = \"60s\"\n").await;
        expired(&world, "oleg").await;
        let script = world.sandbox.script();
        script.set(|settings| settings.rotation = Rotation::Grace(Duration::from_mins(1)));
        let first = script.hold_token_answers();
        let call = held(fed_token(&world, &console, ""), &first).await;
        world.advance(15);
        assert_unavailable(&call.await);
        world.advance(10);
        let second = script.hold_token_answers();
        let mut call = Box::pin(fed_token(&world, &console, ""));
        let early = tokio::time::timeout(Duration::from_millis(200), &mut call).await;
        assert!(early.is_err() && asked(&world) == 1, "{early:?}");
        world.advance(5);
        let call = held(call, &second).await;
        assert_eq!(asked(&world), 2);
        world.advance(9);
        second.release();
        let fresh = token(&call.await, "oleg");
        assert!(world.sandbox.is_active(&fresh));
        first.release();
        assert_eq!(token(&fed_token(&world, &console, "").await, "oleg"), fresh);
        world.advance(3600);
        let console = world.console().await;
        assert!(world.sandbox.is_active(&token(&fed_token(&world, &console, "").await, "oleg")));
        assert_eq!((asked(&world), world.sandbox.revoked_families()), (3, 0));
    }

    async fn where_tokens_stay_as_they_are_nobody_waits_for_long(engine: Engine) {
        let (world, console) = world(engine, "rotates = false\n").await;
        expired(&world, "oleg").await;
        let script = world.sandbox.script();
        script.set(|settings| settings.rotation = Rotation::Never);
        script.next_answers(1, &Shape::Hang);
        let arriving = script.hold_token_calls();
        let call = held(fed_token(&world, &console, ""), &arriving).await;
        arriving.release();
        world.advance(15);
        assert_unavailable(&call.await);
        while health(&world, &console, "oleg").await == "ok" {
            tokio::task::yield_now().await;
        }
        world.advance(1);
        assert!(world.sandbox.is_active(&token(&fed_token(&world, &console, "").await, "oleg")));
    }

    async fn an_operator_says_how_long_to_wait(engine: Engine) {
        let (world, console) = world(engine, "answer_within = \"2m\"\n").await;
        expired(&world, "oleg").await;
        let answers = world.sandbox.script().hold_token_answers();
        let call = held(fed_token(&world, &console, ""), &answers).await;
        world.advance(15);
        assert_unavailable(&call.await);
        world.advance(104);
        let again = fed_token(&world, &console, "");
        answers.release();
        assert!(world.sandbox.is_active(&token(&again.await, "oleg")));
        assert_eq!(asked(&world), 1);
    }
}
