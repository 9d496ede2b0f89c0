//! A token that an API refused, as its caller reports it: its provider is asked, and what comes of it is served.

use domain::ids::LinkId;
use futures_util::future::join_all;
use sandbox::{Answer as Shape, Refusal, Userinfo};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use crate::support::browser::{Browser, complete, instruct};
use crate::support::database::Sql;
use crate::support::fed::{asked, detail, expired, fed_token, give, health, lasting, token};
use crate::support::world::{
    ALL_SCOPES, Answer, As, Body, CONSOLE, CONSOLE_PASSWORD, Engine, VERIFIER, World, both_engines,
};

const TARGET: &str = "/api/v3/users/alice/fedToken/box/box_1/rejected";
const HOUR: u64 = 3600;

async fn report(world: &World, who: &As, sid: &str, token: &SecretString) -> Answer {
    let body = json!({"sid": sid, "token": token.expose_secret()});
    world.call("POST", TARGET, who, Body::Json(body)).await
}

/// A world with alice's link `oleg`, whose token nobody can refresh and whose end nobody knows, as of GitHub's OAuth apps.
async fn endless(engine: Engine) -> (World, As, SecretString) {
    let world = World::frozen_with(engine, |settings| {
        settings.replace("[[providers]]\n", "[[providers]]\nlifetime = \"never\"\n")
    })
    .await;
    world.account("alice").await;
    let console = world.console().await;
    let issued = world.sandbox.issue("oleg", "fedlink", "openid");
    give(&world, "oleg", (Some(&issued.access_token), None), None).await;
    (world, console, issued.access_token)
}

/// How often the provider was asked anything about a token.
fn looks(world: &World) -> (u64, u64, u64) {
    let counts = world.sandbox.counts();
    (counts.token_refresh, counts.userinfo, counts.introspect)
}

fn assert_needs_consent(answer: &Answer) {
    assert_eq!(answer.refusal(), (404, "token_not_found".to_owned()));
    assert_eq!(answer.json()["reason"], "needs_consent", "{}", answer.text());
}

both_engines! {
    async fn one_that_can_be_refreshed_is(engine: Engine) {
        let world = World::frozen(engine).await;
        world.account("alice").await;
        let console = world.console().await;
        let first = lasting(&world, "oleg", 3000).await.access_token;
        let second = token(&report(&world, &console, "oleg", &first).await, "oleg");
        assert!(second != first.expose_secret() && world.sandbox.is_active(&second));
        assert_eq!((asked(&world), health(&world, &console, "oleg").await), (1, "ok".to_owned()));
        // It is not the account's any more: what is there is served, and so is what has just been obtained.
        for reported in [&first, &second.clone().into()] {
            assert_eq!(token(&report(&world, &console, "oleg", reported).await, "oleg"), second);
        }
        assert_eq!(looks(&world), (1, 0, 0));
    }

    async fn one_that_cannot_is_looked_into(engine: Engine) {
        let (world, console, held) = endless(engine).await;
        assert_eq!(token(&report(&world, &console, "oleg", &held).await, "oleg"), held.expose_secret());
        assert_eq!((looks(&world), health(&world, &console, "oleg").await), ((0, 1, 0), "ok".to_owned()));
        world.sandbox.revoke(held.expose_secret(), "fedlink");
        assert_eq!(token(&fed_token(&world, &console, "").await, "oleg"), held.expose_secret(), "nobody knows");
        assert_needs_consent(&report(&world, &console, "oleg", &held).await);
        assert_needs_consent(&fed_token(&world, &console, "").await);
        let batch = json!({"tokens": [{"subject": "alice", "fp": "box:box_1"}]});
        let batch = world.call("POST", "/api/v3/fedTokens", &console, Body::Json(batch)).await.json();
        assert_eq!(batch["tokens"][0]["reason"], "needs_consent", "{batch}");
        assert_eq!(health(&world, &console, "oleg").await, "needs_consent");
        // It is known by now.
        assert_needs_consent(&report(&world, &console, "oleg", &held).await);
        assert_eq!(looks(&world), (0, 2, 0));
        // Once the user has linked again, still without a refresh token, all is well.
        world.sandbox.script().set(|settings| settings.refresh_tokens = false);
        let basic = As::Basic(CONSOLE, CONSOLE_PASSWORD);
        let back = Browser::default().walk(&world, &instruct(&world, &basic).await, "oleg").await;
        assert_eq!(complete(&world, &basic, back.get("bind_code"), (VERIFIER, "alice")).await.status, 204);
        let new = token(&fed_token(&world, &console, "").await, "oleg");
        assert!(world.sandbox.is_active(&new));
        assert_eq!(health(&world, &console, "oleg").await, "ok");
    }

    /// Its provider has refused it, and the caller's time is up.
    async fn who_waits_for_the_database_is_told_of_it(engine: Engine) {
        let (world, console, held) = endless(engine).await;
        world.sandbox.revoke(held.expose_secret(), "fedlink");
        let mut sql = Sql::open(&world.database_url).await;
        let id = sql.texts("SELECT CAST(link_id AS text) AS value FROM token_sets").await.concat();
        let link = LinkId(id.parse().expect("a UUID"));
        sql.lock("token_sets").await;
        let waits = async {
            while looks(&world).1 == 0 || !world.app.parts.flights.is_at_database(link) {
                tokio::task::yield_now().await;
            }
            world.advance(15);
        };
        let (told, ()) = tokio::join!(report(&world, &console, "oleg", &held), waits);
        assert_eq!(told.refusal(), (503, "storage_unavailable".to_owned()));
        sql.run("ROLLBACK").await;
    }

    async fn whose_refresh_token_is_refused_as_well_is_handed_out_no_more(engine: Engine) {
        let world = World::frozen(engine).await;
        world.account("alice").await;
        let console = world.console().await;
        let held = lasting(&world, "oleg", 3000).await.access_token;
        world.sandbox.script().set(|settings| settings.refuse_refresh = Some(Refusal::new(400, "invalid_grant")));
        // Somebody who only wants a newer one is served what there is, until it has run out.
        assert_eq!(token(&fed_token(&world, &console, "?force=true").await, "oleg"), held.expose_secret());
        assert_eq!(health(&world, &console, "oleg").await, "needs_consent");
        // By now nobody can refresh it: userinfo takes it, so it is served on.
        assert_eq!(token(&report(&world, &console, "oleg", &held).await, "oleg"), held.expose_secret());
        assert_eq!(looks(&world), (1, 1, 0));
        let other = lasting(&world, "elle", 3000).await.access_token;
        assert_eq!(token(&report(&world, &console, "elle", &other).await, "elle"), other.expose_secret(), "in any order");
        assert_eq!(looks(&world), (2, 2, 0));
        world.sandbox.revoke(other.expose_secret(), "fedlink");
        assert_needs_consent(&report(&world, &console, "elle", &other).await);
        let served = fed_token(&world, &console, "").await.json();
        assert!(served.get("oleg").is_some() && served.get("elle").is_none(), "{served}");
        assert_eq!(looks(&world), (2, 3, 0));
    }

    async fn one_whose_refresh_token_is_refused_and_of_which_nobody_can_tell_is_given_up(engine: Engine) {
        let world = World::frozen(engine).await;
        world.account("alice").await;
        let console = world.console().await;
        let held = lasting(&world, "oleg", 3000).await.access_token;
        world.sandbox.script().set(|settings| {
            settings.userinfo = Userinfo::Absent;
            settings.metadata.insert("introspection_endpoint".to_owned(), json!(null));
            settings.refuse_refresh = Some(Refusal::new(400, "invalid_grant"));
        });
        assert_needs_consent(&report(&world, &console, "oleg", &held).await);
        assert_needs_consent(&fed_token(&world, &console, "").await);
    }

    /// Many workers of an application meet the same 401 at once.
    async fn one_look_at_a_link_is_made_at_a_time_and_counts_once(engine: Engine) {
        let (world, console, held) = endless(engine).await;
        world.sandbox.revoke(held.expose_secret(), "fedlink");
        let answers = join_all((0..30).map(|_| report(&world, &console, "oleg", &held))).await;
        for answer in &answers {
            assert!([404, 503].contains(&answer.status), "{}", answer.text());
        }
        assert_needs_consent(&report(&world, &console, "oleg", &held).await);
        assert_eq!(looks(&world), (0, 1, 0));
        // Nothing of it is held against refreshes.
        let old = expired(&world, "elle").await.access_token;
        assert!(token(&fed_token(&world, &console, "").await, "elle") != old.expose_secret());
    }

    async fn a_provider_that_cannot_say_changes_nothing(engine: Engine) {
        let world = World::frozen(engine).await;
        world.account("alice").await;
        let console = world.console().await;
        let held = lasting(&world, "oleg", 3000).await.access_token;
        world.sandbox.script().next_answers(1, &Shape::Status(503, None));
        let failed = report(&world, &console, "oleg", &held).await;
        assert_eq!(failed.refusal(), (503, "provider_unavailable".to_owned()));
        assert!(failed.header("retry-after").is_some());
        // While the provider rests, nobody asks it because of a report either.
        assert_eq!(report(&world, &console, "oleg", &held).await.refusal().0, 503);
        assert_eq!(looks(&world), (1, 0, 0));
        assert_eq!(token(&fed_token(&world, &console, "").await, "oleg"), held.expose_secret());

        let (world, console, held) = endless(engine).await;
        for (userinfo, challenge) in [
            (Userinfo::Status(503), 503), (Userinfo::Status(403), 503), (Userinfo::Status(429), 503), (Userinfo::Status(404), 503),
            (Userinfo::Redirect, 503), (Userinfo::Good, 200),
        ] {
            world.sandbox.script().set(|settings| settings.userinfo = userinfo);
            assert_eq!(report(&world, &console, "oleg", &held).await.status, challenge, "{userinfo:?}");
            assert_eq!(health(&world, &console, "oleg").await, "ok", "{userinfo:?}");
        }
    }

    async fn where_there_is_no_userinfo_introspection_is_asked_and_else_nobody_can_tell(engine: Engine) {
        for (hidden, is_told) in [(false, true), (true, false)] {
            let (world, console, held) = endless(engine).await;
            world.sandbox.script().set(|settings| {
                settings.userinfo = Userinfo::Absent;
                if hidden {
                    settings.metadata.insert("introspection_endpoint".to_owned(), json!(null));
                }
            });
            if is_told {
                assert_eq!(token(&report(&world, &console, "oleg", &held).await, "oleg"), held.expose_secret());
                world.sandbox.revoke(held.expose_secret(), "fedlink");
                assert_needs_consent(&report(&world, &console, "oleg", &held).await);
                assert_eq!(looks(&world), (0, 0, 2));
            } else {
                world.sandbox.revoke(held.expose_secret(), "fedlink");
                let told = report(&world, &console, "oleg", &held).await;
                assert_eq!(told.refusal(), (409, "uncheckable".to_owned()), "{}", told.text());
                assert_eq!((looks(&world), health(&world, &console, "oleg").await), ((0, 0, 0), "ok".to_owned()));
            }
        }
    }

    /// Another instance may refresh it: here nothing is known of the refresh token.
    async fn where_nothing_is_refreshed_the_link_lives_on(engine: Engine) {
        let world = World::frozen_with(engine, |text| format!("{text}[tokens]\nrefresh = false\n")).await;
        world.account("alice").await;
        let console = world.console().await;
        let held = lasting(&world, "oleg", 3000).await.access_token;
        world.sandbox.revoke(held.expose_secret(), "fedlink");
        let told = report(&world, &console, "oleg", &held).await;
        assert_eq!((told.refusal(), told.json()["reason"].as_str()), ((404, "token_not_found".to_owned()), Some("expired")));
        assert_eq!((looks(&world), health(&world, &console, "oleg").await), ((0, 1, 0), "ok".to_owned()));
    }

    /// One whose refusals are no users' doing is not believed, and what was believed of it before is undone.
    async fn a_provider_that_refuses_in_masses_is_not_believed(engine: Engine) {
        let (world, console, first) = endless(engine).await;
        let mut held = vec![("oleg".to_owned(), first)];
        for number in 0..24 {
            let (sid, issued) = (format!("s{number}"), world.sandbox.issue("oleg", "fedlink", "openid"));
            give(&world, &sid, (Some(&issued.access_token), None), None).await;
            held.push((sid, issued.access_token));
        }
        world.sandbox.script().set(|settings| settings.userinfo = Userinfo::Status(401));
        let mut answers = Vec::new();
        for (sid, token) in &held {
            answers.push(report(&world, &console, sid, token).await.status);
        }
        assert_eq!((answers[0], answers[18], answers[19], answers[24]), (404, 404, 503, 503), "{answers:?}");
        let served = fed_token(&world, &console, "").await.json();
        assert_eq!(served.as_object().map(serde_json::Map::len), Some(held.len()), "{served}");
    }

    async fn a_word_about_somebody_elses_token_is_none(engine: Engine) {
        let (world, console, held) = endless(engine).await;
        let others = world.sandbox.issue("elle", "fedlink", "openid").access_token;
        world.sandbox.revoke(others.expose_secret(), "fedlink");
        for reported in ["x", others.expose_secret(), &format!("{}x", held.expose_secret())] {
            assert_eq!(token(&report(&world, &console, "oleg", &reported.into()).await, "oleg"), held.expose_secret());
        }
        assert_eq!(looks(&world), (0, 0, 0));
        // An expired one that nobody asked for yet is refreshed as ever.
        let old = expired(&world, "elle").await.access_token;
        assert!(world.sandbox.is_active(&token(&report(&world, &console, "elle", &old).await, "elle")));
    }

    async fn who_may_not_have_the_token_may_not_report_it(engine: Engine) {
        let (world, console, held) = endless(engine).await;
        let strangers = [
            As::Nobody,
            world.system(CONSOLE, &["fed_tkn_box_box_2"]).await,
            world.system(CONSOLE, &["blitz_api_sys_ufa"]).await,
        ];
        for who in strangers {
            assert_eq!(report(&world, &who, "oleg", &held).await.refusal(), (401, "bad_access_token".to_owned()), "{who:?}");
        }
        let own = world.user(CONSOLE, "alice", &ALL_SCOPES).await;
        assert_eq!(token(&report(&world, &own, "oleg", &held).await, "oleg"), held.expose_secret());
        world.account("bob").await;
        let bob = world.user(CONSOLE, "bob", &ALL_SCOPES).await;
        assert_eq!(report(&world, &bob, "oleg", &held).await.refusal(), (401, "bad_access_token".to_owned()));
        for (body, status, error) in [
            (json!({"sid": "nobody", "token": "x"}), 404, "token_not_found"),
            (json!({"sid": "", "token": "x"}), 400, "wrong_values"),
            (json!({"sid": "oleg", "token": ""}), 400, "wrong_values"),
            (json!({"sid": "oleg"}), 400, "wrong_values"),
            (json!({"sid": "oleg", "token": "x", "more": 1}), 400, "wrong_values"),
        ] {
            let answer = world.call("POST", TARGET, &console, Body::Json(body)).await;
            assert_eq!(answer.refusal(), (status, error.to_owned()), "{}", answer.text());
        }
    }

    async fn an_application_reports_sixty_a_minute(engine: Engine) {
        let (world, console, held) = endless(engine).await;
        for _ in 0..60 {
            assert_eq!(report(&world, &console, "oleg", &held).await.status, 200);
        }
        let refused = report(&world, &console, "oleg", &held).await;
        assert_eq!(refused.refusal(), (429, "too_many_attempts".to_owned()));
        world.advance(60);
        assert_eq!(report(&world, &world.console().await, "oleg", &held).await.status, 200);
    }

    async fn a_rejected_token_is_told_of_once_and_moves_nowhere(engine: Engine) {
        let (world, console, held) = endless(engine).await;
        world.sandbox.revoke(held.expose_secret(), "fedlink");
        assert_needs_consent(&report(&world, &console, "oleg", &held).await);
        world.advance(HOUR);
        let console = world.console().await;
        service::refresh::see_to_marked(&world.app.parts).await.expect("a round");
        let record = "SELECT subject || '|' || sid || '|' || detail AS value FROM audit WHERE event = 'FEDERATION_CONSENT_NEEDED'";
        let told = crate::support::database::texts(&world.database_url, record).await;
        assert_eq!(told, ["alice|oleg|needs_consent"]);
        assert_eq!(detail(&world, &console, "oleg").await["health"], "needs_consent");
    }
}
