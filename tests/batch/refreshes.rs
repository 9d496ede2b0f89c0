//! What batches take of a provider, how long they wait for it, and what they are told then.

use domain::caller::{Caller, Mode};
use domain::ids::{ClientId, ProviderId, Subject};
use domain::scope::Scope;
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use sandbox::{Hold, Refusal};
use serde_json::{Value, json};
use service::batch::{Entry, fetch_many};

use super::{fed_tokens, told, users};
use crate::support::fed::{asked, fed_token_of, held, held_by};
use crate::support::world::{ALL_SCOPES, As, CONSOLE, Engine, RIVAL, World, both_engines};

/// How many ask for one token, beside a batch.
const SINGLES: usize = 4;

/// A world whose provider bears eight refreshes at once, two of them for batches.
async fn world(engine: Engine) -> (World, As, As) {
    let eight = |settings: String| settings.replace("[vault]", "[tokens]\nmax_concurrency = 8\n[vault]");
    let world = World::frozen_with(engine, eight).await;
    let (console, rival) = (world.console().await, world.system(RIVAL, &ALL_SCOPES).await);
    (world, console, rival)
}

#[track_caller]
fn assert_all_active(world: &World, told: &[Value]) {
    for told in told {
        assert!(told["token"].as_str().is_some_and(|token| world.sandbox.is_active(token)), "{told}");
    }
}

/// Two turns are taken by what was begun: a batch waits, and who asks for one token doesn't. Then all are let go.
async fn assert_nothing_more_is_asked(world: &World, console: &As, (next, hold): (Vec<Value>, &Hold)) {
    let mut next = Box::pin(fed_tokens(world, console, &next));
    let mut singles = Vec::new();
    // One after the other, which takes as long as the batch would need several times over.
    for number in 0..SINGLES {
        let subject = format!("single{number}");
        let mut single = Box::pin(async move { fed_token_of(world, console, &subject, "").await });
        tokio::select! {
            biased;
            () = hold.wait_for_arrivals(3 + number) => {}
            answer = &mut next => panic!("{answer:?}"),
            answer = &mut single => panic!("{answer:?}"),
        }
        singles.push(single);
    }
    assert_eq!(hold.arrivals(), 2 + SINGLES);
    hold.release();
    let (singles, next) = tokio::join!(join_all(singles), next);
    assert!(singles.iter().all(|single| single.status == 200), "{singles:?}");
    assert_all_active(world, &told(&next));
}

both_engines! {
    async fn all_batches_together_take_a_quarter_of_a_providers_permits(engine: Engine) {
        let (world, console, rival) = world(engine).await;
        let (first, second) = (users(&world, "a", 3, 0).await, users(&world, "b", 3, 0).await);
        users(&world, "single", 1, 0).await;
        let hold = world.sandbox.script().hold_token_calls();
        let mut first = Box::pin(fed_tokens(&world, &console, &first));
        let mut second = Box::pin(fed_tokens(&world, &rival, &second));
        tokio::select! {
            biased;
            () = hold.wait_for_arrivals(2) => {}
            answer = &mut first => panic!("{answer:?}"),
            answer = &mut second => panic!("{answer:?}"),
        }
        // Both are at it; who asks for one token is let through, and no other of theirs came before.
        let single = fed_token_of(&world, &console, "single0", "");
        let mut single = Box::pin(single);
        tokio::select! {
            biased;
            () = hold.wait_for_arrivals(3) => {}
            answer = &mut first => panic!("{answer:?}"),
            answer = &mut second => panic!("{answer:?}"),
            answer = &mut single => panic!("{answer:?}"),
        }
        hold.release_next();
        hold.release_next();
        hold.release_next();
        assert_eq!(single.await.status, 200);
        // Two more of theirs have taken the places of those two.
        hold.wait_for_arrivals(5).await;
        assert_eq!(hold.arrivals(), 5);
        hold.release();
        let (first, second) = tokio::join!(first, second);
        assert_all_active(&world, &[told(&first), told(&second)].concat());
        assert_eq!(asked(&world), 7);
    }

    async fn who_goes_begins_no_more_and_keeps_the_turns_of_what_has_begun(engine: Engine) {
        let (world, console, _) = world(engine).await;
        users(&world, "a", 4, 0).await;
        let next = users(&world, "b", 2, 0).await;
        users(&world, "single", SINGLES, 0).await;
        let hold = world.sandbox.script().hold_token_calls();
        let scopes = vec![Scope::TokenOfAny];
        let caller = Caller { client: ClientId::parse(CONSOLE).expect("a client id"), mode: Mode::System, scopes };
        let entries: Vec<Entry> = (0..4)
            .map(|number| Entry {
                subject: Subject::parse(format!("a{number}")).expect("a subject"),
                provider: Some(ProviderId::parse("box", "box_1").expect("a provider")),
                sid: None,
            })
            .collect();
        let mut gone = Box::pin(fetch_many(&world.app.parts, &caller, &entries));
        tokio::select! {
            biased;
            () = hold.wait_for_arrivals(2) => {}
            answer = &mut gone => panic!("{answer:?}"),
        }
        drop(gone);
        assert_nothing_more_is_asked(&world, &console, (next, &hold)).await;
        assert_eq!(asked(&world), 2 + 2 + 4, "two of the first; the rest of it was never asked for");
    }

    async fn what_flies_on_beyond_the_deadline_keeps_its_turn(engine: Engine) {
        let (world, console, _) = world(engine).await;
        let (first, next) = (users(&world, "a", 4, 0).await, users(&world, "b", 2, 0).await);
        users(&world, "single", SINGLES, 0).await;
        let hold = world.sandbox.script().hold_token_calls();
        let call = held_by(fed_tokens(&world, &console, &first), &hold, 2).await;
        world.advance(15);
        let told = told(&call.await);
        assert!(told.iter().all(|told| told["error"] == "provider_unavailable"), "{told:?}");
        assert_nothing_more_is_asked(&world, &console, (next, &hold)).await;
        assert_eq!(asked(&world), 2 + 2 + 4);
    }

    async fn at_the_deadline_what_is_there_is_answered(engine: Engine) {
        let (world, console, _) = world(engine).await;
        let mut entries = users(&world, "stale", 3, 0).await;
        entries.extend(users(&world, "fresh", 1, 3600).await);
        let hold = world.sandbox.script().hold_token_calls();
        let call = held_by(fed_tokens(&world, &console, &entries), &hold, 2).await;
        world.advance(15);
        let told = told(&call.await);
        // Two were asked for, one waited for its turn.
        let later = json!({"error": "provider_unavailable", "retry_after": 1});
        assert_eq!(told[..3], [later.clone(), later.clone(), later]);
        assert_eq!(told[3]["sid"], "fresh0");
        hold.release();
    }

    async fn what_a_refresh_ends_with_is_told_as_alone(engine: Engine) {
        let (world, console, _) = world(engine).await;
        let entries = users(&world, "user", 3, 0).await;
        let refuse = |refusal| world.sandbox.script().set(|settings| settings.refuse_refresh = refusal);
        refuse(Some(Refusal::new(429, "slow_down")));
        let first = told(&fed_tokens(&world, &console, &entries).await);
        for told in &first {
            assert_eq!(told["error"], "provider_unavailable");
            assert!(told["retry_after"].as_u64().is_some_and(|seconds| (1..=300).contains(&seconds)), "{told}");
        }
        let before = asked(&world);
        // It rests: nobody asks again.
        let again = told(&fed_tokens(&world, &console, &entries).await);
        assert!(again.iter().all(|told| told["error"] == "provider_unavailable"), "{again:?}");
        assert_eq!(asked(&world), before);
        refuse(None);
        world.advance(301);
        let console = world.console().await;
        assert_all_active(&world, &told(&fed_tokens(&world, &console, &entries).await));
        world.advance(3600);
        refuse(Some(Refusal::new(400, "invalid_grant")));
        let console = world.console().await;
        let dead = told(&fed_tokens(&world, &console, &entries[..1]).await);
        assert_eq!(dead, [json!({"error": "token_not_found", "reason": "needs_consent"})]);
    }

    async fn one_token_and_a_batch_share_a_refresh(engine: Engine) {
        let (world, console, _) = world(engine).await;
        let entries = users(&world, "user", 1, 0).await;
        let hold = world.sandbox.script().hold_token_calls();
        let batch = held(fed_tokens(&world, &console, &entries), &hold).await;
        let mut single = Box::pin(fed_token_of(&world, &console, "user0", ""));
        assert!((&mut single).now_or_never().is_none());
        hold.release();
        let (batch, single) = tokio::join!(batch, single);
        assert_eq!(told(&batch)[0]["token"], single.json()["user0"]["token"]);
        assert_eq!(asked(&world), 1);
    }
}

/// The database goes while an entry waits for its turn at the provider.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_that_needs_a_database_that_is_away_is_told_so() {
    let one = |settings: String| settings.replace("[vault]", "[tokens]\nmax_concurrency = 1\n[vault]");
    let world = World::frozen_with(Engine::Postgres, one).await;
    let console = world.console().await;
    let entries = users(&world, "user", 2, -1).await;
    let hold = world.sandbox.script().hold_token_answers();
    let before = held(fed_token_of(&world, &console, "user0", ""), &hold).await;
    let mut batch = Box::pin(fed_tokens(&world, &console, &entries[1..]));
    while world.app.parts.flights.in_the_air().len() < 2 {
        assert!(futures_util::poll!(&mut batch).is_pending(), "its turn has not come");
        tokio::task::yield_now().await;
    }
    world.cut_off_database().await;
    hold.release();
    assert_eq!(told(&batch.await), [json!({"error": "storage_unavailable", "retry_after": 1})]);
    world.let_database_in().await;
    assert_eq!((before.await.status, asked(&world)), (200, 1));
    assert_all_active(&world, &told(&fed_tokens(&world, &console, &entries).await));
}
