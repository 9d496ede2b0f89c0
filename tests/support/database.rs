//! The database behind fedlink's back: to look at what it wrote, and to get in its way.

use diesel::connection::SimpleConnection as _;
use diesel::sqlite::SqliteConnection;
use diesel::{Connection as _, QueryableByName, RunQueryDsl as _};
use tokio_postgres::{NoTls, SimpleQueryMessage};

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = diesel::sql_types::Text)]
    line: String,
}

/// What a query answers whose one column is a text called `line`.
pub(crate) async fn lines(url: &str, query: &str) -> Vec<String> {
    if url.starts_with("sqlite:") {
        let found = diesel::sql_query(query).load::<Line>(&mut sqlite(url)).expect("it runs");
        return found.into_iter().map(|row| row.line).collect();
    }
    let messages = postgres(url).await.simple_query(query).await.expect("it runs");
    let rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get("line").map(str::to_owned),
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
