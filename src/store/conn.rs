//! A connection of either engine, and the macro that runs one query text on whichever it is.

use std::sync::Arc;

use diesel::result::QueryResult;
use diesel_async::SimpleAsyncConnection as _;

use super::commit::{Witness, begin};
use super::link::{ANSWER, Link, unanswered};
use super::pool::Lease;
use super::postgres::Postgres;
use super::sqlite_conn::SqliteConn;
use super::together::unsent;

/// A connection of either engine.
pub(crate) enum Conn {
    /// A SQLite connection of ours alone.
    Sqlite(SqliteLease),
    /// The SQLite connection that many writes of one statement share; never for transactions.
    Together(SqliteConn),
    /// A Postgres connection of ours alone, fit for transactions.
    Postgres(PostgresLease),
    /// A Postgres connection that many queries share, pipelined; never for transactions.
    Shared(SharedLink),
}

/// A SQLite connection on loan.
pub(crate) struct SqliteLease(pub(super) Lease<SqliteConn>);

/// A Postgres connection in many hands, and the slot it stands in.
pub(crate) struct SharedLink {
    pub(super) link: Link,
    pub(super) slot: usize,
}

/// A Postgres connection on loan.
pub(crate) struct PostgresLease(pub(super) Lease<Link>);

/// Runs one query on whichever engine `$conn` (a `&mut Conn`) is. The body is compiled once per engine, so each keeps
/// its own full SQL dialect and nothing is boxed or dynamic.
macro_rules! on {
    ($conn:expr, |$c:ident| $query:expr) => {
        'run: {
            match $conn {
                $crate::store::conn::Conn::Sqlite(lease) => {
                    let $c: &mut $crate::store::sqlite_conn::SqliteConn = match lease.0.enter() {
                        Ok(conn) => conn,
                        Err(error) => break 'run Err(error),
                    };
                    let result = $query.await;
                    lease.0.leave();
                    result
                }
                $crate::store::conn::Conn::Together(conn) => {
                    let $c: &mut $crate::store::sqlite_conn::SqliteConn = conn;
                    $query.await
                }
                $crate::store::conn::Conn::Postgres(lease) => {
                    let conn = match lease.0.enter() {
                        Ok(conn) => conn,
                        Err(error) => break 'run Err(error),
                    };
                    let mut shared: &diesel_async::AsyncPgConnection = conn.conn();
                    let $c = &mut shared;
                    let result = $query.await;
                    conn.judge(&result);
                    lease.0.leave();
                    result
                }
                $crate::store::conn::Conn::Shared(shared) => {
                    let link = &shared.link;
                    let mut shared: &diesel_async::AsyncPgConnection = link.conn();
                    let $c = &mut shared;
                    link.answer($query).await
                }
            }
        }
    };
}
pub(super) use on;

/// Loads the rows of a hot read; the query owns its values. On SQLite it runs on the connection itself: on its way through
/// the asynchronous wrapper each call would write out the statement's text, to find what is prepared, and copy every value
/// once more.
macro_rules! load {
    ($conn:expr, $query:expr) => {
        'run: {
            match $conn {
                $crate::store::conn::Conn::Sqlite(lease) => {
                    let own = match lease.0.enter().and_then($crate::store::sqlite_conn::SqliteConn::own) {
                        Ok(own) => own,
                        Err(error) => break 'run Err(error),
                    };
                    let query = $query;
                    let result = own.spawn_blocking(move |conn| diesel::RunQueryDsl::load(query, conn)).await;
                    lease.0.leave();
                    result
                }
                conn => $crate::store::conn::on!(conn, |c| diesel_async::RunQueryDsl::load($query, c)),
            }
        }
    };
}
pub(super) use load;

impl Conn {
    /// Whether it leads to SQLite, where one transaction holds off every other write.
    pub(super) fn is_sqlite(&self) -> bool {
        matches!(self, Self::Sqlite(_) | Self::Together(_))
    }

    pub(super) async fn batch(&mut self, sql: &str) -> QueryResult<()> {
        on!(self, |c| c.batch_execute(sql))
    }

    /// Starts a transaction; from here to [`Conn::commit`] a drop closes the connection, which rolls it back. On Postgres it
    /// gives the transaction's id.
    pub(super) async fn begin(&mut self) -> QueryResult<Option<i64>> {
        // Marked before BEGIN is sent: a future dropped in between must not leave an open transaction in the pool.
        self.mark_transaction(true);
        match self {
            // IMMEDIATE: two readers that both upgrade would deadlock into "database is locked".
            Self::Sqlite(_) => self.batch("BEGIN IMMEDIATE").await.map(|()| None),
            Self::Together(_) | Self::Shared(_) => Err(unsent("a transaction needs a connection of its own")),
            Self::Postgres(lease) => {
                let link = lease.0.enter()?;
                let begun = tokio::time::timeout(ANSWER, begin(link.conn())).await;
                let begun = begun.unwrap_or_else(|_elapsed| Err(unanswered()));
                link.judge(&begun);
                lease.0.leave();
                begun.map(Some)
            }
        }
    }

    /// Commits; after an error of the connection it may have taken, and the connection is closed.
    pub(super) async fn commit(mut self) -> QueryResult<()> {
        self.batch("COMMIT").await?;
        self.mark_transaction(false);
        Ok(())
    }

    /// Closes the connection instead of giving it back, and hands a shared one to nobody else: after an error that may be
    /// the connection's own.
    pub(super) fn close(&mut self) {
        match self {
            Self::Sqlite(lease) => lease.0.close(),
            // It is many others', too, and sees to itself.
            Self::Together(_) => {}
            Self::Postgres(lease) => lease.0.close(),
            Self::Shared(shared) => shared.link.give_up(),
        }
    }

    fn mark_transaction(&mut self, open: bool) {
        match self {
            Self::Sqlite(lease) => lease.0.set_in_transaction(open),
            Self::Postgres(lease) => lease.0.set_in_transaction(open),
            Self::Together(_) | Self::Shared(_) => {}
        }
    }
}

/// A transaction. Dropped without [`Tx::commit`] it is rolled back, by closing its connection.
pub(crate) struct Tx {
    conn: Conn,
    /// Who knows whether it was committed, where we may not hear of it.
    witness: Option<Witness>,
}

impl Tx {
    /// Begins a transaction on a SQLite connection of one's own.
    pub(super) async fn begin(mut conn: Conn) -> QueryResult<Self> {
        conn.begin().await?;
        Ok(Self { conn, witness: None })
    }

    /// Begins a transaction on a Postgres connection of one's own.
    pub(super) async fn begin_on(postgres: &Arc<Postgres>, mut conn: Conn) -> QueryResult<Self> {
        let id = conn.begin().await?;
        Ok(Self { conn, witness: id.map(|id| Witness::new(Arc::clone(postgres), id)) })
    }

    /// The connection, for the queries of the transaction.
    pub(crate) fn conn(&mut self) -> &mut Conn {
        &mut self.conn
    }

    /// Makes it all true at once. Where the word of it is lost, it is asked after: an error means that it is not true, or that
    /// nobody could tell for as long as anybody waits.
    pub(crate) async fn commit(self) -> crate::domain::Result<()> {
        match self.witness {
            Some(witness) => witness.see(self.conn.commit()).await,
            None => self.conn.commit().await.map_err(super::error::lift),
        }
    }
}

/// Lets a transaction's statements take as long as they need: what is done once, at a start, may rewrite millions of rows.
pub(super) async fn take_your_time(conn: &mut Conn) -> crate::domain::Result<()> {
    if conn.is_sqlite() {
        return Ok(());
    }
    conn.batch("SET LOCAL statement_timeout = 0").await.map_err(super::error::lift)
}

/// Holds off, until the transaction ends, everybody else who holds this name.
pub(super) async fn hold_name(conn: &mut Conn, name: &str) -> crate::domain::Result<()> {
    if conn.is_sqlite() {
        // A transaction there holds off every other.
        return Ok(());
    }
    let lock = diesel::sql_query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))");
    on!(conn, |c| diesel_async::RunQueryDsl::execute(lock.bind::<diesel::sql_types::Text, _>(name), c))
        .map_err(super::error::lift)?;
    Ok(())
}
