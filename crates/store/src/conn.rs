//! A connection of either engine, and the macro that runs one query text on whichever it is.

use diesel::result::QueryResult;
use diesel_async::SimpleAsyncConnection as _;

use super::at_hand::Reader;
use super::error::unsent;
use super::own::Own;
use super::pg_conn::{PgConn, begin};
use super::pool::Lease;
use super::sqlite_conn::SqliteConn;
use super::together::Together;

/// A connection of either engine.
pub struct Conn(pub(crate) Hold);

/// What a query runs on.
pub(crate) enum Hold {
    /// A SQLite file.
    Sqlite(SqliteHold),
    /// A Postgres server.
    Postgres(PostgresHold),
}

impl From<SqliteHold> for Conn {
    fn from(hold: SqliteHold) -> Self {
        Self(Hold::Sqlite(hold))
    }
}

impl From<PostgresHold> for Conn {
    fn from(hold: PostgresHold) -> Self {
        Self(Hold::Postgres(hold))
    }
}

/// What a query on SQLite runs on.
pub(crate) enum SqliteHold {
    /// A connection for point reads, which run in place; never for transactions.
    Reader(Reader),
    /// A connection of ours alone, fit for transactions.
    Own(Lease<Own>),
    /// The connection that many writes of one statement share; never for transactions.
    Together(Together),
}

/// What a query on Postgres runs on.
pub(crate) enum PostgresHold {
    /// A connection of ours alone, fit for transactions.
    Own(Lease<PgConn>),
    /// A connection that many queries share, pipelined, and the slot it stands in; never for transactions.
    Shared { conn: PgConn, slot: usize },
}

impl SqliteHold {
    /// The connection, for one query; until [`SqliteHold::leave`] it counts as being in the middle of it.
    pub(super) fn enter(&mut self) -> QueryResult<SqliteConn<'_>> {
        match self {
            Self::Reader(reader) => reader.enter().map(SqliteConn::InPlace),
            Self::Own(lease) => lease.enter().map(SqliteConn::Alone),
            Self::Together(writer) => Ok(SqliteConn::Together(writer)),
        }
    }

    /// Says that the query is over.
    pub(super) fn leave(&mut self) {
        match self {
            Self::Reader(reader) => reader.leave(),
            Self::Own(lease) => lease.leave(),
            Self::Together(_) => {}
        }
    }
}

impl PostgresHold {
    /// The connection, for one query, and whether others wait behind it; until [`PostgresHold::leave`] it counts as being in
    /// the middle of it.
    pub(super) fn enter(&mut self) -> QueryResult<(&PgConn, bool)> {
        match self {
            Self::Own(lease) => lease.enter().map(|conn| (&*conn, false)),
            Self::Shared { conn, .. } => Ok((conn, true)),
        }
    }

    /// Says that the query is over.
    pub(super) fn leave(&mut self) {
        match self {
            Self::Own(lease) => lease.leave(),
            Self::Shared { .. } => {}
        }
    }
}

/// Runs one query on whichever engine `$conn` (a `&mut Conn`) is. The body is compiled once per engine, so each keeps
/// its own full SQL dialect and nothing is boxed or dynamic.
macro_rules! on {
    ($conn:expr, |$c:ident| $query:expr) => {
        'run: {
            match &mut $conn.0 {
                $crate::conn::Hold::Sqlite(hold) => {
                    let mut conn: $crate::sqlite_conn::SqliteConn<'_> = match hold.enter() {
                        Ok(conn) => conn,
                        Err(error) => break 'run Err(error),
                    };
                    let $c = &mut conn;
                    let result = $query.await;
                    hold.leave();
                    result
                }
                $crate::conn::Hold::Postgres(hold) => {
                    let (held, is_shared) = match hold.enter() {
                        Ok(entered) => entered,
                        Err(error) => break 'run Err(error),
                    };
                    let mut shared: &diesel_async::AsyncPgConnection = held.conn();
                    let $c = &mut shared;
                    let result = held.see($query, is_shared).await;
                    hold.leave();
                    result
                }
            }
        }
    };
}
pub(super) use on;

/// Loads the rows of a hot read. On SQLite it runs on the connection itself, in place: on its way through [`SqliteConn`] each call would
/// write out the statement's text, to find what is prepared, and copy every value once more.
macro_rules! load {
    ($conn:expr, $query:expr) => {
        match &mut $conn.0 {
            $crate::conn::Hold::Sqlite($crate::conn::SqliteHold::Reader(reader)) => {
                reader.run(|conn| diesel::RunQueryDsl::load($query, conn))
            }
            _ => $crate::conn::on!($conn, |c| diesel_async::RunQueryDsl::load($query, c)),
        }
    };
}
pub(super) use load;

/// The same where it does not run in place; the query owns its values.
macro_rules! load_elsewhere {
    ($conn:expr, $query:expr) => {
        'run: {
            match &mut $conn.0 {
                $crate::conn::Hold::Sqlite($crate::conn::SqliteHold::Own(lease)) => {
                    let own = match lease.enter() {
                        Ok(own) => own,
                        Err(error) => break 'run Err(error),
                    };
                    let query = $query;
                    let result = own.spawn_blocking(move |conn| diesel::RunQueryDsl::load(query, conn)).await;
                    lease.leave();
                    result
                }
                _ => $crate::conn::on!($conn, |c| diesel_async::RunQueryDsl::load($query, c)),
            }
        }
    };
}
pub(super) use load_elsewhere;

impl Conn {
    /// Whether it leads to SQLite, where one transaction holds off every other write.
    pub(super) fn is_sqlite(&self) -> bool {
        matches!(self.0, Hold::Sqlite(_))
    }

    pub(super) async fn batch(&mut self, sql: &str) -> QueryResult<()> {
        on!(self, |c| c.batch_execute(sql))
    }

    /// Starts a transaction; from here to [`Conn::commit`] a drop closes the connection, which rolls it back. On Postgres it
    /// gives the transaction's id.
    pub(super) async fn begin(&mut self) -> QueryResult<Option<i64>> {
        // Marked before BEGIN is sent: a future dropped in between must not leave an open transaction in the pool.
        self.mark_transaction(true);
        match &mut self.0 {
            // IMMEDIATE: two readers that both upgrade would deadlock into "database is locked".
            Hold::Sqlite(SqliteHold::Own(_)) => self.batch("BEGIN IMMEDIATE").await.map(|()| None),
            Hold::Postgres(PostgresHold::Own(lease)) => {
                let conn = lease.enter()?;
                let begun = conn.answer(begin(conn.conn())).await;
                lease.leave();
                begun.map(Some)
            }
            Hold::Sqlite(SqliteHold::Reader(_) | SqliteHold::Together(_))
            | Hold::Postgres(PostgresHold::Shared { .. }) => Err(unsent("a transaction needs a connection of its own")),
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
        match &mut self.0 {
            Hold::Sqlite(SqliteHold::Reader(reader)) => reader.close(),
            Hold::Sqlite(SqliteHold::Own(lease)) => lease.close(),
            // It is many others', too, and sees to itself.
            Hold::Sqlite(SqliteHold::Together(_)) => {}
            Hold::Postgres(PostgresHold::Own(lease)) => lease.close(),
            Hold::Postgres(PostgresHold::Shared { conn, .. }) => conn.give_up(),
        }
    }

    fn mark_transaction(&mut self, open: bool) {
        match &mut self.0 {
            Hold::Sqlite(SqliteHold::Own(lease)) => lease.set_in_transaction(open),
            Hold::Postgres(PostgresHold::Own(lease)) => lease.set_in_transaction(open),
            Hold::Sqlite(SqliteHold::Reader(_) | SqliteHold::Together(_))
            | Hold::Postgres(PostgresHold::Shared { .. }) => {}
        }
    }
}

/// Lets a transaction's statements take as long as they need: what is done once, at a start, may rewrite millions of rows.
pub(super) async fn take_your_time(conn: &mut Conn) -> domain::Result<()> {
    if conn.is_sqlite() {
        return Ok(());
    }
    conn.batch("SET LOCAL statement_timeout = 0").await.map_err(super::error::lift)
}

/// Holds off, until the transaction ends, everybody else who holds this name.
pub(super) async fn hold_name(conn: &mut Conn, name: &str) -> domain::Result<()> {
    if conn.is_sqlite() {
        // A transaction there holds off every other.
        return Ok(());
    }
    let lock = diesel::sql_query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))");
    on!(conn, |c| diesel_async::RunQueryDsl::execute(lock.bind::<diesel::sql_types::Text, _>(name), c))
        .map_err(super::error::lift)?;
    Ok(())
}
