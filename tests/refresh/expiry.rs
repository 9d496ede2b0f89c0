//! When a token ends: what a provider or a file says of it, and what follows where nobody says.

use std::time::Duration;

use domain::clock::{Clock as _, MovableClock};
use sandbox::{Answer as Shape, ExpiresIn, IssuedTokens, Refusal, Rotation};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use service::{import, refresh, sweep};

use crate::support::browser::{Browser, complete, instruct};
use crate::support::fed::{asked, detail, expired, fed_token, found, give, health, lasting, token};
use crate::support::revocations::{unlink, waiting, work};
use crate::support::taken_in::take_in;
use crate::support::world::{As, CONSOLE, CONSOLE_PASSWORD, Engine, VERIFIER, World, both_engines};

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

/// A world where alice has an account and time stands; `more` are settings of the provider.
async fn world_with(engine: Engine, more: &str) -> (World, As) {
    let world = World::frozen_with(engine, |settings| settings + more).await;
    world.account("alice").await;
    let console = world.console().await;
    (world, console)
}

/// Has the provider's answers say this of how long tokens live; null leaves it out.
fn say(world: &World, members: &Value) {
    world.sandbox.script().set(|settings| {
        settings.expires_in = ExpiresIn::Absent;
        settings.extra_fields = members.as_object().cloned().unwrap_or_default();
        settings.extra_fields.retain(|_, value| !value.is_null());
    });
}

/// An account whose tokens came without a word of when they end.
async fn unstated(world: &World, sid: &str) -> IssuedTokens {
    let tokens = world.sandbox.issue(sid, "fedlink", "openid");
    give(world, sid, (Some(&tokens.access_token), Some(&tokens.refresh_token)), None).await;
    tokens
}

/// Seconds until the served token of an account ends, if anybody knows.
async fn left(world: &World, sid: &str, query: &str) -> Option<i64> {
    let console = world.console().await;
    let answer = fed_token(world, &console, query).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()[sid]["expiresOn"].as_i64().map(|moment| moment - world.now().timestamp())
}

/// One round of the background: how many links were due.
async fn round(world: &World) -> usize {
    refresh::ahead(&world.app.parts).await.expect("it looks")
}

both_engines! {
    async fn a_life_once_stated_counts_on(engine: Engine) {
        let (world, _) = world_with(engine, "").await;
        expired(&world, "oleg").await;
        say(&world, &json!({"expires_in": 600}));
        assert_eq!(left(&world, "oleg", "").await, Some(600));
        let mut times = 1;
        for nothing in [
            Value::Null, json!(0), json!(-1), json!("soon"), json!(""), json!(1e30), json!("NaN"), json!("1e30"), json!(true),
            json!([600]), json!({"seconds": 600}), json!(400_000_000), json!("2147483647"), json!(0.5),
        ] {
            say(&world, &json!({ "expires_in": nothing }));
            world.advance(600 - 31);
            assert_eq!(left(&world, "oleg", "").await, Some(31), "{nothing}");
            assert_eq!(asked(&world), times, "{nothing}");
            world.advance(1);
            assert_eq!(left(&world, "oleg", "").await, Some(600), "{nothing}");
            times += 1;
            assert_eq!(asked(&world), times, "{nothing}");
        }
        // What is said last counts; a text and a fraction are understood.
        for (said, life) in [(json!("90"), 90), (json!(" 120.9 "), 120), (json!(1.8e3), 1800)] {
            say(&world, &json!({ "expires_in": said }));
            world.advance(600);
            assert_eq!(left(&world, "oleg", "?force=true").await, Some(life), "{said}");
        }
    }

    async fn what_is_stated_at_a_bind_counts_on(engine: Engine) {
        let (world, _) = world_with(engine, "").await;
        let basic = As::Basic(CONSOLE, CONSOLE_PASSWORD);
        say(&world, &json!({"expires_in": "600", "refresh_token_expires_in": 86_400}));
        let asked_at = world.now().timestamp();
        let back = Browser::default().walk(&world, &instruct(&world, &basic).await, "oleg").await;
        // The app takes its time.
        world.advance(50);
        let completed = complete(&world, &basic, back.get("bind_code"), (VERIFIER, "alice")).await;
        assert_eq!(completed.status, 204, "{}", completed.text());
        let console = world.console().await;
        let told = detail(&world, &console, "oleg").await;
        assert_eq!((&told["expiresOn"], &told["refreshExpiresOn"]), (&json!(asked_at + 600), &json!(asked_at + 86_400)));
        assert_eq!(found(&world, &console, "oleg").await, told);
        say(&world, &json!({}));
        world.advance(600);
        assert_eq!((left(&world, "oleg", "").await, asked(&world)), (Some(600), 1));
        let told = detail(&world, &console, "oleg").await;
        assert!(told.get("refreshExpiresOn").is_none(), "{told}");
    }

    async fn a_life_stated_before_an_import_counts_on_after_it(engine: Engine) {
        let (world, _) = world_with(engine, "").await;
        expired(&world, "oleg").await;
        assert_eq!(left(&world, "oleg", "").await, Some(3600));
        // Imported anew, by a file that does not say.
        world.advance(60);
        unstated(&world, "oleg").await;
        assert_eq!(left(&world, "oleg", "").await, Some(3600));
        assert_eq!(asked(&world), 1);
    }

    async fn a_token_of_unknown_life_is_asked_for_after_an_hour_and_not_before(engine: Engine) {
        let (world, _) = world_with(engine, "").await;
        let first = unstated(&world, "oleg").await;
        say(&world, &json!({"expires_in": 1e30}));
        world.advance(HOUR - 1);
        assert_eq!(left(&world, "oleg", "").await, None);
        assert_eq!(asked(&world), 0);
        for times in 1..=3 {
            world.advance(HOUR);
            // Nobody asks for it in the background, however lately it was used.
            sweep::finish(&world.app.parts).await.expect("uses are written");
            assert_eq!((round(&world).await, asked(&world)), (0, times - 1));
            assert_eq!(left(&world, "oleg", "").await, None);
            assert_eq!(left(&world, "oleg", "").await, None);
            assert_eq!(asked(&world), times);
        }
        let console = world.console().await;
        let last = token(&fed_token(&world, &console, "").await, "oleg");
        assert!(last != first.access_token.expose_secret() && world.sandbox.is_active(&last));
    }

    async fn a_token_of_unknown_life_is_served_while_the_asking_fails(engine: Engine) {
        let (world, _) = world_with(engine, "").await;
        let held = unstated(&world, "oleg").await;
        world.advance(2 * HOUR);
        let console = world.console().await;
        let script = world.sandbox.script();
        script.next_answers(2, &Shape::Status(503, Some(7)));
        for round in 1..=2 {
            for _ in 0..2 {
                let served = token(&fed_token(&world, &console, "").await, "oleg");
                assert_eq!(served, held.access_token.expose_secret());
                assert_eq!(asked(&world), round, "the provider rests");
            }
            assert_eq!(health(&world, &console, "oleg").await, "degraded");
            world.advance(7);
        }
        // Refused for good, it counts as expired: most likely it died with the refresh token.
        script.set(|settings| settings.refuse_refresh = Some(Refusal::new(400, "invalid_grant")));
        for _ in 0..2 {
            assert_eq!(fed_token(&world, &console, "").await.refusal(), (404, "token_not_found".to_owned()));
        }
        assert_eq!((health(&world, &console, "oleg").await.as_str(), asked(&world)), ("needs_consent", 3));
    }

    /// A refusal that a wish brought about takes no token from anybody that is good by all that is known.
    async fn a_refusal_within_the_hour_takes_effect_at_its_end(engine: Engine) {
        let (world, console) = world_with(engine, "").await;
        let held = unstated(&world, "oleg").await;
        world.sandbox.script().set(|settings| settings.refuse_refresh = Some(Refusal::new(400, "invalid_grant")));
        for query in ["?force=true", ""] {
            let served = token(&fed_token(&world, &console, query).await, "oleg");
            assert_eq!(served, held.access_token.expose_secret());
        }
        world.advance(HOUR);
        let console = world.console().await;
        assert_eq!(fed_token(&world, &console, "").await.refusal(), (404, "token_not_found".to_owned()));
        assert_eq!(asked(&world), 1);
    }

    async fn without_a_refresh_token_nobody_can_ask(engine: Engine) {
        let (world, _) = world_with(engine, "").await;
        let bare = world.sandbox.issue("bare", "fedlink", "openid");
        give(&world, "bare", (Some(&bare.access_token), None), None).await;
        world.advance(10 * DAY);
        assert_eq!(left(&world, "bare", "").await, None);
        assert_eq!(asked(&world), 0);
    }

    async fn lifetime_is_an_imports_as_well_and_is_read_when_it_is_needed(engine: Engine) {
        let (world, console) = world_with(engine, "lifetime = \"30m\"\n").await;
        unstated(&world, "oleg").await;
        assert_eq!(left(&world, "oleg", "").await, Some(1800));
        let told = detail(&world, &console, "oleg").await;
        assert_eq!(told["expiresOn"], world.now().timestamp() + 1800);
        // Whoever sets it to something else need not import anew.
        let longer = World::start_beside(&world, |settings| settings + "lifetime = \"2h\"\n").await;
        world.advance(1800 - 31);
        assert_eq!(left(&longer, "oleg", "").await, Some(7200 - 1769));
        assert_eq!((left(&world, "oleg", "").await, asked(&world)), (Some(31), 0));
        world.advance(1);
        say(&world, &json!({}));
        assert_eq!((left(&world, "oleg", "").await, asked(&world)), (Some(1800), 1));
        // The background knows it, too.
        sweep::finish(&world.app.parts).await.expect("uses are written");
        world.advance(1800 - 301);
        assert_eq!((round(&world).await, asked(&world)), (0, 1));
        world.advance(151);
        assert_eq!((round(&world).await, asked(&world)), (1, 2));
        assert_eq!(round(&world).await, 0);
    }

    async fn lifetime_never_is_knowledge(engine: Engine) {
        let (world, _) = world_with(engine, "lifetime = \"never\"\n").await;
        unstated(&world, "oleg").await;
        say(&world, &json!({"expires_in": 0}));
        for forced in [0, 1] {
            world.advance(30 * DAY);
            assert_eq!(left(&world, "oleg", "").await, None);
            assert_eq!((round(&world).await, asked(&world)), (0, forced));
            assert_eq!((left(&world, "oleg", "?force=true").await, asked(&world)), (None, forced + 1));
        }
        // What the provider says is more than what the operator knows.
        say(&world, &json!({"expires_in": 600}));
        world.advance(60);
        assert_eq!(left(&world, "oleg", "?force=true").await, Some(600));
    }

    async fn an_import_spends_nothing(engine: Engine) {
        let (world, _) = world_with(engine, "idle_life = \"40d\"\n").await;
        let tokens = lasting(&world, "oleg", 3600).await;
        assert_eq!((round(&world).await, asked(&world)), (0, 0));
        // The same file once more is no use of the refresh token.
        world.advance(10 * DAY);
        give(&world, "oleg", (Some(&tokens.access_token), Some(&tokens.refresh_token)), Some(3600)).await;
        world.advance(20 * DAY - 1);
        assert_eq!((round(&world).await, asked(&world)), (0, 0));
        world.advance(1);
        assert_eq!((round(&world).await, asked(&world)), (1, 1));
        // Its own from here on.
        world.advance(30 * DAY - 1);
        assert_eq!((round(&world).await, asked(&world)), (0, 1));
        world.advance(1);
        assert_eq!((round(&world).await, asked(&world)), (1, 2));
        // Another refresh token is another import.
        lasting(&world, "oleg", 3600).await;
        world.advance(30 * DAY - 1);
        assert_eq!((round(&world).await, asked(&world)), (0, 2));
    }

    async fn the_end_that_a_file_states_is_understood_or_refused(engine: Engine) {
        let (world, console) = world_with(engine, "").await;
        let now = world.now().timestamp();
        let mut line = json!({"subject": "alice", "fpType": "box", "fpName": "box_1", "sid": "oleg", "accessToken": "a"});
        for wrong in [
            json!(0), json!(-1), json!(now * 1000), json!(i64::MAX), json!(i64::MIN), json!(now + 4000 * 24 * 3600),
            json!(1e30), json!("soon"), json!("1711125311"), json!([now]), json!({}), json!(true), json!(1.5),
        ] {
            line["expiresOn"] = wrong.clone();
            let taken = async {
                let (unknown, newer) = (import::UnknownSubject::Refuse, import::Newer::Replace);
                take_in(&world.app.parts, &line.to_string(), unknown, newer).await
            };
            let refused = taken.await.expect_err(&wrong.to_string()).to_string();
            assert!(refused.contains("expiresOn"), "{wrong}: {refused}");
        }
        for good in [now + 3600, now + 3000 * 24 * 3600] {
            line["expiresOn"] = json!(good);
            world.import(line.clone()).await;
            assert_eq!(detail(&world, &console, "oleg").await["expiresOn"], good);
        }
    }

    async fn the_end_of_a_refresh_token_is_told(engine: Engine) {
        let (world, console) = world_with(engine, "").await;
        expired(&world, "oleg").await;
        assert!(detail(&world, &console, "oleg").await.get("refreshExpiresOn").is_none());
        let mut until = None;
        let day = DAY.cast_signed();
        for (said, kept, life) in [
            (json!({"refresh_token_expires_in": 86_400}), Rotation::Strict, Some(day)),
            // Another refresh token, of which nothing is said.
            (json!({}), Rotation::Strict, None),
            (json!({"refresh_expires_in": "86400"}), Rotation::Strict, Some(day)),
            // The same one stays, and with it what was said of it.
            (json!({}), Rotation::OmitOnRefresh, until),
            (json!({}), Rotation::Never, until),
            (json!({"refresh_token_expires_in": 172_800.9}), Rotation::OmitOnRefresh, Some(2 * day)),
            // Keycloak says 0 of one that does not end.
            (json!({"refresh_expires_in": 0}), Rotation::Strict, None),
            (json!({"refresh_token_expires_in": "soon"}), Rotation::Strict, None),
            (json!({"refresh_token_expires_in": 1e30}), Rotation::Strict, None),
        ] {
            world.sandbox.script().set(|settings| settings.rotation = kept);
            say(&world, &said);
            world.advance(60);
            left(&world, "oleg", "?force=true").await;
            let now = world.now().timestamp();
            let stays = matches!(kept, Rotation::OmitOnRefresh | Rotation::Never);
            until = life.map(|life| now + life).or(until.filter(|_| stays));
            let console = world.console().await;
            let told = detail(&world, &console, "oleg").await;
            assert_eq!(told.get("refreshExpiresOn").and_then(Value::as_i64), until, "{said} {kept:?}");
        }
        assert_eq!(asked(&world), 9);
    }

    async fn a_copy_beside_the_system_in_use_spends_nothing(engine: Engine) {
        let more = "idle_life = \"40d\"\nrefresh_dies_with_access = true\n[tokens]\nrefresh = false\n";
        let (world, console) = world_with(engine, more).await;
        let held = lasting(&world, "oleg", 3600).await;
        let gone = lasting(&world, "elle", 3600).await;
        for query in ["?sid=oleg", "?sid=oleg&force=true", "?sid=oleg&min_ttl=600"] {
            let served = token(&fed_token(&world, &console, query).await, "oleg");
            assert_eq!(served, held.access_token.expose_secret());
        }
        sweep::finish(&world.app.parts).await.expect("uses are written");
        world.advance(3600 - 60);
        assert_eq!(round(&world).await, 0);
        world.advance(60);
        let console = world.console().await;
        let none = fed_token(&world, &console, "?sid=oleg").await;
        assert_eq!(none.refusal(), (404, "token_not_found".to_owned()));
        assert!(none.text().contains("tokens.refresh = false"), "{}", none.text());
        assert_eq!(health(&world, &console, "oleg").await, "ok");
        world.advance(60 * DAY);
        assert_eq!(round(&world).await, 0);
        unlink(&world, &world.console().await, "elle").await;
        work(&world).await;
        assert_eq!((waiting(&world).await, world.sandbox.counts().revoke, asked(&world)), (0, 0, 0));
        assert!(world.sandbox.is_active(gone.refresh_token.expose_secret()));
    }

    async fn a_clock_that_jumps_during_a_refresh_ends_nothing(engine: Engine) {
        let (world, console) = world_with(engine, "").await;
        expired(&world, "oleg").await;
        let hold = world.sandbox.script().hold_token_answers();
        let call = fed_token(&world, &console, "");
        let jump = async {
            hold.wait_for_arrivals(1).await;
            world.clock.set(chrono::TimeDelta::minutes(90));
            hold.release();
        };
        let (answer, ()) = tokio::join!(call, jump);
        assert!(world.sandbox.is_active(&token(&answer, "oleg")));
        assert_eq!(asked(&world), 2);
    }

    /// The expiry that was counted by a wrong clock is no better than it.
    async fn what_was_obtained_in_the_future_is_asked_for(engine: Engine) {
        let (world, console) = world_with(engine, "").await;
        expired(&world, "oleg").await;
        let ahead = MovableClock::frozen(world.now() + Duration::from_hours(1));
        assert_ne!(ahead.now(), world.now());
        let wrong = World::start_beside_at(&world, ahead, |settings| settings).await;
        assert_eq!(fed_token(&wrong, &wrong.console().await, "").await.status, 200);
        assert_eq!(asked(&world), 1);
        for _ in 0..2 {
            let answer = fed_token(&world, &console, "").await;
            assert!(world.sandbox.is_active(&token(&answer, "oleg")));
            assert_eq!(answer.json()["oleg"]["expiresOn"], world.now().timestamp() + 3600);
            assert_eq!(asked(&world), 2);
        }
    }
}
