//! The database behind fedlink's back: what an intruder, an operator or an outage does to it.

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use tokio_postgres::{Client, NoTls};

/// A connection of the test's own. What it has begun and not committed is undone when it is dropped.
pub(crate) enum Sql {
    Sqlite(SqliteConnection),
    Postgres(Client),
}

impl Sql {
    /// Connects to the database at `url`.
    pub(crate) async fn open(url: &str) -> Self {
        if let Some(path) = url.strip_prefix("sqlite:") {
            let mut conn = SqliteConnection::establish(path).expect("the file opens");
            conn.batch_execute("PRAGMA busy_timeout = 10000").expect("a pragma");
            return Self::Sqlite(conn);
        }
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("a connection");
        // It ends with the client.
        tokio::spawn(connection);
        Self::Postgres(client)
    }

    /// Runs statements.
    pub(crate) async fn run(&mut self, statements: &str) {
        match self {
            Self::Sqlite(conn) => conn.batch_execute(statements).expect("they run"),
            Self::Postgres(client) => client.batch_execute(statements).await.expect("they run"),
        }
    }

    /// The one text that a query gives; Postgres only.
    pub(crate) async fn text(&self, query: &str) -> String {
        let Self::Postgres(client) = self else { panic!("only Postgres is asked") };
        client.query_one(query, &[]).await.expect("a row").get(0)
    }

    /// Keeps everybody else from writing tokens until this connection commits or goes.
    pub(crate) async fn lock_tokens(&mut self) {
        self.run(match self {
            Self::Sqlite(_) => "BEGIN IMMEDIATE",
            Self::Postgres(_) => "BEGIN; LOCK TABLE token_sets IN SHARE ROW EXCLUSIVE MODE",
        })
        .await;
    }

    /// Makes every update of tokens fail, in words nobody has a list of, until [`Sql::accept_tokens`].
    pub(crate) async fn refuse_tokens(&mut self) {
        self.run(match self {
            Self::Sqlite(_) => {
                "CREATE TRIGGER refused BEFORE UPDATE ON token_sets BEGIN SELECT RAISE(ABORT, 'sad disk'); END"
            }
            Self::Postgres(_) => {
                "CREATE FUNCTION refused() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''sad disk''; END';
                 CREATE TRIGGER refused BEFORE UPDATE ON token_sets EXECUTE FUNCTION refused()"
            }
        })
        .await;
    }

    /// Lets tokens be updated again.
    pub(crate) async fn accept_tokens(&mut self) {
        self.run(match self {
            Self::Sqlite(_) => "DROP TRIGGER refused",
            Self::Postgres(_) => "DROP TRIGGER refused ON token_sets; DROP FUNCTION refused()",
        })
        .await;
    }
}
