//! What follows when a provider refuses a refresh token for good: when it is believed, when it is told, and how it is undone.

use std::time::Duration;

use sandbox::{Answer as Shape, Refusal, Rotation};
use service::refresh::see_to_marked;

use crate::support::database::texts;
use crate::support::fed::{asked, expired, fed_token, health, token};
use crate::support::world::{As, Engine, World, both_engines};

async fn world(engine: Engine) -> (World, As) {
    world_with(engine, "").await
}

/// A world where alice has an account and the sandbox's time stands; `more` are settings of the provider.
async fn world_with(engine: Engine, more: &str) -> (World, As) {
    let world = World::frozen_with(engine, |settings| settings + more).await;
    world.account("alice").await;
    let console = world.console().await;
    (world, console)
}

fn refuse(world: &World, refuses: bool) {
    let refusal = refuses.then(|| Refusal::new(400, "invalid_grant"));
    world.sandbox.script().set(|settings| settings.refuse_refresh = refusal);
}

async fn status(world: &World, console: &As, sid: &str) -> u16 {
    fed_token(world, console, &format!("?sid={sid}")).await.status
}

/// What was told of dead links: event and reason, by the audit record.
async fn told(world: &World) -> Vec<String> {
    let query = "SELECT event || ' ' || sid || ' ' || detail AS value FROM audit
                 WHERE event IN ('FEDERATION_CONSENT_NEEDED', 'FEDERATION_REFRESH_LOST') ORDER BY at, sid";
    texts(&world.database_url, query).await
}

/// So many refreshes that work: enough to tell a refusal from an outage.
async fn work(world: &World, console: &As, links: usize) {
    for number in 0..links {
        let sid = format!("working-{number}");
        expired(world, &sid).await;
        assert_eq!(status(world, console, &sid).await, 200);
    }
}

both_engines! {
    async fn a_lying_provider_retires_no_link(engine: Engine) {
        let (world, console) = world(engine).await;
        for number in 0..30 {
            expired(&world, &format!("sid-{number}")).await;
        }
        refuse(&world, true);
        for number in 0..30 {
            // The first ones look dead; once it is too many to be true, nothing is asked any more.
            let expected = if number < 19 { 404 } else { 503 };
            assert_eq!(status(&world, &console, &format!("sid-{number}")).await, expected, "{number}");
        }
        assert_eq!(asked(&world), 20);
        for number in 0..30 {
            let expected = if number < 20 { "degraded" } else { "ok" };
            assert_eq!(health(&world, &console, &format!("sid-{number}")).await, expected, "{number}");
        }
        // Tried again with one link at a time, and not believed.
        world.advance(60);
        assert_eq!(status(&world, &console, "sid-21").await, 503);
        assert_eq!(asked(&world), 20, "it is another's turn, who has waited for longer");
        assert_eq!(status(&world, &console, "sid-20").await, 503);
        assert_eq!((asked(&world), health(&world, &console, "sid-20").await), (21, "degraded".to_owned()));
        assert_eq!(status(&world, &console, "sid-21").await, 503);
        assert_eq!(asked(&world), 21);
        refuse(&world, false);
        world.advance(600);
        let console = world.console().await;
        for number in 0..30 {
            assert_eq!(status(&world, &console, &format!("sid-{number}")).await, 200, "{number}");
        }
        see_to_marked(&world.app.parts).await.expect("it looks");
        assert!(told(&world).await.is_empty());
    }

    /// A mark that is on its way when the provider loses belief may come to the row after the others were undone.
    async fn refusals_that_come_together_retire_no_link(engine: Engine) {
        let (world, console) = world(engine).await;
        for number in 0..40 {
            expired(&world, &format!("sid-{number}")).await;
        }
        refuse(&world, true);
        let hold = world.sandbox.script().hold_token_calls();
        let release = async {
            hold.wait_for_arrivals(40).await;
            hold.release();
        };
        let (answer, ()) = tokio::join!(fed_token(&world, &console, ""), release);
        assert_eq!((answer.status, asked(&world)), (503, 40));
        assert_eq!(texts(&world.database_url, "SELECT DISTINCT health AS value FROM token_sets").await, ["degraded"]);
    }

    async fn a_second_look_is_not_believed_while_the_provider_refuses_everybody(engine: Engine) {
        let (world, console) = world(engine).await;
        expired(&world, "early").await;
        refuse(&world, true);
        assert_eq!(status(&world, &console, "early").await, 404);
        world.advance(560);
        let console = world.console().await;
        for number in 0..20 {
            expired(&world, &format!("sid-{number}")).await;
            status(&world, &console, &format!("sid-{number}")).await;
        }
        assert_eq!((asked(&world), health(&world, &console, "early").await), (21, "needs_consent".to_owned()));
        world.advance(61);
        for _ in 0..3 {
            assert_eq!(see_to_marked(&world.app.parts).await.expect("it looks"), 0);
        }
        assert_eq!(asked(&world), 22);
        refuse(&world, false);
        world.advance(301);
        assert_eq!(see_to_marked(&world.app.parts).await.expect("it looks"), 0);
        let console = world.console().await;
        assert_eq!(health(&world, &console, "early").await, "ok");
        assert!(told(&world).await.is_empty());
    }

    async fn two_second_looks_at_once_are_told_once(engine: Engine) {
        let (first, console) = world(engine).await;
        let second = World::start_beside(&first, |settings| settings).await;
        expired(&first, "oleg").await;
        refuse(&first, true);
        assert_eq!(status(&first, &console, "oleg").await, 404);
        first.advance(600);
        let script = first.sandbox.script();
        let hold = script.hold_token_calls();
        let mut look = Box::pin(see_to_marked(&first.app.parts));
        tokio::select! {
            biased;
            () = hold.wait_for_arrivals(1) => {}
            looked = &mut look => panic!("it looked while the provider was silent: {looked:?}"),
        }
        let mut other = Box::pin(see_to_marked(&second.app.parts));
        let early = tokio::time::timeout(Duration::from_millis(200), &mut other).await;
        assert!(early.is_err(), "it looked beside the first");
        let later = script.hold_token_calls();
        hold.release();
        assert_eq!(look.await.expect("it looks"), 0);
        tokio::select! {
            biased;
            () = later.wait_for_arrivals(1) => {}
            looked = &mut other => panic!("it looked while the provider was silent: {looked:?}"),
        }
        assert_eq!(see_to_marked(&first.app.parts).await.expect("it looks"), 1);
        later.release();
        assert_eq!(other.await.expect("it looks"), 0);
        assert_eq!(see_to_marked(&second.app.parts).await.expect("it looks"), 0);
        assert_eq!(told(&first).await, ["FEDERATION_CONSENT_NEEDED oleg needs_consent"]);
    }

    async fn second_looks_are_put_off_and_leave_room_for_callers(engine: Engine) {
        let (world, console) = world_with(engine, "[tokens]\nmax_concurrency = 4\n").await;
        refuse(&world, true);
        for number in 0..8 {
            expired(&world, &format!("sid-{number}")).await;
            assert_eq!(status(&world, &console, &format!("sid-{number}")).await, 404);
        }
        refuse(&world, false);
        world.advance(600);
        world.sandbox.script().next_answers(8, &Shape::Status(503, Some(40)));
        let hold = world.sandbox.script().hold_token_calls();
        let (looked, ()) = tokio::join!(see_to_marked(&world.app.parts), async {
            hold.wait_for_arrivals(2).await;
            let more = tokio::time::timeout(Duration::from_millis(200), hold.wait_for_arrivals(3)).await;
            assert!(more.is_err(), "more than half of what the provider bears");
            hold.release();
        });
        // What it says to the first two holds for the others: they are not asked for.
        assert_eq!((looked.expect("it looks"), asked(&world)), (0, 10));
        let due = "SELECT DISTINCT CASE WHEN notice_at < retry_at THEN 'due' ELSE 'put off' END AS value FROM token_sets";
        assert_eq!(texts(&world.database_url, due).await, ["put off"]);
    }

    async fn a_refusal_among_few_is_looked_at_twice_before_it_is_told(engine: Engine) {
        let (world, console) = world(engine).await;
        for sid in ["dead", "asleep"] {
            expired(&world, sid).await;
        }
        refuse(&world, true);
        for sid in ["dead", "asleep"] {
            assert_eq!(status(&world, &console, sid).await, 404);
        }
        world.advance(599);
        assert_eq!(see_to_marked(&world.app.parts).await.expect("it looks"), 0);
        assert_eq!(asked(&world), 2);
        // By now the provider knows one of them again.
        world.advance(1);
        let console = world.console().await;
        let hold = world.sandbox.script().hold_token_calls();
        let look = see_to_marked(&world.app.parts);
        let recover = async {
            hold.wait_for_arrivals(2).await;
            hold.release();
        };
        let (looked, ()) = tokio::join!(look, recover);
        assert_eq!((looked.expect("it looks"), asked(&world)), (0, 4));
        assert!(told(&world).await.is_empty());
        refuse(&world, false);
        // What was refused twice is told, once, and stays dead.
        assert_eq!(see_to_marked(&world.app.parts).await.expect("it looks"), 2);
        assert_eq!(see_to_marked(&world.app.parts).await.expect("it looks"), 0);
        let expected = ["asleep", "dead"].map(|sid| format!("FEDERATION_CONSENT_NEEDED {sid} needs_consent"));
        assert_eq!(told(&world).await, expected);
        assert_eq!((status(&world, &console, "dead").await, asked(&world)), (404, 4));
    }

    async fn a_second_look_heals_what_a_short_outage_marked(engine: Engine) {
        let (world, _) = world(engine).await;
        let console = world.console().await;
        expired(&world, "oleg").await;
        refuse(&world, true);
        assert_eq!(status(&world, &console, "oleg").await, 404);
        refuse(&world, false);
        world.advance(600);
        let console = world.console().await;
        // A failure in passing is no second answer.
        world.sandbox.script().next_answers(1, &Shape::Status(503, None));
        see_to_marked(&world.app.parts).await.expect("it looks");
        assert_eq!(health(&world, &console, "oleg").await, "needs_consent");
        world.advance(10);
        assert_eq!(see_to_marked(&world.app.parts).await.expect("it looks"), 0);
        assert_eq!(health(&world, &console, "oleg").await, "ok");
        assert_eq!((status(&world, &console, "oleg").await, asked(&world)), (200, 3));
        assert!(told(&world).await.is_empty());
    }

    async fn a_refusal_among_many_successes_is_told_a_minute_later(engine: Engine) {
        let (world, console) = world(engine).await;
        work(&world, &console, 19).await;
        expired(&world, "dead").await;
        refuse(&world, true);
        assert_eq!(status(&world, &console, "dead").await, 404);
        refuse(&world, false);
        world.advance(59);
        assert_eq!(see_to_marked(&world.app.parts).await.expect("it looks"), 0);
        world.advance(1);
        // Two instances look at the same time: it is told once.
        let second = World::start_beside(&world, |settings| settings).await;
        let (one, other) = tokio::join!(see_to_marked(&world.app.parts), see_to_marked(&second.app.parts));
        assert_eq!(one.expect("it looks") + other.expect("it looks"), 1);
        assert_eq!(told(&world).await, ["FEDERATION_CONSENT_NEEDED dead needs_consent"]);
        assert_eq!(asked(&world), 20);
    }

    async fn a_link_made_anew_is_not_told_of(engine: Engine) {
        let (world, console) = world(engine).await;
        work(&world, &console, 19).await;
        expired(&world, "oleg").await;
        refuse(&world, true);
        assert_eq!(status(&world, &console, "oleg").await, 404);
        refuse(&world, false);
        expired(&world, "oleg").await;
        world.advance(700);
        assert_eq!(see_to_marked(&world.app.parts).await.expect("it looks"), 0);
        assert!(told(&world).await.is_empty());
    }

    async fn an_answer_lost_in_flight_is_reported(engine: Engine) {
        let (world, console) = world(engine).await;
        expired(&world, "oleg").await;
        world.sandbox.script().next_answers(1, &Shape::CloseMidBody);
        assert_eq!(status(&world, &console, "oleg").await, 503);
        assert_eq!(health(&world, &console, "oleg").await, "degraded");
        world.advance(2);
        let lost = fed_token(&world, &console, "?sid=oleg").await;
        assert_eq!(lost.refusal(), (404, "token_not_found".to_owned()));
        assert!(lost.text().contains("lost on its way"), "{}", lost.text());
        assert_eq!(health(&world, &console, "oleg").await, "lost_in_flight");
        for _ in 0..2 {
            world.advance(600);
            see_to_marked(&world.app.parts).await.expect("it looks");
            see_to_marked(&world.app.parts).await.expect("it looks");
        }
        assert_eq!(told(&world).await, ["FEDERATION_REFRESH_LOST oleg lost_in_flight"]);
    }

    async fn a_provider_that_never_rotates_loses_nothing_in_flight(engine: Engine) {
        let (world, console) = world_with(engine, "rotates = false\n").await;
        world.sandbox.script().set(|settings| settings.rotation = Rotation::Never);
        expired(&world, "oleg").await;
        // It may have done its work, and nobody knows; which is nothing to a token that stays as it is.
        world.sandbox.script().next_answers(1, &Shape::Html502);
        assert_eq!(status(&world, &console, "oleg").await, 503);
        world.advance(2);
        refuse(&world, true);
        assert_eq!(status(&world, &console, "oleg").await, 404);
        assert_eq!(health(&world, &console, "oleg").await, "needs_consent");
    }

    async fn within_a_reuse_window_a_lost_answer_is_asked_for_at_once(engine: Engine) {
        let (world, console) = world_with(engine, "reuse_window = \"1m\"\n").await;
        world.sandbox.script().set(|settings| settings.rotation = Rotation::Grace(Duration::from_mins(1)));
        expired(&world, "oleg").await;
        world.sandbox.script().next_answers(1, &Shape::CloseMidBody);
        assert!(world.sandbox.is_active(&token(&fed_token(&world, &console, "").await, "oleg")));
        assert_eq!(asked(&world), 2);
        // Lost twice, it is a failure like others.
        world.advance(3600);
        let console = world.console().await;
        world.sandbox.script().next_answers(2, &Shape::CloseMidBody);
        assert_eq!(status(&world, &console, "oleg").await, 503);
        assert_eq!((asked(&world), health(&world, &console, "oleg").await), (4, "degraded".to_owned()));
        world.advance(2);
        assert!(world.sandbox.is_active(&token(&fed_token(&world, &console, "").await, "oleg")));
    }

    async fn a_provider_that_keeps_failing_is_left_alone(engine: Engine) {
        let (world, console) = world(engine).await;
        world.sandbox.script().set(|settings| settings.answer = Shape::Status(503, None));
        for number in 0..12 {
            expired(&world, &format!("sid-{number}")).await;
            assert_eq!(status(&world, &console, &format!("sid-{number}")).await, 503);
        }
        assert_eq!(asked(&world), 10);
        let left_alone = fed_token(&world, &console, "?sid=sid-11").await;
        assert_eq!(left_alone.header("retry-after"), Some("5"));
        world.sandbox.script().set(|settings| settings.answer = Shape::Json);
        world.advance(5);
        // Whoever failed last waits for those who did not.
        assert_eq!(status(&world, &console, "sid-0").await, 503);
        for number in [10, 11].into_iter().chain(0..10) {
            assert_eq!(status(&world, &console, &format!("sid-{number}")).await, 200, "{number}");
        }
        assert_eq!(asked(&world), 22);
    }

    async fn a_dead_refresh_token_is_let_go_after_thirty_days(engine: Engine) {
        let (world, console) = world(engine).await;
        expired(&world, "oleg").await;
        refuse(&world, true);
        assert_eq!(status(&world, &console, "oleg").await, 404);
        let kept = "SELECT CASE WHEN sealed_refresh IS NULL THEN 'gone' ELSE 'kept' END AS value FROM token_sets";
        for (days, expected) in [(29, "kept"), (1, "gone")] {
            world.advance(days * 24 * 3600);
            service::refresh::forget_dead(&world.app.parts).await.expect("it lets go");
            assert_eq!(texts(&world.database_url, kept).await, [expected]);
        }
        let console = world.console().await;
        assert!(fed_token(&world, &console, "").await.text().contains("link again"));
        assert_eq!(health(&world, &console, "oleg").await, "needs_consent");
    }
}
