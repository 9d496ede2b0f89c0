//! Refreshing: one call per link whoever asks, whatever happens to the one who asked, and the answer is never lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::entropy::{Entropy, SystemEntropy};
use futures_util::future::join_all;
use sandbox::{Answer as Shape, ExpiresIn, Rotation};
use secrecy::ExposeSecret as _;

use crate::support::database::Sql;
use crate::support::fed::{asked, expired, fed_token, give, health, held, token};
use crate::support::world::{Engine, World, both_engines, frozen_clock};

/// A world where alice has an account and the sandbox's time stands.
async fn world(engine: Engine) -> World {
    let world = World::frozen(engine).await;
    world.account("alice").await;
    world
}

/// Draws no single byte while it is armed; the length of a rest is drawn from one.
#[derive(Debug, Default)]
struct Fuse(AtomicBool);

impl Entropy for Fuse {
    fn fill(&self, into: &mut [u8]) {
        assert!(into.len() > 1 || !self.0.swap(false, Ordering::SeqCst), "the fuse blows, as the test wants it");
        SystemEntropy.fill(into);
    }
}

both_engines! {
    async fn a_hundred_callers_make_one_upstream_call(engine: Engine) {
        let world = world(engine).await;
        let console = world.console().await;
        let sids = ["a", "b", "c", "d", "e"];
        for sid in sids {
            expired(&world, sid).await;
        }
        let hold = world.sandbox.script().hold_token_calls();
        let callers = join_all((0..100).map(|_| fed_token(&world, &console, "")));
        let release = async {
            hold.wait_for_arrivals(sids.len()).await;
            hold.release();
        };
        let (answers, ()) = tokio::join!(callers, release);
        let fresh = sids.map(|sid| token(&answers[0], sid));
        assert!(fresh.iter().all(|fresh| world.sandbox.is_active(fresh)));
        for answer in &answers {
            assert_eq!(sids.map(|sid| token(answer, sid)), fresh);
        }
        assert_eq!(asked(&world), 5);
        assert_eq!(world.sandbox.revoked_families(), 0);
    }

    /// The permit of the provider is one: the second link's flight waits for it, and meanwhile its tokens come otherwise.
    async fn a_refresh_that_queued_asks_nobody_once_the_tokens_are_new(engine: Engine) {
        let world = World::frozen_with(engine, |settings| settings.replace("[vault]", "[tokens]\nmax_concurrency = 1\n[vault]")).await;
        world.account("alice").await;
        let console = world.console().await;
        expired(&world, "first").await;
        expired(&world, "second").await;
        let hold = world.sandbox.script().hold_token_calls();
        let meanwhile = async {
            hold.wait_for_arrivals(1).await;
            let second = fed_token(&world, &console, "?sid=second");
            let relink = async {
                while world.app.parts.flights.in_the_air().len() < 2 {
                    tokio::task::yield_now().await;
                }
                let tokens = world.sandbox.issue("second", "fedlink", "openid");
                give(&world, "second", (Some(&tokens.access_token), Some(&tokens.refresh_token)), Some(3600)).await;
                hold.release();
                tokens
            };
            tokio::join!(second, relink)
        };
        let (first, (second, tokens)) = tokio::join!(fed_token(&world, &console, "?sid=first"), meanwhile);
        assert!(world.sandbox.is_active(&token(&first, "first")));
        assert_eq!(token(&second, "second"), tokens.access_token.expose_secret());
        assert_eq!(asked(&world), 1);
    }

    /// The permit of the provider is one, and is for asking it: an answer that waits for the database holds up nobody's call.
    async fn an_answer_that_waits_for_the_database_keeps_no_permit(engine: Engine) {
        let world = World::frozen_with(engine, |settings| settings.replace("[vault]", "[tokens]\nmax_concurrency = 1\n[vault]")).await;
        world.account("alice").await;
        let console = world.console().await;
        let mut sql = Sql::open(&world.database_url).await;
        expired(&world, "first").await;
        expired(&world, "second").await;
        let answers = world.sandbox.script().hold_token_answers();
        let meanwhile = async {
            answers.wait_for_arrivals(1).await;
            sql.refuse_tokens().await;
            let calls = world.sandbox.script().hold_token_calls();
            answers.release();
            let asks = async {
                let arrival = tokio::time::timeout(Duration::from_secs(10), calls.wait_for_arrivals(1)).await;
                arrival.expect("the second link's refresh waits for the first one's database");
                assert_eq!(world.app.parts.flights.in_the_air().len(), 2, "the first is stored already");
                sql.accept_tokens().await;
                calls.release();
            };
            tokio::join!(fed_token(&world, &console, "?sid=second"), asks).0
        };
        let (first, second) = tokio::join!(fed_token(&world, &console, "?sid=first"), meanwhile);
        assert!(world.sandbox.is_active(&token(&first, "first")) && world.sandbox.is_active(&token(&second, "second")));
        assert_eq!(asked(&world), 2);
    }

    async fn a_rotated_refresh_token_is_kept_each_time(engine: Engine) {
        let world = world(engine).await;
        let mut before = expired(&world, "oleg").await.access_token.expose_secret().to_owned();
        for round in 1..=5 {
            let console = world.console().await;
            let fresh = token(&fed_token(&world, &console, "").await, "oleg");
            assert!(fresh != before && world.sandbox.is_active(&fresh), "round {round}");
            assert_eq!(token(&fed_token(&world, &console, "").await, "oleg"), fresh);
            assert_eq!(asked(&world), round);
            world.advance(3600);
            before = fresh;
        }
        assert_eq!(world.sandbox.revoked_families(), 0);
    }

    async fn a_missing_refresh_token_keeps_the_old(engine: Engine) {
        let world = world(engine).await;
        world.sandbox.script().set(|settings| settings.rotation = Rotation::OmitOnRefresh);
        expired(&world, "oleg").await;
        // A failure first: the grant that follows brings no refresh token, and yet all is well again.
        let console = world.console().await;
        world.sandbox.script().next_answers(1, &Shape::EmptyStatus(500));
        assert_eq!(fed_token(&world, &console, "").await.status, 503);
        assert_eq!(health(&world, &console, "oleg").await, "degraded");
        for _ in 0..3 {
            world.advance(3600);
            let console = world.console().await;
            let fresh = token(&fed_token(&world, &console, "").await, "oleg");
            assert!(world.sandbox.is_active(&fresh));
            assert_eq!(health(&world, &console, "oleg").await, "ok");
        }
        assert_eq!(asked(&world), 4);
    }

    async fn a_strange_grant_is_kept(engine: Engine) {
        let world = world(engine).await;
        let script = world.sandbox.script();
        expired(&world, "oleg").await;
        let hour = Some(3600);
        let cases: [(Shape, ExpiresIn, Option<&str>, Option<i64>); 7] = [
            (Shape::FormEncoded, ExpiresIn::Absent, None, None),
            (Shape::Json, ExpiresIn::Zero, Some("Bearer"), None),
            (Shape::Json, ExpiresIn::Text, Some("Bearer"), hour),
            // What was stated once counts on.
            (Shape::Json, ExpiresIn::Absent, Some("Bearer"), hour),
            (Shape::FormEncoded, ExpiresIn::Number, Some("Bearer"), hour),
            (Shape::Json, ExpiresIn::Number, None, hour),
            (Shape::Json, ExpiresIn::Number, Some("mac"), hour),
        ];
        for (round, (shape, expires_in, token_type, life)) in (1..).zip(cases) {
            script.set(|settings| {
                (settings.answer, settings.expires_in) = (shape.clone(), expires_in);
                settings.token_type = token_type.map(ToOwned::to_owned);
            });
            // The sandbox rotates strictly: a grant that was not kept would be the last.
            let console = world.console().await;
            let answer = fed_token(&world, &console, "?force=true").await;
            assert!(world.sandbox.is_active(&token(&answer, "oleg")), "{shape:?} {expires_in:?} {token_type:?}");
            let stated = life.map(|life| world.now().timestamp() + life);
            assert_eq!(answer.json()["oleg"]["expiresOn"].as_i64(), stated, "{shape:?} {expires_in:?}");
            assert_eq!(asked(&world), round);
            world.advance(30);
        }
    }

    async fn the_answer_survives_a_caller_that_hangs_up(engine: Engine) {
        let world = world(engine).await;
        let console = world.console().await;
        expired(&world, "oleg").await;
        let hold = world.sandbox.script().hold_token_answers();
        tokio::select! {
            biased;
            () = hold.wait_for_arrivals(1) => {}
            answer = fed_token(&world, &console, "") => panic!("answered while the provider was silent: {answer:?}"),
        }
        // The call is dropped, and its connection with it; the old refresh token is spent.
        hold.release();
        assert!(world.sandbox.is_active(&token(&fed_token(&world, &console, "").await, "oleg")));
        assert_eq!((asked(&world), world.sandbox.counts().refused), (1, 0));
    }

    async fn a_panicking_refresh_frees_its_link(engine: Engine) {
        let fuse = Arc::new(Fuse::default());
        let world = World::start_at(engine, frozen_clock(), fuse.clone(), |settings| settings).await;
        world.account("alice").await;
        let console = world.console().await;
        expired(&world, "oleg").await;
        world.sandbox.script().next_answers(1, &Shape::EmptyStatus(500));
        fuse.0.store(true, Ordering::SeqCst);
        let failed = fed_token(&world, &console, "").await;
        assert_eq!(failed.refusal(), (503, "provider_unavailable".to_owned()));
        assert!(!fuse.0.load(Ordering::SeqCst), "it did not panic");
        assert!(world.app.parts.flights.in_the_air().is_empty());
        assert!(world.sandbox.is_active(&token(&fed_token(&world, &console, "").await, "oleg")));
    }

    /// Between the provider's answer and its commit the database goes away, in each way it can.
    async fn an_answer_waits_for_the_database(engine: Engine) {
        let world = world(engine).await;
        let console = world.console().await;
        let mut sql = Sql::open(&world.database_url).await;
        expired(&world, "locked").await;
        expired(&world, "refused").await;
        for sid in ["locked", "refused"] {
            let hold = world.sandbox.script().hold_token_answers();
            let query = format!("?sid={sid}");
            let mut call = held(fed_token(&world, &console, &query), &hold).await;
            if sid == "locked" { sql.lock("token_sets").await } else { sql.refuse_tokens().await }
            hold.release();
            // Longer than the time between two tries: nobody is answered by then, neither well nor badly.
            let early = tokio::time::timeout(Duration::from_secs(1), &mut call).await;
            assert!(early.is_err(), "{sid}: answered before it was stored: {early:?}");
            if sid == "locked" { sql.run("ROLLBACK").await } else { sql.accept_tokens().await }
            assert!(world.sandbox.is_active(&token(&call.await, sid)), "{sid}");
            assert!(world.sandbox.is_active(&token(&fed_token(&world, &console, &query).await, sid)), "{sid}");
        }
        assert_eq!((asked(&world), world.sandbox.counts().refused), (2, 0));
    }

    /// The provider has answered, and the caller's time is up.
    async fn who_waits_for_the_database_is_told_of_it(engine: Engine) {
        let world = world(engine).await;
        let console = world.console().await;
        let mut sql = Sql::open(&world.database_url).await;
        expired(&world, "oleg").await;
        let hold = world.sandbox.script().hold_token_answers();
        let call = held(fed_token(&world, &console, ""), &hold).await;
        sql.refuse_tokens().await;
        hold.release();
        let flights = &world.app.parts.flights;
        while !flights.in_the_air().iter().any(|link| flights.is_at_database(*link)) {
            tokio::task::yield_now().await;
        }
        world.advance(15);
        assert_eq!(call.await.refusal(), (503, "storage_unavailable".to_owned()));
        sql.accept_tokens().await;
        assert!(world.sandbox.is_active(&token(&fed_token(&world, &console, "").await, "oleg")));
        assert_eq!(asked(&world), 1);
    }

    async fn what_is_in_flight_lands_before_a_clean_end(engine: Engine) {
        let world = world(engine).await;
        let console = world.console().await;
        expired(&world, "oleg").await;
        let hold = world.sandbox.script().hold_token_answers();
        tokio::select! {
            biased;
            () = hold.wait_for_arrivals(1) => {}
            answer = fed_token(&world, &console, "") => panic!("answered while the provider was silent: {answer:?}"),
        }
        let flights = &world.app.parts.flights;
        assert_eq!(flights.in_the_air().len(), 1);
        let mut landing = Box::pin(flights.land_all());
        let early = futures_util::poll!(&mut landing);
        assert!(early.is_pending(), "it waits for nobody");
        hold.release();
        landing.await;
        world.sandbox.stop();
        assert!(!token(&fed_token(&world, &console, "").await, "oleg").is_empty());
    }

    /// What still queues for its turn when the service ends is not asked for: the answer might come too late to be stored.
    async fn nothing_new_is_asked_for_at_the_end(engine: Engine) {
        let world = World::frozen_with(engine, |settings| settings.replace("[vault]", "[tokens]\nmax_concurrency = 1\n[vault]")).await;
        world.account("alice").await;
        let console = world.console().await;
        expired(&world, "first").await;
        expired(&world, "second").await;
        let hold = world.sandbox.script().hold_token_answers();
        let call = held(fed_token(&world, &console, ""), &hold).await;
        let flights = &world.app.parts.flights;
        while flights.in_the_air().len() < 2 {
            tokio::task::yield_now().await;
        }
        let mut landing = Box::pin(flights.land_all());
        assert!(futures_util::poll!(&mut landing).is_pending(), "it waits for nobody");
        hold.release();
        landing.await;
        assert_eq!((call.await.status, asked(&world)), (200, 1));
        assert!(flights.in_the_air().is_empty());
    }
}

/// Every connection is cut and none is let in between the provider's answer and its commit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_waits_for_a_postgres_that_cuts_everybody_off() {
    let world = world(Engine::Postgres).await;
    let console = world.console().await;
    expired(&world, "oleg").await;
    let hold = world.sandbox.script().hold_token_answers();
    let mut call = held(fed_token(&world, &console, ""), &hold).await;
    world.cut_off_database().await;
    let away = fed_token(&world, &console, "?sid=oleg").await;
    assert_eq!(away.refusal(), (503, "storage_unavailable".to_owned()));
    hold.release();
    let early = tokio::time::timeout(Duration::from_secs(1), &mut call).await;
    assert!(early.is_err(), "answered before it was stored: {early:?}");
    world.let_database_in().await;
    let fresh = token(&call.await, "oleg");
    assert!(world.sandbox.is_active(&fresh));
    assert_eq!(token(&fed_token(&world, &console, "").await, "oleg"), fresh);
    assert_eq!(asked(&world), 1);
}
