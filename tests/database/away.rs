//! A database that is away, locked or read-only: writes wait, then answer 503; nothing is lost, and it passes.

use std::time::Duration;

use serde_json::json;

use crate::support::database::{Sql, execute};
use crate::support::world::{Answer, As, Body, CONSOLE, CONSOLE_SECRET, Engine, World, both_engines};

const LINK: &str = "/api/v3/users/alice/fa/box/box_1/1";
const LIST: &str = "/api/v3/users/alice/fa";

async fn te(world: &World) -> Answer {
    let form = Body::Form(vec![("grant_type", "client_credentials".to_owned())]);
    world.call("POST", "/oauth/te", &As::Basic(CONSOLE, CONSOLE_SECRET), form).await
}

fn assert_storage_unavailable(answer: &Answer) {
    let expected = json!({
        "type": "process_error", "error": "storage_unavailable", "desc": "the database is unavailable", "retry_after": 1,
    });
    assert_eq!((answer.status, answer.json()), (503, expected));
    assert_eq!(answer.header("retry-after"), Some("1"));
}

fn assert_oauth_unavailable(answer: &Answer) {
    assert_eq!(answer.refusal(), (503, "temporarily_unavailable".to_owned()));
    assert_eq!(answer.header("retry-after"), Some("1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_sqlite_file_answers_503_to_every_writer_and_reads_go_on() {
    let world = World::start(Engine::Sqlite).await;
    world.account("alice").await;
    let console = world.console().await;
    let mut intruder = Sql::open(&world.database_url).await;
    intruder.run("BEGIN EXCLUSIVE").await;
    let link = || world.call("POST", LINK, &console, Body::None);
    let all = async {
        tokio::join!(link(), link(), link(), link(), te(&world), world.call("GET", LIST, &console, Body::None))
    };
    // Each waits 5 s for the lock; they wait together, not one after the other.
    let (a, b, c, d, token, list) = tokio::time::timeout(Duration::from_secs(20), all).await.expect("in time");
    for refused in [a, b, c, d] {
        assert_storage_unavailable(&refused);
    }
    assert_oauth_unavailable(&token);
    assert_eq!((list.status, list.json()), (200, json!([])));
    intruder.run("ROLLBACK").await;
    assert_eq!(link().await.status, 204);
    assert_eq!(te(&world).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_only_postgres_answers_503_to_writers_and_reads_go_on() {
    let world = World::start(Engine::Postgres).await;
    world.account("alice").await;
    let console = world.console().await;
    let (server, name) = world.database_url.rsplit_once('/').expect("a name");
    let turn = async |how: &str| {
        // A server that becomes a standby, or stops being one, drops its connections too.
        let drop = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
        execute(&format!("{server}/postgres"), &format!("ALTER DATABASE {name} {how}; {drop}")).await;
    };
    turn("SET default_transaction_read_only = on").await;
    // Connections that were closed under our feet answer like a database that is away.
    for _ in 0..6 {
        assert_storage_unavailable(&world.call("POST", LINK, &console, Body::None).await);
        assert_storage_unavailable(&world.call("DELETE", LINK, &console, Body::None).await);
        assert_oauth_unavailable(&te(&world).await);
        let list = world.call("GET", LIST, &console, Body::None).await;
        assert_eq!((list.status, list.json()), (200, json!([])));
    }
    turn("RESET default_transaction_read_only").await;
    let mut answer = world.call("POST", LINK, &console, Body::None).await;
    for _ in 0..20 {
        if answer.status == 204 {
            break;
        }
        assert_storage_unavailable(&answer);
        answer = world.call("POST", LINK, &console, Body::None).await;
    }
    assert_eq!(answer.status, 204, "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_postgres_table_answers_503_in_time_and_it_passes() {
    let world = World::start(Engine::Postgres).await;
    world.account("alice").await;
    let console = world.console().await;
    let list = || world.call("GET", LIST, &console, Body::None);
    assert_eq!(list().await.status, 200);
    let mut intruder = Sql::open(&world.database_url).await;
    intruder.run("BEGIN; LOCK TABLE links IN ACCESS EXCLUSIVE MODE").await;
    // Each waits 5 s for the lock; they wait together, though they share connections, and whoever comes later starts afresh.
    let all = async { tokio::join!(list(), list(), list(), list(), te(&world)) };
    let (a, b, c, d, token) = tokio::time::timeout(Duration::from_secs(20), all).await.expect("in time");
    for refused in [a, b, c, d] {
        assert_storage_unavailable(&refused);
    }
    assert!([200, 503].contains(&token.status), "{}", token.text());
    intruder.run("ROLLBACK").await;
    let found = list().await;
    assert_eq!((found.status, found.json()), (200, json!([])));
    assert_eq!(te(&world).await.status, 200);
}

both_engines! {
    async fn a_token_that_cannot_be_checked_is_no_wrong_token(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        let console = world.console().await;
        execute(&world.database_url, "ALTER TABLE oauth_tokens RENAME TO elsewhere").await;
        let answer = world.call("GET", LIST, &console, Body::None).await;
        assert_eq!(answer.refusal(), (500, "internal".to_owned()));
        assert!(!answer.text().contains("oauth_tokens"), "{}", answer.text());
        execute(&world.database_url, "ALTER TABLE elsewhere RENAME TO oauth_tokens").await;
        assert_eq!(world.call("GET", LIST, &console, Body::None).await.status, 200);
    }
}
