//! The database behind fedlink's back: to look at what it wrote, to tamper with it, and to get in its way.

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, QueryableByName, RunQueryDsl as _, SqliteConnection};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use super::world::World;

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = diesel::sql_types::Text)]
    value: String,
}

impl World {
    /// Cuts everybody off from the world's Postgres database, and lets nobody in.
    pub(crate) async fn cut_off_database(&self) {
        let (server, name) = self.database_url.rsplit_once('/').expect("a name");
        // One after the other: a connection that is made between the two would stay.
        let end = format!("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '{name}'");
        for statement in [format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"), end] {
            execute(&format!("{server}/postgres"), &statement).await;
        }
    }

    /// Lets everybody in again.
    pub(crate) async fn let_database_in(&self) {
        let (server, name) = self.database_url.rsplit_once('/').expect("a name");
        execute(&format!("{server}/postgres"), &format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true")).await;
    }
}

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

    /// The texts that a query finds; it names its one column `value`.
    pub(crate) async fn texts(&mut self, query: &str) -> Vec<String> {
        match self {
            Self::Sqlite(conn) => {
                let rows: Vec<Row> = diesel::sql_query(query).load(conn).expect("it runs");
                rows.into_iter().map(|row| row.value).collect()
            }
            Self::Postgres(client) => {
                let messages = client.simple_query(query).await.expect("it runs");
                let rows = messages.iter().filter_map(|message| match message {
                    SimpleQueryMessage::Row(row) => row.get("value").map(str::to_owned),
                    _ => None,
                });
                rows.collect()
            }
        }
    }

    /// Keeps everybody else from writing to these tables until this connection commits or goes; to any, on SQLite.
    pub(crate) async fn lock(&mut self, tables: &str) {
        self.run(&match self {
            Self::Sqlite(_) => "BEGIN IMMEDIATE".to_owned(),
            Self::Postgres(_) => format!("BEGIN; LOCK TABLE {tables} IN SHARE ROW EXCLUSIVE MODE"),
        })
        .await;
    }

    /// Keeps everybody else from changing a subject's account and links until this connection commits or goes.
    pub(crate) async fn hold_subject(&mut self, subject: &str) {
        self.run(&match self {
            Self::Sqlite(_) => "BEGIN IMMEDIATE".to_owned(),
            Self::Postgres(_) => format!("BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('{subject}', 0))"),
        })
        .await;
    }

    /// Waits until somebody waits for what this connection holds. SQLite tells nobody who waits: there it returns at once,
    /// and the caller's test has to hold whoever comes first.
    pub(crate) async fn wait_for_a_rival(&mut self) {
        match self {
            Self::Sqlite(_) => {}
            Self::Postgres(_) => {
                let waiting = "SELECT CAST(count(*) AS TEXT) AS value FROM pg_locks WHERE locktype = 'advisory' AND NOT granted \
                               AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
                while self.texts(waiting).await == ["0"] {
                    tokio::task::yield_now().await;
                }
            }
        }
    }

    /// As [`Sql::wait_for_a_rival`], for so many who wait for rows, whoever holds them.
    pub(crate) async fn wait_for_waiters(&mut self, many: usize) {
        let waiting = "SELECT CAST(count(*) AS text) AS value FROM pg_stat_activity \
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while matches!(self, Self::Postgres(_)) && self.texts(waiting).await != [many.to_string()] {
            tokio::task::yield_now().await;
        }
    }

    /// Makes every writing of new tokens fail, in words nobody has a list of, until [`Sql::accept_tokens`]; leases can be
    /// taken.
    pub(crate) async fn refuse_tokens(&mut self) {
        self.run(match self {
            Self::Sqlite(_) => {
                "CREATE TRIGGER refused BEFORE UPDATE ON token_sets WHEN NEW.version <> OLD.version BEGIN SELECT RAISE(ABORT, 'sad disk'); END"
            }
            Self::Postgres(_) => {
                "CREATE FUNCTION refused() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''sad disk''; END';
                 CREATE TRIGGER refused BEFORE UPDATE ON token_sets FOR EACH ROW WHEN (NEW.version <> OLD.version)
                 EXECUTE FUNCTION refused()"
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

    /// From now on no row of a table can be deleted.
    pub(crate) async fn refuse_deletes(&mut self, table: &str) {
        let refusing = match self {
            Self::Sqlite(_) => {
                format!("CREATE TRIGGER kept BEFORE DELETE ON {table} BEGIN SELECT RAISE(ABORT, 'sad disk'); END")
            }
            Self::Postgres(_) => format!(
                "CREATE FUNCTION kept() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''sad disk''; END';
                 CREATE TRIGGER kept BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION kept()"
            ),
        };
        self.run(&refusing).await;
    }

    /// They can again.
    pub(crate) async fn accept_deletes(&mut self) {
        let accepting = match self {
            Self::Sqlite(_) => "DROP TRIGGER kept",
            Self::Postgres(_) => "DROP FUNCTION kept() CASCADE",
        };
        self.run(accepting).await;
    }
}

/// The texts that a query finds; it names its one column `value`.
pub(crate) async fn texts(url: &str, query: &str) -> Vec<String> {
    Sql::open(url).await.texts(query).await
}

/// Runs statements on a connection of their own.
pub(crate) async fn execute(url: &str, statements: &str) {
    Sql::open(url).await.run(statements).await;
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
