//! What lies on the disk: nothing readable, nothing that opens elsewhere, and of any length.

use secrecy::ExposeSecret as _;
use serde_json::json;
use service::sweep;

use crate::support::database::Sql;
use crate::support::fed::{asked, detail, expired, fed_token, fed_token_of, found, give, health, lasting, token};
use crate::support::world::{Answer, Engine, World, both_engines};

/// The length of the tokens that are too long for others.
const LONG: usize = 64 * 1024;

/// A world where alice has an account and the sandbox's time stands.
async fn world(engine: Engine) -> World {
    let world = World::frozen(engine).await;
    world.account("alice").await;
    world
}

/// Asserts an answer that says nothing: where to look in the log is all it has.
#[track_caller]
fn says_nothing(answer: &Answer) {
    let id = answer.json()["desc"].as_str().and_then(|desc| desc.parse::<uuid::Uuid>().ok());
    assert!(id.is_some(), "{} {}", answer.status, answer.text());
    assert_eq!(answer.json(), json!({"type": "process_error", "error": "internal", "desc": id}));
    assert_eq!(answer.status, 500);
}

/// An account's id in the `links` table.
fn link(sid: &str) -> String {
    format!("(SELECT id FROM links WHERE sid = '{sid}')")
}

both_engines! {
    async fn a_64_kib_token_round_trips(engine: Engine) {
        let world = world(engine).await;
        world.sandbox.script().set(|settings| (settings.token_length, settings.non_ascii_tokens) = (LONG, true));
        let issued = lasting(&world, "oleg", 31).await;
        let console = world.console().await;
        let imported = token(&fed_token(&world, &console, "").await, "oleg");
        assert_eq!(imported, issued.access_token.expose_secret());
        assert!(imported.len() >= LONG && imported.contains("é漢🔑"));
        for _ in 0..2 {
            world.advance(3600);
            let console = world.console().await;
            let fresh = token(&fed_token(&world, &console, "").await, "oleg");
            assert!(fresh.len() >= LONG && world.sandbox.is_active(&fresh));
        }
        assert_eq!((asked(&world), world.sandbox.counts().refused), (2, 0));
    }

    async fn a_token_with_other_than_ascii_round_trips(engine: Engine) {
        let world = world(engine).await;
        world.sandbox.script().set(|settings| settings.non_ascii_tokens = true);
        expired(&world, "oleg").await;
        for _ in 0..2 {
            let console = world.console().await;
            let fresh = token(&fed_token(&world, &console, "").await, "oleg");
            assert!(fresh.ends_with("é漢🔑") && world.sandbox.is_active(&fresh));
            world.advance(3600);
        }
    }

    async fn a_transplanted_ciphertext_does_not_open(engine: Engine) {
        let world = world(engine).await;
        let console = world.console().await;
        let mut sql = Sql::open(&world.database_url).await;
        let whole = "sealed_access, sealed_refresh, wrapped_key, key_id";
        let cases = [("one", "sealed_access", "sealed_access"), ("two", whole, whole), ("three", "sealed_access", "sealed_refresh")];
        for (sid, to, from) in cases {
            let donor = format!("donor-{sid}");
            for sid in [sid, &donor] {
                lasting(&world, sid, 300).await;
            }
            // The third is moved within its row: from the refresh token's column to the one that is handed out.
            let source = if to == from { link(&donor) } else { link(sid) };
            for (to, from) in to.split(", ").zip(from.split(", ")) {
                sql.run(&format!(
                    "UPDATE token_sets SET {to} = (SELECT {from} FROM token_sets WHERE link_id = {source}) WHERE link_id = {}",
                    link(sid)
                ))
                .await;
            }
            says_nothing(&fed_token(&world, &console, &format!("?sid={sid}")).await);
            // Whoever was robbed still has theirs.
            assert_eq!(fed_token(&world, &console, &format!("?sid={donor}")).await.status, 200);
        }
        assert_eq!(asked(&world), 0);
    }

    async fn a_transplanted_refresh_token_is_never_sent(engine: Engine) {
        let world = world(engine).await;
        let console = world.console().await;
        let mut sql = Sql::open(&world.database_url).await;
        let donor = expired(&world, "donor").await;
        let whole = ["sealed_refresh", "wrapped_key", "key_id"];
        for (sid, columns) in [("one", &whole[..1]), ("two", &whole[..])] {
            let held = lasting(&world, sid, 100).await;
            for column in columns {
                sql.run(&format!(
                    "UPDATE token_sets SET {column} = (SELECT {column} FROM token_sets WHERE link_id = {}) WHERE link_id = {}",
                    link("donor"),
                    link(sid)
                ))
                .await;
            }
            let query = format!("?sid={sid}&force=true");
            let forced = fed_token(&world, &console, &query).await;
            if columns.len() == 1 {
                // The access token is as good as before.
                assert_eq!(token(&forced, sid), held.access_token.expose_secret());
            } else {
                says_nothing(&forced);
            }
            world.advance(100);
            says_nothing(&fed_token(&world, &console, &query).await);
        }
        assert_eq!(asked(&world), 0);
        assert!(world.sandbox.is_active(donor.refresh_token.expose_secret()));
    }

    async fn a_rewritten_owner_does_not_open(engine: Engine) {
        let world = world(engine).await;
        world.account("mallory").await;
        let console = world.console().await;
        let mut sql = Sql::open(&world.database_url).await;
        lasting(&world, "oleg", 300).await;
        sql.run("UPDATE links SET subject = 'mallory' WHERE sid = 'oleg'").await;
        says_nothing(&fed_token_of(&world, &console, "mallory", "").await);
        assert_eq!(fed_token(&world, &console, "").await.refusal(), (404, "token_not_found".to_owned()));

        lasting(&world, "elle", 300).await;
        sql.run("UPDATE links SET sid = 'another' WHERE sid = 'elle'").await;
        says_nothing(&fed_token(&world, &console, "").await);
        sql.run("DELETE FROM links WHERE sid = 'another'").await;

        // The set itself is moved to a link of mallory's; stale, so that the refresh token would be used.
        for seconds in [0, 300] {
            lasting(&world, "victim", seconds).await;
            let made = world
                .call(
                    "POST",
                    "/api/v3/users/mallory/fa/box/box_1/thief",
                    &console,
                    crate::support::world::Body::None,
                )
                .await;
            assert_eq!(made.status, 204);
            sql.run(&format!("UPDATE token_sets SET link_id = {} WHERE link_id = {}", link("thief"), link("victim"))).await;
            says_nothing(&fed_token_of(&world, &console, "mallory", "?sid=thief").await);
            sql.run("DELETE FROM links WHERE sid = 'thief'").await;
        }
        assert_eq!(asked(&world), 0);
    }

    async fn a_set_that_does_not_open_is_healed_by_a_new_link(engine: Engine) {
        let world = world(engine).await;
        let console = world.console().await;
        let mut sql = Sql::open(&world.database_url).await;
        lasting(&world, "oleg", 300).await;
        let seal = if engine == Engine::Sqlite { "x'00'" } else { "'\\x00'" };
        sql.run(&format!("UPDATE token_sets SET sealed_access = {seal}, sealed_refresh = {seal}")).await;
        says_nothing(&fed_token(&world, &console, "").await);
        let issued = world.sandbox.issue("oleg", "fedlink", "openid");
        give(&world, "oleg", (Some(&issued.access_token), Some(&issued.refresh_token)), Some(300)).await;
        assert_eq!(token(&fed_token(&world, &console, "").await, "oleg"), issued.access_token.expose_secret());
        assert_eq!(health(&world, &console, "oleg").await, "ok");
    }

    async fn a_last_use_is_written_in_batches_and_once_an_hour(engine: Engine) {
        let world = world(engine).await;
        lasting(&world, "oleg", 100_000).await;
        let used = async |uses: bool| {
            let console = world.console().await;
            if uses {
                assert_eq!(fed_token(&world, &console, "").await.status, 200);
            }
            detail(&world, &console, "oleg").await["lastUsedAt"].as_str().map(ToOwned::to_owned)
        };
        let written = async || sweep::finish(&world.app.parts).await;
        assert_eq!(used(true).await, None);
        written().await.expect("they are written");
        let first = Some(world.now().to_rfc3339());
        assert_eq!(used(false).await, first);
        world.advance(3599);
        used(true).await;
        written().await.expect("nothing to write");
        assert_eq!(used(false).await, first);
        // What can't be written is kept for the next time.
        world.advance(1);
        used(true).await;
        let second = Some(world.now().to_rfc3339());
        let mut sql = Sql::open(&world.database_url).await;
        sql.run("ALTER TABLE link_uses RENAME TO hidden").await;
        written().await.expect_err("there is no such table");
        sql.run("ALTER TABLE hidden RENAME TO link_uses").await;
        written().await.expect("they are written");
        assert_eq!(used(false).await, second);
    }

    async fn a_use_of_a_link_that_is_gone_keeps_no_other_from_being_written(engine: Engine) {
        let world = world(engine).await;
        let console = world.console().await;
        lasting(&world, "gone", 300).await;
        lasting(&world, "here", 300).await;
        assert_eq!(fed_token(&world, &console, "").await.status, 200);
        Sql::open(&world.database_url).await.run("DELETE FROM links WHERE sid = 'gone'").await;
        sweep::finish(&world.app.parts).await.expect("they are written");
        let here = detail(&world, &console, "here").await;
        assert_eq!(here["lastUsedAt"], world.now().to_rfc3339());
        assert_eq!(found(&world, &console, "here").await, here);
    }
}
