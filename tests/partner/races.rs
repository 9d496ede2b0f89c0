//! First sign-ins that cross: the database decides who is first, and whoever is not starts over.

use std::sync::Arc;

use domain::ids::Subject;
use futures_util::future::join_all;
use secrecy::ExposeSecret as _;
use serde_json::json;
use service::accounts::{self, New};

use crate::support::database::{Sql, count, execute, texts};
use crate::support::partner::{LENIENT, SDK, cookie, encoded, refused, trusting};
use crate::support::person::{email, person, phone};
use crate::support::world::{Answer, World, both_engines};

/// Sends these to the callback so that all have asked the partner before any goes on.
async fn at_once(world: &World, targets: &[String]) -> Vec<Answer> {
    let hold = world.sandbox.script().hold_userinfo();
    let calls = join_all(targets.iter().map(|target| world.visit(target, &[])));
    let release = async {
        hold.wait_for_arrivals(targets.len()).await;
        hold.release();
    };
    tokio::join!(calls, release).0
}

/// The callback's address with a token of this user of the sandbox.
fn callback_of(world: &World, sub: &str) -> String {
    let token = world.sandbox.issue(sub, "their-app", "openid").access_token;
    let token = encoded(token.expose_secret());
    format!("/api/auth/{SDK}/callback?user_type=resident&client_id={LENIENT}&access_token={token}")
}

/// The subjects that these answers have signed in, each once.
async fn signed_in(world: &World, answers: &[Answer]) -> Vec<String> {
    for answer in answers {
        assert_eq!(answer.status, 302, "{}", answer.text());
        assert!(world.at_home(&cookie(answer)).await.is_some());
    }
    texts(&world.database_url, "SELECT DISTINCT subject AS value FROM condo_sessions ORDER BY subject").await
}

/// Waits until so many wait for what `sql` has locked. SQLite tells nobody who waits: there it returns at once, and whoever
/// comes first holds off the others anyway.
async fn wait_for_rivals(world: &World, sql: &Sql, rivals: usize) {
    if matches!(sql, Sql::Sqlite(_)) {
        return;
    }
    let waiting = "SELECT CAST(count(*) AS TEXT) AS value FROM pg_stat_activity \
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let mut other = Sql::open(&world.database_url).await;
    while other.texts(waiting).await != [rivals.to_string()] {
        tokio::task::yield_now().await;
    }
}

both_engines! {
    async fn first_sign_ins_of_one_identity_make_one_user(engine: Engine) {
        let world = World::start_with(engine, |settings| trusting(&settings)).await;
        for round in 0..10 {
            // With and without what the database would tell them apart by.
            let mut userinfo = json!({ "sub": format!("sid-{round}"), "name": "Oleg" });
            if round % 2 == 0 {
                userinfo["phone_number"] = format!("+7999000000{round}").into();
            }
            world.userinfo(&userinfo);
            let targets: Vec<String> = (0..6).map(|_| world.callback("resident", LENIENT)).collect();
            let answers = at_once(&world, &targets).await;
            assert_eq!(signed_in(&world, &answers).await.len(), round + 1);
            let all = (count(&world, "accounts").await, count(&world, "links").await, count(&world, "condo_sessions").await);
            assert_eq!(all, (round + 1, round + 1, 6 * (round + 1)));
        }
        let made = "SELECT event AS value FROM audit WHERE event IN ('ACCOUNT_CREATED', 'FEDERATION_POINT_BOUND')";
        assert_eq!(texts(&world.database_url, made).await.len(), 20, "what was begun and lost is nowhere");
    }

    async fn the_loser_of_a_link_starts_over(engine: Engine) {
        let world = Arc::new(World::start_with(engine, |settings| trusting(&settings)).await);
        world.userinfo(&json!({ "sub": "1", "name": "Oleg" }));
        let mut sql = Sql::open(&world.database_url).await;
        // On Postgres all have made an account by then, and wait to link it.
        sql.lock("links").await;
        let calls: Vec<_> = (0..4)
            .map(|_| {
                let world = Arc::clone(&world);
                tokio::spawn(async move { world.arrive().await })
            })
            .collect();
        wait_for_rivals(&world, &sql, 4).await;
        sql.run("COMMIT").await;
        let mut answers = Vec::new();
        for call in calls {
            answers.push(call.await.unwrap());
        }
        assert_eq!(signed_in(&world, &answers).await.len(), 1);
        assert_eq!((count(&world, "accounts").await, count(&world, "links").await), (1, 1));
    }

    async fn two_identities_of_one_phone_become_one_user(engine: Engine) {
        let world = World::start_with(engine, |settings| trusting(&settings)).await;
        for round in 0..10 {
            let number = format!("+799900000{round:02}");
            world.userinfo(&json!({ "phone_number": number, "email": null }));
            let subs = ["oleg", "elle", "irina"].map(|sub| callback_of(&world, sub));
            let answers = at_once(&world, &subs).await;
            // The first becomes a user, and the others are found to be the same.
            assert!(answers.iter().all(|answer| answer.status == 302));
            let users = format!("accounts WHERE phone = '{number}' AND phone_verified");
            assert_eq!(count(&world, &users).await, 1);
            let owners = "SELECT DISTINCT subject AS value FROM links";
            assert_eq!((texts(&world.database_url, owners).await.len(), count(&world, "links").await), (1, 3));
            execute(&world.database_url, "DELETE FROM links").await;
        }
    }

    async fn an_address_is_taken_from_its_claimer_once(engine: Engine) {
        let world = World::start_with(engine, |settings| trusting(&settings)).await;
        for round in 0..5 {
            let (number, address) = (format!("+799900000{round:02}"), format!("u{round}@example.com"));
            // Who has the one and who has the other are taken from in one order, whoever comes.
            let claimers = [format!("z-{round}"), format!("a-{round}")];
            world.person(New { phone: Some(phone(&number, false)), ..person(&claimers[0]) }).await;
            world.person(New { email: Some(email(&address, false)), ..person(&claimers[1]) }).await;
            world.userinfo(&json!({ "phone_number": number, "email": address, "email_verified": true }));
            let subs = ["oleg", "elle", "irina"].map(|sub| callback_of(&world, sub));
            let answers = at_once(&world, &subs).await;
            assert!(answers.iter().all(|answer| answer.status == 302));
            let holders = format!("accounts WHERE phone = '{number}' AND phone_verified AND email = '{address}' AND email_verified");
            assert_eq!(count(&world, &holders).await, 1);
            let lost = format!("audit WHERE event = 'ACCOUNT_ADDRESS_TAKEN' AND subject IN ('z-{round}', 'a-{round}')");
            assert_eq!(count(&world, &lost).await, 2);
            execute(&world.database_url, "DELETE FROM links").await;
        }
    }

    async fn nobody_comes_in_behind_a_deletion(engine: Engine) {
        let world = World::start_with(engine, |settings| trusting(&settings)).await;
        world.userinfo(&json!({ "sub": "1", "name": "Oleg" }));
        let subject = Subject::parse(signed_in(&world, &[world.arrive().await]).await.concat()).unwrap();
        for _ in 0..5 {
            let targets: Vec<String> = (0..3).map(|_| world.callback("resident", LENIENT)).collect();
            let (answers, disabled) =
                tokio::join!(at_once(&world, &targets), accounts::disable(&world.app.parts, subject.clone()));
            disabled.unwrap();
            for answer in &answers {
                assert!(answer.status == 302 || refused(answer).1 == "EXTERNAL_IDENTITY_BLOCKED", "{}", answer.text());
                if answer.status == 302 {
                    assert_eq!(world.at_home(&cookie(answer)).await, None, "a session of somebody deleted is nobody's");
                }
            }
            assert_eq!(refused(&world.arrive().await).1, "EXTERNAL_IDENTITY_BLOCKED");
            accounts::enable(&world.app.parts, subject.clone()).await.unwrap();
        }
    }
}
