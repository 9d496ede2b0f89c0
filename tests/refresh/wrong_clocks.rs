//! Clocks that are wrong for a while: what they wrote parks no link, and ends none.

use chrono::TimeDelta;
use domain::clock::MovableClock;
use sandbox::Answer as Shape;

use crate::support::fed::{asked, fed_token, health, lasting, token};
use crate::support::world::{As, Engine, World, both_engines};

/// Two instances, of which the second's clock is so many minutes off; alice's token has expired by either.
async fn two(engine: Engine, minutes: i64) -> (World, World, As) {
    let right = World::frozen(engine).await;
    right.account("alice").await;
    let clock = MovableClock::frozen(right.now() + TimeDelta::minutes(minutes));
    let wrong = World::start_beside_at(&right, clock, |settings| settings).await;
    lasting(&right, "oleg", -3600).await;
    let console = right.console().await;
    (right, wrong, console)
}

both_engines! {
    /// It fails in passing while an instance's clock is an hour ahead, or behind.
    async fn a_rest_that_a_wrong_clock_wrote_is_over_when_it_should_be(engine: Engine) {
        for minutes in [60_i64, -60] {
            let (right, wrong, console) = two(engine, minutes).await;
            right.sandbox.script().next_answers(1, &Shape::Html502);
            let answer = fed_token(&wrong, &wrong.console().await, "").await;
            assert_eq!(answer.refusal(), (503, "provider_unavailable".to_owned()), "{minutes}");
            assert_eq!(answer.header("retry-after"), Some("1"), "{minutes}");
            right.advance(2);
            let answer = fed_token(&right, &console, "").await;
            assert!(right.sandbox.is_active(&token(&answer, "oleg")), "{minutes}");
            assert_eq!(asked(&right), 2);
        }
    }

    /// The other way about: the rest is the right clock's, and the one that is wrong wants the token.
    async fn a_wrong_clock_neither_shortens_a_rest_for_ever_nor_prolongs_it(engine: Engine) {
        for minutes in [60_i64, -60] {
            let (right, wrong, console) = two(engine, minutes).await;
            right.sandbox.script().next_answers(1, &Shape::Status(503, Some(40)));
            assert_eq!(fed_token(&right, &console, "").await.header("retry-after"), Some("40"));
            right.advance(41);
            let answer = fed_token(&wrong, &wrong.console().await, "?force=true").await;
            assert!(right.sandbox.is_active(&token(&answer, "oleg")), "{minutes}");
        }
    }

    /// The clock is an hour ahead when it fails, and is put right before anybody asks again.
    async fn a_clock_that_is_put_right_parks_no_link(engine: Engine) {
        let world = World::frozen(engine).await;
        world.account("alice").await;
        lasting(&world, "oleg", -3600).await;
        let console = world.console().await;
        world.clock.set(TimeDelta::hours(1));
        world.sandbox.script().next_answers(1, &Shape::Html502);
        assert_eq!(fed_token(&world, &world.console().await, "").await.header("retry-after"), Some("1"));
        world.clock.set(TimeDelta::hours(-1));
        world.advance(1);
        assert!(world.sandbox.is_active(&token(&fed_token(&world, &console, "").await, "oleg")));
        assert_eq!(health(&world, &console, "oleg").await, "ok");
    }
}
