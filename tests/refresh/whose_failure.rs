//! Whose failure it is: what is about one token keeps no other link waiting, what a provider says of itself holds for all, and a
//! link that nobody ever calls dead is not asked for ever.

use sandbox::{Answer as Shape, Refusal};
use service::refresh;

use crate::support::database::texts;
use crate::support::fed::{asked, detail, expired, fed_token, found, health, token};
use crate::support::world::{Answer, As, Engine, World, both_engines};

async fn world(engine: Engine) -> (World, As) {
    let world = World::frozen(engine).await;
    world.account("alice").await;
    let console = world.console().await;
    (world, console)
}

async fn of(world: &World, console: &As, sid: &str) -> Answer {
    fed_token(world, console, &format!("?sid={sid}")).await
}

/// The seconds after which whoever is sent away may come again.
#[track_caller]
fn rest(answer: &Answer) -> u64 {
    assert_eq!(answer.refusal(), (503, "provider_unavailable".to_owned()), "{}", answer.text());
    answer.header("retry-after").and_then(|text| text.parse().ok()).expect("a Retry-After")
}

/// What was told of links that died.
async fn told(world: &World) -> Vec<String> {
    refresh::see_to_marked(&world.app.parts).await.expect("it looks");
    let query = "SELECT event || ' ' || detail AS value FROM audit WHERE event = 'FEDERATION_CONSENT_NEEDED'";
    texts(&world.database_url, query).await
}

both_engines! {
    async fn links_that_are_refused_with_an_unknown_word_keep_nobody_waiting(engine: Engine) {
        let (world, console) = world(engine).await;
        let script = world.sandbox.script();
        for number in 0..60 {
            let sid = format!("refused-{number}");
            expired(&world, &sid).await;
            script.next_answers(1, &Shape::OkWithError("something_new".to_owned()));
            rest(&of(&world, &console, &sid).await);
        }
        for number in 0..5 {
            let sid = format!("healthy-{number}");
            expired(&world, &sid).await;
            assert!(world.sandbox.is_active(&token(&of(&world, &console, &sid).await, &sid)));
        }
    }

    /// A provider that fails over some links, every time: the others are asked for as soon as it is tried out.
    async fn links_that_a_provider_fails_over_keep_nobody_waiting_for_long(engine: Engine) {
        let (world, console) = world(engine).await;
        let script = world.sandbox.script();
        expired(&world, "healthy").await;
        for number in 0..10 {
            let sid = format!("poison-{number}");
            expired(&world, &sid).await;
            script.next_answers(1, &Shape::Html502);
            rest(&of(&world, &console, &sid).await);
        }
        let before = asked(&world);
        let seconds = rest(&of(&world, &console, "healthy").await);
        assert!(seconds <= 5 && asked(&world) == before, "{seconds}");
        world.advance(seconds);
        // Whoever failed last comes first, and has to wait.
        rest(&of(&world, &console, "poison-3").await);
        assert_eq!(asked(&world), before);
        assert!(world.sandbox.is_active(&token(&of(&world, &console, "healthy").await, "healthy")));
        // From here on it works, whatever happens to those.
        for number in 0..10 {
            script.next_answers(1, &Shape::Html502);
            world.advance(2);
            rest(&of(&world, &console, &format!("poison-{number}")).await);
        }
        assert_eq!(asked(&world), before + 11);
        expired(&world, "other").await;
        assert!(world.sandbox.is_active(&token(&of(&world, &console, "other").await, "other")));
    }

    async fn a_provider_that_asks_for_rest_gets_it_for_all_its_links(engine: Engine) {
        let (world, console) = world(engine).await;
        for sid in ["one", "two", "three"] {
            expired(&world, sid).await;
        }
        world.sandbox.script().next_answers(1, &Shape::Status(429, Some(90)));
        assert_eq!(rest(&of(&world, &console, "one").await), 90);
        assert_eq!((rest(&of(&world, &console, "two").await), asked(&world)), (90, 1));
        assert_eq!(health(&world, &console, "two").await, "ok");
        world.advance(90);
        assert!(world.sandbox.is_active(&token(&of(&world, &console, "two").await, "two")));
        assert!(world.sandbox.is_active(&token(&of(&world, &console, "three").await, "three")));
        // What it says of one token is that token's alone.
        expired(&world, "four").await;
        world.sandbox.script().next_answers(1, &Shape::OkWithError("something_new".to_owned()));
        rest(&of(&world, &console, "four").await);
        expired(&world, "five").await;
        assert!(world.sandbox.is_active(&token(&of(&world, &console, "five").await, "five")));
    }

    async fn a_link_that_is_refused_for_days_with_one_word_needs_consent(engine: Engine) {
        let (world, _) = world(engine).await;
        let script = world.sandbox.script();
        expired(&world, "oleg").await;
        for attempt in 0..10 {
            let console = world.console().await;
            script.next_answers(1, &Shape::OkWithError("something_new".to_owned()));
            rest(&of(&world, &console, "oleg").await);
            let detail = detail(&world, &console, "oleg").await;
            assert_eq!((&detail["health"], &detail["refusedWith"]), (&"degraded".into(), &"something_new".into()));
            // Three days and ten times, but nobody else was granted anything: it may be the provider.
            world.advance(if attempt == 0 { 65 * 3600 } else { 3600 });
        }
        let console = world.console().await;
        script.next_answers(1, &Shape::OkWithError("something_new".to_owned()));
        rest(&of(&world, &console, "oleg").await);
        world.advance(3600);
        let console = world.console().await;
        expired(&world, "elle").await;
        assert!(world.sandbox.is_active(&token(&of(&world, &console, "elle").await, "elle")));
        script.next_answers(1, &Shape::OkWithError("something_new".to_owned()));
        assert_eq!(of(&world, &console, "oleg").await.refusal(), (404, "token_not_found".to_owned()));
        let since = detail(&world, &console, "oleg").await;
        assert_eq!((&since["health"], &since["refusedWith"]), (&"needs_consent".into(), &"something_new".into()));
        assert_eq!(found(&world, &console, "oleg").await, since);
        assert!(told(&world).await.is_empty());
        world.advance(61);
        assert_eq!(told(&world).await, ["FEDERATION_CONSENT_NEEDED needs_consent: something_new"]);
        let before = asked(&world);
        assert_eq!(of(&world, &console, "oleg").await.refusal(), (404, "token_not_found".to_owned()));
        assert_eq!(asked(&world), before);
    }

    async fn another_word_begins_anew_and_a_grant_forgets_it(engine: Engine) {
        let (world, _) = world(engine).await;
        let script = world.sandbox.script();
        expired(&world, "elle").await;
        expired(&world, "oleg").await;
        for attempt in 0..12 {
            let console = world.console().await;
            // Now and then the provider says nothing of the token, which changes nothing; then it says something else.
            let shape = match attempt {
                4 => Shape::Html502,
                10 => Shape::OkWithError("something_else".to_owned()),
                _ => Shape::OkWithError("something_new".to_owned()),
            };
            script.next_answers(1, &shape);
            rest(&of(&world, &console, "oleg").await);
            let expected = if attempt == 10 { "something_else" } else { "something_new" };
            assert_eq!(detail(&world, &console, "oleg").await["refusedWith"], expected, "{attempt}");
            world.advance(9 * 3600);
            assert_eq!(of(&world, &world.console().await, "elle").await.status, 200);
        }
        let console = world.console().await;
        assert_eq!(of(&world, &console, "oleg").await.status, 200);
        let detail = detail(&world, &console, "oleg").await;
        assert_eq!((&detail["health"], detail.get("refusedWith")), (&"ok".into(), None));
    }

    /// It refuses each of them for good, and means it: that is known at once, whatever became of the others.
    async fn a_listed_word_is_final_at_any_place(engine: Engine) {
        let world = World::frozen_with(engine, |settings| {
            settings + "dead_errors = [\"status:403 gone\"]\n"
        })
        .await;
        world.account("alice").await;
        let console = world.console().await;
        expired(&world, "oleg").await;
        world.sandbox.script().set(|settings| settings.refuse_refresh = Some(Refusal::new(403, "gone")));
        assert_eq!(of(&world, &console, "oleg").await.refusal(), (404, "token_not_found".to_owned()));
        assert_eq!(health(&world, &console, "oleg").await, "needs_consent");
    }
}
