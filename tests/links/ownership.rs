//! Whose an external account is: one user's where the provider is exclusive, and its prover's before its asserter's.

use domain::clock::SharedClock;
use domain::entropy::SystemEntropy;
use domain::ids::Subject;
use fedlink::app::App;
use serde_json::{Value, json};
use service::accounts;
use settings::{Configuration, Literals};
use tokio::runtime::Handle;

use crate::support::browser::{Browser, instruct};
use crate::support::database::{Sql, texts};
use crate::support::settings::settings;
use crate::support::world::{Answer, As, Body, CONSOLE, CONSOLE_PASSWORD, Engine, VERIFIER, World, both_engines};

async fn link(world: &World, who: &As, subject: &str, sid: &str) -> Answer {
    world.call("POST", &format!("/api/v3/users/{subject}/fa/box/box_1/{sid}"), who, Body::None).await
}

/// The sids of a subject's links with their proofs.
async fn links(world: &World, who: &As, subject: &str) -> Vec<(String, String)> {
    let answer = world.call("GET", &format!("/api/v3/users/{subject}/fa?detail=true"), who, Body::None).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    answer.json().as_array().expect("a list").iter().map(|link| (text(&link["sid"]), text(&link["proof"]))).collect()
}

/// Binds the sandbox's user `user` to `subject`.
async fn bind(world: &World, who: &As, subject: &str, user: &'static str) -> Answer {
    let redirect_to = instruct(world, &As::Basic(CONSOLE, CONSOLE_PASSWORD)).await;
    let callback = Browser::default().walk(world, &redirect_to, user).await;
    let body = json!({"bind_code": callback.get("bind_code"), "code_verifier": VERIFIER, "subject": subject});
    let who = if matches!(who, As::Bearer(_)) { who.clone() } else { world.console().await };
    world.call("POST", "/api/v2/users/current/fa/bind/complete", &who, Body::Json(body)).await
}

fn shared(settings: String) -> String {
    settings + "exclusive = false\n"
}

fn proven(sid: &str) -> Vec<(String, String)> {
    vec![(sid.to_owned(), "proven".to_owned())]
}

fn asserted(sid: &str) -> Vec<(String, String)> {
    vec![(sid.to_owned(), "asserted".to_owned())]
}

/// Another fedlink on the world's database, whose provider is exclusive or not.
async fn started_beside(world: &World, exclusive: bool) -> Result<App, domain::Error> {
    let text =
        settings(&world.database_url, &world.folder.path().join("fedlink.keys"), &world.base, &world.sandbox.issuer());
    let text = format!("{text}exclusive = {exclusive}\n");
    let settings = Configuration::parse(&text, world.folder.path(), &|_| None, Literals::Allow).expect("settings");
    let clock: SharedClock = world.clock.clone();
    App::build(settings, clock, SystemEntropy::shared(), Handle::current()).await
}

both_engines! {
    async fn an_exclusive_account_is_one_users(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        world.account("bob").await;
        let console = world.console().await;
        assert_eq!(link(&world, &console, "alice", "1").await.status, 204);
        let refused = link(&world, &console, "bob", "1").await;
        assert_eq!(refused.refusal(), (409, "already_linked".to_owned()));
        assert_eq!(refused.json()["type"], "input_error");
        assert!(!refused.text().contains("alice"), "{}", refused.text());
        assert_eq!(links(&world, &console, "bob").await, []);
        assert_eq!(links(&world, &console, "alice").await, asserted("1"));
        // Ids are compared byte for byte.
        assert_eq!(link(&world, &console, "bob", "%31%20").await.status, 204);
        let gone = world.call("DELETE", "/api/v3/users/alice/fa/box/box_1/1", &console, Body::None).await;
        assert_eq!(gone.status, 204);
        assert_eq!(link(&world, &console, "bob", "1").await.status, 204);
    }

    // A request that was under way when settings changed, or another instance that is not restarted yet.
    async fn who_goes_by_older_settings_makes_links_as_the_newer_have_it(engine: Engine) {
        let world = World::start_with(engine, shared).await;
        world.account("alice").await;
        world.account("bob").await;
        let console = world.console().await;
        started_beside(&world, true).await.map(drop).expect("nobody shares an account");
        assert_eq!(link(&world, &console, "alice", "1").await.status, 204);
        assert_eq!(link(&world, &console, "bob", "1").await.refusal(), (409, "already_linked".to_owned()));
        started_beside(&world, false).await.map(drop).expect("any may");
        assert_eq!(link(&world, &console, "bob", "1").await.status, 204);
    }

    // Whichever is first, the other goes by what it has written.
    async fn a_link_and_the_rule_that_forbids_it_never_both_stand(engine: Engine) {
        // What keeps a link from being written after it has read its rule, and a rule from being applied after it is written.
        let same = "INSERT INTO links (id, subject, fp_type, fp_name, sid, proof, created) VALUES \
                    ('00000000-0000-4000-8000-000000000001', 'bob', 'box', 'box_1', '1', 'asserted', now())";
        let others = "UPDATE links SET user_name = 'another' WHERE subject = 'alice'";
        for (in_the_way, link_is_first) in [(same, true), (others, false)] {
            let world = World::start_with(engine, shared).await;
            world.account("alice").await;
            world.account("bob").await;
            let console = world.console().await;
            assert_eq!(link(&world, &console, "alice", "1").await.status, 204);
            let mut sql = Sql::open(&world.database_url).await;
            match engine {
                Engine::Sqlite => sql.run("BEGIN IMMEDIATE").await,
                Engine::Postgres => sql.run(&format!("BEGIN; {in_the_way}")).await,
            }
            let (mut looks, mut looks_on) = (Sql::open(&world.database_url).await, Sql::open(&world.database_url).await);
            let linking = async |look: &mut Sql, after| {
                look.wait_for_waiters(after).await;
                link(&world, &console, "bob", "1").await.status
            };
            let ruling = async |look: &mut Sql, after| {
                look.wait_for_waiters(after).await;
                started_beside(&world, true).await.map(drop)
            };
            let freeing = async {
                looks_on.wait_for_waiters(2).await;
                sql.run("ROLLBACK").await;
            };
            let (linked, ruled) = if link_is_first {
                let mut first = Sql::open(&world.database_url).await;
                let (linked, ruled, ()) = tokio::join!(linking(&mut first, 0), ruling(&mut looks, 1), freeing);
                (linked, ruled)
            } else {
                let mut first = Sql::open(&world.database_url).await;
                let (ruled, linked, ()) = tokio::join!(ruling(&mut first, 0), linking(&mut looks, 1), freeing);
                (linked, ruled)
            };
            // SQLite has one writer at a time, and doesn't say who waits to be it: either may have come first.
            let expected = if engine == Engine::Postgres { link_is_first } else { linked == 204 };
            assert_eq!((linked, ruled.is_err()), if expected { (204, true) } else { (409, false) }, "{in_the_way}");
        }
    }

    async fn a_shared_account_may_be_many_users(engine: Engine) {
        let world = World::start_with(engine, shared).await;
        world.account("alice").await;
        world.account("bob").await;
        let console = world.console().await;
        for subject in ["alice", "bob"] {
            assert_eq!(link(&world, &console, subject, "oleg").await.status, 204);
        }
        assert_eq!(bind(&world, &console, "bob", "oleg").await.status, 204);
        assert_eq!(links(&world, &console, "alice").await, asserted("oleg"));
        assert_eq!(links(&world, &console, "bob").await, proven("oleg"));
        let gone = world.call("DELETE", "/api/v3/users/alice/fa/box/box_1/oleg", &console, Body::None).await;
        assert_eq!(gone.status, 204);
        assert_eq!(links(&world, &console, "bob").await, proven("oleg"));
    }

    async fn two_users_racing_for_one_account(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        world.account("bob").await;
        let console = world.console().await;
        for round in 0..40 {
            let sid = format!("prize-{round}");
            let (one, two) = tokio::join!(link(&world, &console, "alice", &sid), link(&world, &console, "bob", &sid));
            let mut statuses = [one.status, two.status];
            statuses.sort_unstable();
            assert_eq!(statuses, [204, 409], "round {round}");
            let (winner, loser) = if one.status == 204 { ("alice", "bob") } else { ("bob", "alice") };
            assert!(links(&world, &console, winner).await.contains(&(sid.clone(), "asserted".to_owned())));
            assert!(!links(&world, &console, loser).await.iter().any(|(linked, _)| *linked == sid));
        }
    }

    async fn one_user_linking_one_account_many_times_at_once_is_harmless(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        let console = world.console().await;
        for round in 0..40 {
            let sid = format!("same-{round}");
            let once = || link(&world, &console, "alice", &sid);
            let (a, b, c, d) = tokio::join!(once(), once(), once(), once());
            assert_eq!([a.status, b.status, c.status, d.status], [204; 4], "round {round}");
        }
        assert_eq!(links(&world, &console, "alice").await.len(), 40);
    }

    async fn a_proven_link_takes_the_account_from_an_asserted_one(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        world.linked("bob", "oleg").await;
        let console = world.console().await;
        assert_eq!(bind(&world, &console, "alice", "oleg").await.status, 204);
        assert_eq!(links(&world, &console, "alice").await, proven("oleg"));
        assert_eq!(links(&world, &console, "bob").await, []);
        let token = world.call("GET", "/api/v3/users/bob/fedToken/box/box_1", &console, Body::None).await;
        assert_eq!(token.refusal(), (404, "token_not_found".to_owned()));
        let record = "SELECT event || ' ' || subject || ' ' || sid || ' ' || coalesce(client, '-') || ' ' || detail AS value
                      FROM audit WHERE sid IS NOT NULL ORDER BY at, id";
        let record = texts(&world.database_url, record).await;
        assert!(record.contains(&"FEDERATION_POINT_TAKEN_OVER bob oleg console proven_by_another".to_owned()), "{record:?}");
        assert!(record.contains(&"FEDERATION_POINT_BOUND alice oleg console proven".to_owned()), "{record:?}");
    }

    async fn an_asserted_link_never_takes_the_account_from_a_proven_one(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        world.account("bob").await;
        let console = world.console().await;
        assert_eq!(bind(&world, &console, "alice", "oleg").await.status, 204);
        assert_eq!(link(&world, &console, "bob", "oleg").await.refusal(), (409, "already_linked".to_owned()));
        // Nor does a proven one: who has it first keeps it.
        assert_eq!(bind(&world, &console, "bob", "oleg").await.refusal(), (409, "already_linked".to_owned()));
        // An assertion of the owner's own loses no proof.
        assert_eq!(link(&world, &console, "alice", "oleg").await.status, 204);
        assert_eq!(links(&world, &console, "alice").await, proven("oleg"));
        assert_eq!(links(&world, &console, "bob").await, []);
        let token = world.call("GET", "/api/v3/users/alice/fedToken/box/box_1", &console, Body::None).await;
        assert_eq!(token.status, 200, "{}", token.text());
    }

    async fn a_provider_that_becomes_exclusive_at_a_start_has_one_owner_each_from_then_on(engine: Engine) {
        let world = World::start_with(engine, shared).await;
        world.account("alice").await;
        world.account("bob").await;
        let console = world.console().await;
        assert_eq!(link(&world, &console, "alice", "it's").await.status, 204);
        let keys = "SELECT coalesce(exclusive_key, 'none') AS value FROM links ORDER BY created";
        assert_eq!(texts(&world.database_url, keys).await, ["none"]);
        let app = started_beside(&world, true).await.expect("it starts");
        assert_eq!(texts(&world.database_url, keys).await, ["/box/box_1/it's"]);
        // The new one refuses what the constraint refuses.
        drop(app);
        let twin = World::start_beside(&world, |settings| settings).await;
        assert_eq!(link(&twin, &console, "bob", "it's").await.refusal(), (409, "already_linked".to_owned()));
        assert_eq!(link(&twin, &console, "alice", "it's").await.status, 204);
        // And back.
        let _app = started_beside(&world, false).await.expect("it starts");
        assert_eq!(texts(&world.database_url, keys).await, ["none"]);
        assert_eq!(link(&world, &console, "bob", "it's").await.status, 204);
    }

    async fn a_provider_does_not_become_exclusive_over_shared_accounts(engine: Engine) {
        let world = World::start_with(engine, shared).await;
        let console = world.console().await;
        for (subject, sid) in [("alice", "both"), ("bob", "both"), ("alice", "all"), ("bob", "all"), ("carol", "all"), ("carol", "own")] {
            world.import(json!({"subject": subject, "fpType": "box", "fpName": "box_1", "sid": sid})).await;
        }
        let Err(refusal) = started_beside(&world, true).await else { panic!("it started") };
        let told = std::error::Error::source(&refusal).map(ToString::to_string).expect("a reason");
        for part in ["box:box_1", "all (3 users)", "both (2 users)", "exclusive = false"] {
            assert!(told.contains(part), "{part} is not in: {told}");
        }
        assert!(!told.contains("own"), "{told}");
        // Nothing has changed, and it can be put right.
        let keyed = "SELECT CAST(count(*) AS TEXT) AS value FROM links WHERE exclusive_key IS NOT NULL";
        assert_eq!(texts(&world.database_url, keyed).await, ["0"]);
        for (subject, sid) in [("bob", "both"), ("bob", "all"), ("carol", "all")] {
            let target = format!("/api/v3/users/{subject}/fa/box/box_1/{sid}");
            assert_eq!(world.call("DELETE", &target, &console, Body::None).await.status, 204);
        }
        started_beside(&world, true).await.expect("it starts");
        assert_eq!(texts(&world.database_url, keyed).await, ["3"]);
    }

    async fn an_account_deleted_while_it_is_linked_leaves_no_link_behind(engine: Engine) {
        let world = World::start(engine).await;
        let console = world.console().await;
        for round in 0..40 {
            world.account("alice").await;
            let sid = format!("sid-{round}");
            let deleted = accounts::remove(&world.app.parts, Subject::parse("alice").unwrap());
            let (linked, deleted) = tokio::join!(link(&world, &console, "alice", &sid), deleted);
            deleted.expect("it goes");
            assert!(matches!(linked.status, 204 | 404), "{}", linked.text());
            let left = texts(&world.database_url, "SELECT subject AS value FROM links").await;
            assert!(left.is_empty(), "round {round}: a link without an account");
        }
    }
}
