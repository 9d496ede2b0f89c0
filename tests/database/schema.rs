//! The schema on both engines: the same migrations, there and back, by many at once; and a database that comes back.

use std::collections::BTreeSet;
use std::path::Path;

use diesel::backend::Backend;
use diesel::sqlite::SqliteConnection;
use diesel::{Connection as _, QueryableByName, RunQueryDsl as _};
use diesel_async::AsyncPgConnection;
use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use futures_util::future::join_all;
use store::Store;
use tempfile::TempDir;
use tokio::runtime::Handle;

use crate::support::world::{self, As, Body, Engine, World, both_engines};

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// A column, and whether it may be null. Types differ by engine, and rows that go there and back hold them together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, QueryableByName)]
struct Column {
    /// Its table.
    #[diesel(sql_type = diesel::sql_types::Text)]
    owner: String,
    #[diesel(sql_type = diesel::sql_types::Text)]
    name: String,
    #[diesel(sql_type = diesel::sql_types::Bool)]
    nullable: bool,
}

const SQLITE_COLUMNS: &str = "SELECT t.name AS owner, c.name AS name, c.\"notnull\" = 0 AS nullable \
     FROM sqlite_schema t JOIN pragma_table_info(t.name) c WHERE t.type = 'table' AND t.name NOT LIKE '\\_\\_%' ESCAPE '\\'";
const POSTGRES_COLUMNS: &str = "SELECT table_name::text AS owner, column_name::text AS name, is_nullable = 'YES' AS nullable \
     FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE '\\_\\_%'";

/// Up, down, up, as `diesel migration` would; gives the columns after each.
fn there_and_back<DB: Backend, C: MigrationHarness<DB>>(
    conn: &mut C,
    migrations: fn() -> EmbeddedMigrations,
    columns: impl Fn(&mut C) -> BTreeSet<Column>,
) -> [BTreeSet<Column>; 3] {
    conn.run_pending_migrations(migrations()).expect("it goes up");
    let first = columns(conn);
    conn.revert_all_migrations(migrations()).expect("it goes down");
    let none = columns(conn);
    conn.run_pending_migrations(migrations()).expect("it goes up again");
    assert!(!conn.has_pending_migration(migrations()).expect("an answer"));
    [first, none, columns(conn)]
}

async fn columns_of(engine: Engine) -> [BTreeSet<Column>; 3] {
    let folder = tempfile::tempdir().expect("a folder");
    let url = world::database(engine, &folder);
    // The wrapper blocks on its connection, so it must not run on a worker.
    let migrating = tokio::task::spawn_blocking(move || match engine {
        Engine::Sqlite => {
            let mut conn = SqliteConnection::establish(url.trim_start_matches("sqlite:")).expect("a file");
            there_and_back(
                &mut conn,
                || SQLITE,
                |conn| diesel::sql_query(SQLITE_COLUMNS).load(conn).expect("columns").into_iter().collect(),
            )
        }
        Engine::Postgres => {
            let mut conn = AsyncConnectionWrapper::<AsyncPgConnection>::establish(&url).expect("a connection");
            there_and_back(
                &mut conn,
                || POSTGRES,
                |conn| diesel::sql_query(POSTGRES_COLUMNS).load(conn).expect("columns").into_iter().collect(),
            )
        }
    });
    migrating.await.expect("no panic")
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a plain name")).collect()
}

#[test]
fn both_engines_have_the_same_migrations() {
    let migrations = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let folders = names(&migrations.join("sqlite"));
    assert_eq!(folders, names(&migrations.join("postgres")));
    assert!(!folders.is_empty());
    for (engine, folder) in
        ["sqlite", "postgres"].into_iter().flat_map(|engine| folders.iter().map(move |f| (engine, f)))
    {
        let files = names(&migrations.join(engine).join(folder));
        assert!(["up.sql", "down.sql"].iter().all(|file| files.contains(*file)), "{engine}/{folder}: {files:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_engines_have_the_same_columns() {
    let [sqlite, _, _] = columns_of(Engine::Sqlite).await;
    let [postgres, _, _] = columns_of(Engine::Postgres).await;
    assert_eq!(sqlite, postgres);
}

/// Stops every session of the database but our own, as a restart of the server does.
async fn lose_connections(database_url: &str) -> i64 {
    let (client, connection) =
        tokio_postgres::connect(database_url, tokio_postgres::NoTls).await.expect("a connection");
    let driver = tokio::spawn(connection);
    let stop = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let stopped = client.query_one(stop, &[]).await.expect("an answer").get(0);
    drop(client);
    driver.await.expect("no panic").expect("a clean end");
    stopped
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_postgres_connection_is_replaced_unnoticed() {
    let world = World::start(Engine::Postgres).await;
    world.account("alice").await;
    let console = world.console().await;
    for _ in 0..5 {
        // Reads at once: they share a connection.
        let warm = join_all((0..8).map(|_| world.call("GET", "/api/v3/users/alice/fa", &console, Body::None))).await;
        assert!(warm.iter().all(|answer| answer.status == 200), "{warm:?}");
        assert!(lose_connections(&world.database_url).await >= 1);
        let after = join_all((0..8).map(|_| world.call("GET", "/api/v3/users/alice/fa", &console, Body::None))).await;
        assert!(after.iter().all(|answer| answer.status == 200), "{after:?}");
    }
    lose_connections(&world.database_url).await;
    let ready = world.send("GET", &format!("{}/readyz", world.ops), &As::Nobody, Body::None, &[]).await;
    assert_eq!(ready.status, 200, "{}", ready.text());
    // A transaction finds an open connection, too.
    let linked = world.call("POST", "/api/v3/users/alice/fa/box/box_1/oleg", &console, Body::None).await;
    assert_eq!(linked.status, 204, "{}", linked.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_thread_that_serves_reads_over_a_connection_of_its_own() {
    let world = World::start(Engine::Postgres).await;
    world.account("alice").await;
    let console = world.console().await;
    let list = world.call("GET", "/api/v3/users/alice/fa", &console, Body::None).await;
    assert_eq!(list.status, 200, "{}", list.text());
    let pools = world.current.take().store.pools();
    // Two threads serve, and four connections are shared.
    assert_eq!(pools.iter().find(|pool| pool.name == "reads").map(|pool| pool.most), Some(6));
}

both_engines! {
    async fn the_schema_goes_up_down_and_up_again(engine: Engine) {
        let [first, none, again] = columns_of(engine).await;
        assert!(first.iter().any(|column| column.owner == "token_sets" && column.name == "sealed_access"));
        assert_eq!(none, BTreeSet::new());
        assert_eq!(first, again);
    }

    async fn replicas_that_start_together_all_find_the_newest_schema(engine: Engine) {
        for _ in 0..5 {
            let folder: TempDir = tempfile::tempdir().expect("a folder");
            let url = world::database(engine, &folder);
            let starting = (0..8).map(|_| {
                let store = Store::new(&url.clone().into(), None, Handle::current()).expect("an address");
                tokio::spawn(async move { store.migrate().await })
            });
            let ran: Vec<_> = join_all(starting).await.into_iter().map(|ended| ended.expect("no panic")).collect();
            let ran: Vec<_> = ran.into_iter().map(|ran| ran.unwrap_or_else(|error| panic!("{error:?}"))).collect();
            assert_eq!(ran.iter().filter(|ran| !ran.is_empty()).count(), 1, "{ran:?}");
        }
    }
}
