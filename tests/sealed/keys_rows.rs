//! Rows while keys change under them: a rewrap beside a refresh, one that is interrupted, and an instance out of touch.

use domain::entropy::SystemEntropy;
use service::keys::{self, Keeper, Progress};
use service::{import, sweep};
use store::Store;
use tokio::runtime::Handle;

use crate::support::browser::{Browser, instruct};
use crate::support::database::{Sql, count, texts};
use crate::support::fed::{asked, expired, fed_token, held, lasting, token};
use crate::support::revocations::{REVOKED, ends, unlink, waiting, work};
use crate::support::taken_in::take_in;
use crate::support::world::{As, Body, CONSOLE, CONSOLE_PASSWORD, Engine, World, both_engines};

const VERSIONS: &str =
    "SELECT CAST(link_id AS TEXT) || ' ' || CAST(version AS TEXT) AS value FROM token_sets ORDER BY 1";

/// A world where alice has an account and time stands.
async fn world(engine: Engine) -> World {
    let world = World::frozen(engine).await;
    world.account("alice").await;
    keys::join(&world.app.parts).await.expect("it serves");
    world
}

/// The operator of a world, in the world's time.
pub(crate) fn keeper(world: &World) -> Keeper {
    Keeper {
        store: Store::new(&world.database_url.clone().into(), None, Handle::current()).expect("an address"),
        source: world.app.parts.presence.keyring.clone(),
        clock: world.clock.clone(),
        entropy: SystemEntropy::shared(),
        webhooks: world.app.parts.settings.webhooks.clone(),
        audit: world.app.parts.settings.audit,
    }
}

/// Adds a key that only opens.
fn add(keeper: &Keeper) -> String {
    Keeper::add(&keeper.source, &keeper.entropy).expect("it is added").0
}

/// Why something was refused.
#[track_caller]
fn why<T>(refused: domain::Result<T>) -> String {
    let error = refused.err().expect("it is refused");
    std::error::Error::source(&error).expect("a cause").to_string()
}

/// Adds a key and makes it the one that seals; gives the one before it and the new one.
pub(crate) async fn turn(world: &World, keeper: &Keeper) -> (String, String) {
    let old = world.app.parts.vault.active_id();
    let new = add(keeper);
    keys::reload(&world.app.parts).await.expect("it is fit");
    keeper.activate(&new).await.expect("everybody has it");
    keys::reload(&world.app.parts).await.expect("it is fit");
    assert_eq!(world.app.parts.vault.active_id(), new);
    (old, new)
}

/// How many token sets a key wraps.
async fn wrapped_by(world: &World, key: &str) -> usize {
    let query = format!("SELECT key_id AS value FROM token_sets WHERE key_id = '{key}'");
    texts(&world.database_url, &query).await.len()
}

fn silent(_: Progress) {}

both_engines! {
    async fn a_rewrap_during_a_refresh_disturbs_neither(engine: Engine) {
        let world = world(engine).await;
        let console = world.console().await;
        expired(&world, "oleg").await;
        let hold = world.sandbox.script().hold_token_answers();
        let call = held(fed_token(&world, &console, ""), &hold).await;
        let keeper = keeper(&world);
        let (old, new) = turn(&world, &keeper).await;
        let versions = texts(&world.database_url, VERSIONS).await;
        let (rewrapped, _) = keeper.rewrap(silent).await.expect("it is rewrapped");
        assert_eq!((rewrapped.moved, rewrapped.left), (1, 0));
        assert_eq!(texts(&world.database_url, VERSIONS).await, versions, "a rewrap is no new token set");
        // Even the key goes that the refresh found its row under.
        keeper.drop_key(&old).await.expect("no row names it");
        keys::reload(&world.app.parts).await.expect("it is fit");
        hold.release();
        let fresh = token(&call.await, "oleg");
        assert!(world.sandbox.is_active(&fresh));
        assert_eq!(wrapped_by(&world, &new).await, 1);
        assert_ne!(texts(&world.database_url, VERSIONS).await, versions);
        // With the new key alone, as a start finds it.
        let beside = World::start_beside(&world, |settings| settings).await;
        assert_eq!(token(&fed_token(&beside, &console, "").await, "oleg"), fresh);
        world.advance(3600);
        let console = world.console().await;
        assert!(world.sandbox.is_active(&token(&fed_token(&beside, &console, "").await, "oleg")));
        assert_eq!((asked(&world), world.sandbox.counts().refused), (2, 0));
    }

    async fn a_rewrap_takes_up_where_it_was_interrupted(engine: Engine) {
        let world = world(engine).await;
        let links = 450;
        for number in 0..links {
            lasting(&world, &format!("sid-{number}"), 3000).await;
        }
        let keeper = keeper(&world);
        let (old, new) = turn(&world, &keeper).await;
        // In the second of three batches.
        let ids = "SELECT CAST(link_id AS TEXT) AS value FROM token_sets ORDER BY link_id";
        let victim = texts(&world.database_url, ids).await.remove(300);
        let mut sql = Sql::open(&world.database_url).await;
        let sqlite = format!(
            "CREATE TRIGGER refused BEFORE UPDATE ON token_sets WHEN NEW.link_id = '{victim}' \
             BEGIN SELECT RAISE(ABORT, 'sad disk'); END"
        );
        let postgres = format!(
            "CREATE FUNCTION refused() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''sad disk''; END'; \
             CREATE TRIGGER refused BEFORE UPDATE ON token_sets FOR EACH ROW WHEN (NEW.link_id = '{victim}') \
             EXECUTE FUNCTION refused()"
        );
        sql.run(if engine == Engine::Sqlite { &sqlite } else { &postgres }).await;
        let versions = texts(&world.database_url, VERSIONS).await;
        let mut steps = Vec::new();
        let said = why(keeper.rewrap(|progress| steps.push(progress)).await);
        assert!(said.contains("sad disk"), "{said}");
        assert_eq!(steps, [Progress { done: 200, total: links }]);
        assert_eq!(wrapped_by(&world, &new).await, 200, "what is done is done");
        let said = why(keeper.drop_key(&old).await);
        assert!(said.contains("250 in token_sets"), "{said}");
        let console = world.console().await;
        assert_eq!(fed_token(&world, &console, "").await.json().as_object().map(serde_json::Map::len), Some(450));

        sql.accept_tokens().await;
        let (rewrapped, sealing) = keeper.rewrap(silent).await.expect("it is rewrapped");
        assert_eq!((rewrapped.moved, rewrapped.left, sealing), (250, 0, None));
        assert_eq!(texts(&world.database_url, VERSIONS).await, versions);
        keeper.drop_key(&old).await.expect("no row names it");
        let beside = World::start_beside(&world, |settings| settings).await;
        assert_eq!(fed_token(&beside, &console, "").await.json().as_object().map(serde_json::Map::len), Some(450));
        assert_eq!(asked(&world), 0);
    }

    async fn a_row_that_does_not_open_is_named_and_keeps_its_key(engine: Engine) {
        let world = world(engine).await;
        for sid in ["one", "two", "three"] {
            lasting(&world, sid, 3000).await;
        }
        let mut sql = Sql::open(&world.database_url).await;
        let link = |sid: &str| format!("(SELECT id FROM links WHERE sid = '{sid}')");
        sql.run(&format!(
            "UPDATE token_sets SET wrapped_key = (SELECT wrapped_key FROM token_sets WHERE link_id = {}) WHERE link_id = {}",
            link("one"),
            link("two")
        ))
        .await;
        let keeper = keeper(&world);
        let (old, _) = turn(&world, &keeper).await;
        let (rewrapped, _) = keeper.rewrap(silent).await.expect("the others are rewrapped");
        assert_eq!((rewrapped.moved, rewrapped.left), (2, 1));
        let stuck: Vec<_> = rewrapped.stuck.iter().map(|(table, id)| format!("{table} {id}")).collect();
        let query = "SELECT 'token_sets ' || CAST(id AS TEXT) AS value FROM links WHERE sid = 'two'";
        assert_eq!(stuck, texts(&world.database_url, query).await);
        let said = why(keeper.drop_key(&old).await);
        assert!(said.contains("1 in token_sets"), "{said}");
        // Nobody gets it to open, so it has to go.
        sql.run("DELETE FROM links WHERE sid = 'two'").await;
        keeper.drop_key(&old).await.expect("no row names it");
    }

    async fn an_instance_out_of_touch_takes_the_keyring_by_itself(engine: Engine) {
        let world = world(engine).await;
        let console = world.console().await;
        lasting(&world, "oleg", 3000).await;
        let keeper = keeper(&world);
        let old = world.app.parts.vault.active_id();
        let new = add(&keeper);
        world.advance(119);
        let said = why(keeper.activate(&new).await);
        assert!(said.contains("not every serving instance has it"), "{said}");
        // It reports, and is not taken for gone two minutes after it began.
        keys::beat(&world.app.parts).await.expect("it reports");
        world.advance(119);
        assert!(why(keeper.activate(&new).await).contains("not every serving instance has it"));
        world.advance(2);
        keeper.activate(&new).await.expect("nobody serves, as far as is known");
        keeper.rewrap(silent).await.expect("it is rewrapped");
        assert_eq!(world.app.parts.vault.active_id(), old, "nobody told it");
        keys::beat(&world.app.parts).await.expect("it sees for itself");
        assert_eq!(world.app.parts.vault.active_id(), new);
        assert_eq!(fed_token(&world, &console, "").await.status, 200);

        // Longer away, and the key it seals with is no more: the database refuses what it would seal.
        let third = add(&keeper);
        world.advance(121);
        keeper.activate(&third).await.expect("nobody serves, as far as is known");
        keeper.rewrap(silent).await.expect("it is rewrapped");
        keeper.drop_key(&new).await.expect("no row names it");
        let tokens = world.sandbox.issue("late", "fedlink", "openid");
        let line = serde_json::json!({
            "subject": "alice", "fpType": "box", "fpName": "box_1", "sid": "late",
            "accessToken": secrecy::ExposeSecret::expose_secret(&tokens.access_token),
        });
        let late = take_in(&world.app.parts, &line.to_string(), import::UnknownSubject::Refuse, import::Newer::Keep).await;
        assert!(why(late).to_lowercase().contains("foreign key"));
        assert_eq!(wrapped_by(&world, &new).await, 0);
        keys::beat(&world.app.parts).await.expect("it sees for itself");
        lasting(&world, "late", 3000).await;
        assert_eq!(wrapped_by(&world, &third).await, 2);
        keys::leave(&world.app.parts).await.expect("it says so");
        assert!(keeper.list().await.expect("a list").iter().all(|key| key.held_by.is_empty()));
    }

    async fn an_instance_that_can_not_take_the_keyring_goes_on_and_says_so(engine: Engine) {
        let world = world(engine).await;
        let console = world.console().await;
        lasting(&world, "oleg", 3000).await;
        let keeper = keeper(&world);
        let new = add(&keeper);
        world.advance(121);
        keeper.activate(&new).await.expect("nobody serves, as far as is known");
        // Its file is gone, and with it the key that it lacks.
        let keyring = world.folder.path().join("fedlink.keys");
        let text = std::fs::read_to_string(&keyring).expect("a keyring");
        std::fs::remove_file(&keyring).expect("it is there");
        let said = why(keys::beat(&world.app.parts).await);
        assert!(said.contains(&format!("sealed with key {new}")), "{said}");
        assert_eq!(fed_token(&world, &console, "").await.status, 200);
        let listed = keeper.list().await.expect("a list");
        assert!(listed.iter().any(|key| key.id != new && key.held_by.len() == 1), "it is seen");
        std::fs::write(&keyring, text).expect("it is written");
        std::fs::set_permissions(&keyring, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("a mode");
        keys::beat(&world.app.parts).await.expect("it sees for itself");
        assert_eq!(world.app.parts.vault.active_id(), new);
    }

    async fn an_instance_that_lacks_a_key_gives_up_no_tokens_for_it(engine: Engine) {
        let world = world(engine).await;
        for sid in ["oleg", "elle"] {
            lasting(&world, sid, 3000).await;
        }
        unlink(&world, &world.console().await, "oleg").await;
        let redirect_to = instruct(&world, &As::Basic(CONSOLE, CONSOLE_PASSWORD)).await;
        Browser::default().identify(&world, &redirect_to, "irina").await;
        let keeper = keeper(&world);
        let new = add(&keeper);
        world.advance(16 * 60);
        keeper.activate(&new).await.expect("nobody serves, as far as is known");
        assert_eq!(keeper.rewrap(silent).await.expect("it is rewrapped").0.moved, 3);

        // A queued revocation, a link's tokens and a flow's: each opens where the key is, and stays until then.
        work(&world).await;
        assert_eq!((waiting(&world).await, ends(&world).await), (1, vec![]));
        let console = world.console().await;
        let refused = world.call("DELETE", "/api/v3/users/alice/fa/box/box_1/elle", &console, Body::None).await;
        assert_eq!((refused.status, count(&world, "links").await), (500, 1));
        assert!(why(sweep::delete(&world.app.parts).await).contains(&format!("no key {new}")));
        assert_eq!((count(&world, "flows").await, waiting(&world).await), (1, 1));

        keys::reload(&world.app.parts).await.expect("it is fit");
        unlink(&world, &console, "elle").await;
        sweep::delete(&world.app.parts).await.expect("it sweeps");
        world.advance(60);
        work(&world).await;
        assert_eq!((waiting(&world).await, ends(&world).await), (0, vec![REVOKED.to_owned(); 3]));
    }
}

/// Whatever table comes: its rows are rewrapped, or the key that wraps them would never go.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_table_with_row_keys_is_counted() {
    let world = World::start(Engine::Sqlite).await;
    let query = "SELECT t.name AS value FROM sqlite_schema t JOIN pragma_table_info(t.name) c \
                 WHERE t.type = 'table' AND c.name = 'wrapped_key' ORDER BY 1";
    let mut counted: Vec<_> = keeper(&world).list().await.expect("a list")[0].rows.iter().map(|row| row.0).collect();
    counted.sort_unstable();
    assert_eq!(counted, texts(&world.database_url, query).await);
}

/// A sweep that waits for the database keeps no instance from being seen. On SQLite there is one instance.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_delete_makes_no_instance_look_dead() {
    let world = World::frozen(Engine::Postgres).await;
    let mut sql = Sql::open(&world.database_url).await;
    sql.lock("oauth_tokens, flows").await;
    let sweeping = tokio::spawn(sweep::run(world.current.clone()));
    let reporting = tokio::spawn(keys::report(world.current.clone()));
    let seen = async { while count(&world, "instances").await == 0 {} };
    tokio::time::timeout(std::time::Duration::from_secs(10), seen).await.expect("it is not seen");
    assert!(!sweeping.is_finished() && !reporting.is_finished());
    sweeping.abort();
    reporting.abort();
}
