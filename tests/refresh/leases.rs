//! Several instances on one database: at most one asks for a link at a time, whatever becomes of it, and no success is lost.

use std::time::Duration;

use domain::clock::MovableClock;
use sandbox::{Refusal, Rotation};

use crate::support::database::{Sql, texts};
use crate::support::fed::{asked, expired, fed_token, give, health, held, token};
use crate::support::world::{Answer, As, Engine, World, both_engines};

/// Longer than a lease lasts.
const LAPSE: u64 = 31;

/// Two instances; alice has an account whose access token has expired, and the sandbox's time stands.
async fn two(engine: Engine) -> (World, World, As) {
    let first = World::frozen(engine).await;
    first.account("alice").await;
    expired(&first, "oleg").await;
    let second = World::start_beside(&first, |settings| settings).await;
    let console = first.console().await;
    (first, second, console)
}

/// Two instances as before, of which the first is about to be stopped in the middle of what it does: for the second, and for the
/// database, time goes on meanwhile.
async fn two_of_which_one_stops(engine: Engine) -> (World, World, As) {
    let (first, _, console) = two(engine).await;
    let clock = MovableClock::frozen(first.now());
    let second = World::start_beside_at(&first, clock, |settings| settings).await;
    (first, second, console)
}

/// Two instances as before, which wait two minutes for an answer.
async fn slow(engine: Engine) -> (World, World, As) {
    let first = World::frozen_with(engine, |settings| settings + "answer_within = \"2m\"\n").await;
    first.account("alice").await;
    expired(&first, "oleg").await;
    let second = World::start_beside(&first, |settings| settings).await;
    let console = first.console().await;
    (first, second, console)
}

/// When the lease that there is lapses.
async fn leased_until(world: &World) -> String {
    texts(&world.database_url, "SELECT CAST(lease_until AS text) AS value FROM token_sets").await.concat()
}

/// Asserts that a call is not answered for as long as it takes to look several times whether it may go on.
async fn assert_waits(call: &mut (impl Future<Output = Answer> + Unpin), what: &str) {
    let early = tokio::time::timeout(Duration::from_millis(400), call).await;
    assert!(early.is_err(), "{what}: {early:?}");
}

/// What the row says of attempts under way and of those that never ended.
async fn on_record(world: &World) -> Vec<String> {
    let query = "SELECT CASE WHEN attempt IS NULL THEN '' ELSE 'leased ' END
                 || CASE WHEN unclosed_by IS NULL THEN '' ELSE 'unclosed' END AS value FROM token_sets";
    texts(&world.database_url, query).await
}

both_engines! {
    /// It answers after a minute and a half: whoever waits for it keeps the lease, and all others wait.
    async fn a_slow_provider_is_never_asked_twice(engine: Engine) {
        let (first, second, console) = slow(engine).await;
        let hold = first.sandbox.script().hold_token_calls();
        let asking = held(fed_token(&first, &console, ""), &hold).await;
        assert_eq!(on_record(&first).await, ["leased unclosed"]);
        for _ in 0..9 {
            let before = leased_until(&first).await;
            // The database's first, or it would be renewed to the same moment.
            first.advance_database(10);
            first.clock.advance(Duration::from_secs(10));
            while leased_until(&first).await == before {
                tokio::task::yield_now().await;
            }
        }
        // Its own caller has left.
        assert_eq!(asking.await.refusal(), (503, "provider_unavailable".to_owned()));
        let mut other = Box::pin(fed_token(&second, &console, "?force=true"));
        assert_waits(&mut other, "it asked beside the first").await;
        hold.release();
        let fresh = token(&other.await, "oleg");
        assert!(first.sandbox.is_active(&fresh));
        assert_eq!(token(&fed_token(&first, &console, "").await, "oleg"), fresh);
        assert_eq!((asked(&first), first.sandbox.revoked_families()), (1, 0));
        assert_eq!(on_record(&first).await, [""]);
    }

    /// The holder lost its lease to another, which was refused since the holder had spent the token, and marked the link.
    async fn a_late_grant_heals_a_marked_link(engine: Engine) {
        let (first, second, console) = two_of_which_one_stops(engine).await;
        let script = first.sandbox.script();
        let answers = script.hold_token_answers();
        let late = held(fed_token(&first, &console, ""), &answers).await;
        // The first answer is held on; later ones come through.
        script.hold_token_answers().release();
        script.set(|settings| settings.refuse_refresh = Some(Refusal::new(400, "invalid_grant")));
        second.advance(LAPSE);
        let refused = fed_token(&second, &console, "").await;
        assert_eq!(refused.refusal(), (404, "token_not_found".to_owned()));
        assert!(refused.text().contains("lost on its way"), "{}", refused.text());
        assert_eq!(health(&first, &console, "oleg").await, "lost_in_flight");
        script.set(|settings| settings.refuse_refresh = None);
        answers.release();
        let healed = token(&late.await, "oleg");
        assert!(first.sandbox.is_active(&healed));
        assert_eq!(health(&second, &console, "oleg").await, "ok");
        assert_eq!(token(&fed_token(&second, &console, "").await, "oleg"), healed);
        assert_eq!(on_record(&first).await, [""]);
        first.advance(3600);
        second.clock.advance(Duration::from_hours(1));
        let console = first.console().await;
        assert!(first.sandbox.is_active(&token(&fed_token(&second, &console, "").await, "oleg")));
    }

    async fn a_holder_that_lost_its_lease_closes_and_fails_nothing(engine: Engine) {
        let (first, second, console) = two_of_which_one_stops(engine).await;
        let script = first.sandbox.script();
        let calls = script.hold_token_calls();
        let slow = held(fed_token(&first, &console, ""), &calls).await;
        let second_calls = script.hold_token_calls();
        second.advance(LAPSE);
        let other = held(fed_token(&second, &console, ""), &second_calls).await;
        // The first is refused while the second is at it: what it heard is recorded nowhere.
        script.set(|settings| settings.refuse_refresh = Some(Refusal::new(400, "invalid_grant")));
        calls.release();
        let slow_answer = slow.await;
        assert_eq!(slow_answer.refusal(), (503, "provider_unavailable".to_owned()));
        assert_eq!(health(&first, &console, "oleg").await, "ok");
        assert_eq!(on_record(&first).await, ["leased unclosed"]);
        script.set(|settings| settings.refuse_refresh = None);
        second_calls.release();
        assert!(first.sandbox.is_active(&token(&other.await, "oleg")));
    }

    async fn a_provider_with_a_grace_window_may_answer_both(engine: Engine) {
        let (first, second, console) = two_of_which_one_stops(engine).await;
        let script = first.sandbox.script();
        script.set(|settings| settings.rotation = Rotation::Grace(Duration::from_mins(5)));
        let answers = script.hold_token_answers();
        let late = held(fed_token(&first, &console, ""), &answers).await;
        script.hold_token_answers().release();
        second.advance(LAPSE);
        let winner = token(&fed_token(&second, &console, "").await, "oleg");
        answers.release();
        assert_eq!(token(&late.await, "oleg"), winner);
        assert!(first.sandbox.is_active(&winner));
        assert_eq!(on_record(&first).await, [""]);
        first.advance(3600);
        second.clock.advance(Duration::from_hours(1));
        let console = first.console().await;
        assert!(first.sandbox.is_active(&token(&fed_token(&second, &console, "").await, "oleg")));
        assert_eq!((asked(&first), first.sandbox.revoked_families()), (3, 0));
    }

    /// As when an import is run again: the token is in flight, so nobody else may send it.
    async fn a_refresh_token_that_is_brought_again_is_sent_by_nobody_else(engine: Engine) {
        let first = World::frozen(engine).await;
        first.account("alice").await;
        let tokens = expired(&first, "oleg").await;
        let second = World::start_beside(&first, |settings| settings).await;
        let console = first.console().await;
        let hold = first.sandbox.script().hold_token_calls();
        let slow = held(fed_token(&first, &console, ""), &hold).await;
        give(&first, "oleg", (Some(&tokens.access_token), Some(&tokens.refresh_token)), Some(0)).await;
        let mut other = Box::pin(fed_token(&second, &console, ""));
        assert_waits(&mut other, "it sent the same token").await;
        hold.release();
        let (slow, other) = tokio::join!(slow, other);
        assert_eq!(token(&slow, "oleg"), token(&other, "oleg"));
        assert_eq!((asked(&first), first.sandbox.revoked_families()), (1, 0));
        assert_eq!(on_record(&first).await, [""]);
    }

    async fn another_instances_failure_is_a_rest_for_all(engine: Engine) {
        let (first, second, console) = two(engine).await;
        first.sandbox.script().next_answers(1, &sandbox::Answer::Status(503, Some(40)));
        let hold = first.sandbox.script().hold_token_calls();
        let failing = held(fed_token(&first, &console, ""), &hold).await;
        let mut other = Box::pin(fed_token(&second, &console, ""));
        assert_waits(&mut other, "it asked beside the first").await;
        hold.release();
        for answer in [failing.await, other.await] {
            assert_eq!(answer.refusal(), (503, "provider_unavailable".to_owned()));
            assert_eq!(answer.header("retry-after"), Some("40"));
        }
        assert_eq!((asked(&first), on_record(&first).await), (1, vec![String::new()]));
    }

    async fn a_link_that_goes_while_others_wait_is_gone_for_them(engine: Engine) {
        let (first, second, console) = two(engine).await;
        let hold = first.sandbox.script().hold_token_calls();
        let slow = held(fed_token(&first, &console, ""), &hold).await;
        let mut other = Box::pin(fed_token(&second, &console, ""));
        assert_waits(&mut other, "it asked beside the first").await;
        let path = "/api/v3/users/alice/fa/box/box_1/oleg";
        let gone = first.call("DELETE", path, &console, crate::support::world::Body::None).await;
        assert_eq!(gone.status, 204);
        assert_eq!(other.await.refusal(), (404, "token_not_found".to_owned()));
        hold.release();
        assert_eq!(slow.await.refusal(), (404, "token_not_found".to_owned()));
    }
}

/// Whoever took the lease is gone, and by the clock that wrote it, which was wrong, it lasts for an hour yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_nobody_renews_is_over_whatever_a_wrong_clock_wrote() {
    let (first, _, console) = two(Engine::Postgres).await;
    let taken = "UPDATE token_sets SET attempt = gen_random_uuid(), lease_until = fedlink_now() + interval '1 hour'";
    Sql::open(&first.database_url).await.run(taken).await;
    let mut call = Box::pin(fed_token(&first, &console, ""));
    assert_waits(&mut call, "it stole a lease").await;
    first.advance(15);
    assert_eq!(call.await.refusal(), (503, "provider_unavailable".to_owned()));
    let mut call = Box::pin(fed_token(&first, &console, ""));
    assert_waits(&mut call, "it stole a lease").await;
    first.clock.advance(Duration::from_secs(14));
    let mut call = Box::pin(fed_token(&first, &console, ""));
    assert_waits(&mut call, "it stole a lease").await;
    first.clock.advance(Duration::from_secs(2));
    assert!(first.sandbox.is_active(&token(&call.await, "oleg")));
    assert_eq!(on_record(&first).await, [""]);
}

/// Its clock is minutes ahead, or behind: by it the other's lease has long lapsed, or its rest is never over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_skewed_instance_steals_no_lease() {
    for minutes in [10_i64, -10] {
        let first = World::frozen(Engine::Postgres).await;
        first.account("alice").await;
        let clock = MovableClock::frozen(first.now() + chrono::TimeDelta::minutes(minutes));
        let skewed = World::start_beside_at(&first, clock, |settings| settings).await;
        // Expired by either clock.
        crate::support::fed::lasting(&first, "oleg", -3600).await;
        let console = first.console().await;
        let hold = first.sandbox.script().hold_token_calls();
        let slow = held(fed_token(&first, &console, ""), &hold).await;
        let mut other = Box::pin(fed_token(&skewed, &console, ""));
        assert_waits(&mut other, &format!("it stole the lease, {minutes} min off")).await;
        hold.release();
        let (slow, other) = tokio::join!(slow, other);
        assert_eq!(token(&slow, "oleg"), token(&other, "oleg"));
        assert_eq!((asked(&first), first.sandbox.revoked_families()), (1, 0));
    }
}

/// Held up between the beginning of the lease and the call, an instance can't know whose the lease is by the time it goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_held_up_before_its_call_starts_over() {
    let (first, _second, console) = two(Engine::Postgres).await;
    let mut sql = Sql::open(&first.database_url).await;
    sql.run(
        "CREATE TABLE attempts_seen (id uuid);
         CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS
         'BEGIN INSERT INTO attempts_seen SELECT NEW.attempt WHERE NEW.attempt IS NOT NULL; RETURN NEW; END';
         CREATE TRIGGER noted AFTER UPDATE ON token_sets FOR EACH ROW EXECUTE FUNCTION noted()",
    )
    .await;
    sql.lock("token_sets").await;
    let mut look = Sql::open(&first.database_url).await;
    let mut call = Box::pin(fed_token(&first, &console, ""));
    tokio::select! {
        biased;
        answer = &mut call => panic!("it has its lease: {answer:?}"),
        () = look.wait_for_waiters(1) => {}
    }
    first.advance(16);
    // Its caller leaves, and knows for what it waited.
    assert_eq!(call.await.refusal(), (503, "storage_unavailable".to_owned()));
    sql.run("COMMIT").await;
    assert!(first.sandbox.is_active(&token(&fed_token(&first, &console, "").await, "oleg")));
    let attempts = texts(&first.database_url, "SELECT count(DISTINCT id)::text AS value FROM attempts_seen").await;
    assert_eq!((attempts.concat(), asked(&first)), ("2".to_owned(), 1));
    assert_eq!(on_record(&first).await, [""]);
}

/// All connections were lost and are back: whoever holds an answer stores it before anybody takes over its lease.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_an_outage_answers_are_stored_before_leases_are_taken_over() {
    let (first, second, console) = two_of_which_one_stops(Engine::Postgres).await;
    let hold = first.sandbox.script().hold_token_answers();
    let slow = held(fed_token(&first, &console, ""), &hold).await;
    let (server, name) = first.database_url.rsplit_once('/').expect("an address");
    let mut operator = Sql::open(&format!("{server}/postgres")).await;
    let cut = format!("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '{name}'");
    operator.run(&cut).await;
    second.advance(LAPSE);
    let mut other = Box::pin(fed_token(&second, &console, ""));
    assert_waits(&mut other, "it took over at once").await;
    hold.release();
    let (slow, other) = tokio::join!(slow, other);
    assert_eq!(token(&slow, "oleg"), token(&other, "oleg"));
    assert_eq!((asked(&first), first.sandbox.counts().refused), (1, 0));
}

/// The same clock for all: a clock that a test keeps is the database's, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_lapses_by_the_databases_clock_alone() {
    let (first, second, console) = two_of_which_one_stops(Engine::Postgres).await;
    let script = first.sandbox.script();
    script.set(|settings| settings.rotation = Rotation::Grace(Duration::from_mins(5)));
    let hold = script.hold_token_calls();
    let slow = held(fed_token(&first, &console, ""), &hold).await;
    second.clock.advance(Duration::from_secs(LAPSE));
    let mut other = Box::pin(fed_token(&second, &console, ""));
    assert_waits(&mut other, "it went by its own clock").await;
    let second_hold = script.hold_token_calls();
    first.advance_database(LAPSE);
    let other = held(other, &second_hold).await;
    second_hold.release();
    assert!(first.sandbox.is_active(&token(&other.await, "oleg")));
    hold.release();
    assert_eq!(slow.await.status, 200);
    assert_eq!(asked(&first), 2);
}

/// A process that ends waits for its own answers alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_ends_waits_for_no_others() {
    let (first, second, console) = two(Engine::Postgres).await;
    let hold = first.sandbox.script().hold_token_calls();
    let slow = held(fed_token(&first, &console, ""), &hold).await;
    let mut other = Box::pin(fed_token(&second, &console, ""));
    assert_waits(&mut other, "it asked beside the first").await;
    second.app.parts.flights.land_all().await;
    let sent_away = other.await;
    assert_eq!(sent_away.refusal(), (503, "provider_unavailable".to_owned()));
    assert_eq!(fed_token(&second, &console, "").await.status, 503);
    hold.release();
    assert_eq!((slow.await.status, asked(&first)), (200, 1));
}
