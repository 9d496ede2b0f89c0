//! The database behind fedlink's back: to look at what it wrote, and to get in its way.

use diesel::connection::SimpleConnection as _;
use diesel::sqlite::SqliteConnection;
use diesel::{Connection as _, QueryableByName, RunQueryDsl as _};
use tokio_postgres::{NoTls, SimpleQueryMessage};

use super::world::World;

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = diesel::sql_types::Text)]
    value: String,
}

/// The texts that a query finds; it names its one column `value`.
pub(crate) async fn texts(url: &str, query: &str) -> Vec<String> {
    if url.starts_with("sqlite:") {
        let found = diesel::sql_query(query).load::<Row>(&mut sqlite(url)).expect("it runs");
        return found.into_iter().map(|row| row.value).collect();
    }
    let messages = postgres(url).await.simple_query(query).await.expect("it runs");
    let rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get("value").map(str::to_owned),
        _ => None,
    });
    rows.collect()
}

/// Runs statements on a connection of their own.
pub(crate) async fn execute(url: &str, statements: &str) {
    if url.starts_with("sqlite:") {
        sqlite(url).batch_execute(statements).expect("it runs");
    } else {
        postgres(url).await.batch_execute(statements).await.expect("it runs");
    }
}

/// A connection to a SQLite file, waiting as long for a lock as fedlink's own do.
pub(crate) fn sqlite(url: &str) -> SqliteConnection {
    let path = url.strip_prefix("sqlite:").expect("a SQLite file");
    let mut conn = SqliteConnection::establish(path).expect("it opens");
    conn.batch_execute("PRAGMA busy_timeout = 5000").expect("it takes the setting");
    conn
}

async fn postgres(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("a connection");
    // It ends with the client.
    tokio::spawn(connection);
    client
}

/// How many rows a table has.
pub(crate) async fn count(world: &World, table: &str) -> usize {
    let query = format!("SELECT CAST(count(*) AS TEXT) AS value FROM {table}");
    texts(&world.database_url, &query).await.concat().parse().expect("a number")
}

/// Fails if any link or token set is stored.
pub(crate) async fn assert_nothing_stored(world: &World, what: &str) {
    assert_eq!((count(world, "links").await, count(world, "token_sets").await), (0, 0), "{what}: stored");
}

/// Why binds were refused, by the audit record, oldest first.
pub(crate) async fn bind_refusals(world: &World) -> Vec<String> {
    let query = "SELECT detail AS value FROM audit WHERE event = 'FEDERATION_BIND_REFUSED' ORDER BY at";
    texts(&world.database_url, query).await
}
