//! An open Postgres connection: who may use it, and what shows that nobody should any more.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use diesel::result::{DatabaseErrorKind, Error, QueryResult};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _, SimpleAsyncConnection as _};
use tokio::time::Instant;

/// How long a point read or a write of one statement may take on a connection that others wait behind. It outlives the
/// longest wait for a lock; a server that hangs while its machine still acknowledges is noticed by nothing else.
pub(super) const ANSWER: Duration = Duration::from_secs(15);
/// A server that takes no writes may stay so for hours: connections to it are not made anew more often than this.
const AGE: Duration = Duration::from_secs(1);

/// How often a server was found to hang. Whatever was opened before leads nowhere either: on each connection that is left somebody
/// would wait as long again.
pub(super) type Hangs = Arc<AtomicUsize>;

/// An open connection, and whether its driver has ended.
#[derive(Clone)]
pub(crate) struct PgConn {
    conn: Arc<AsyncPgConnection>,
    closed: Arc<AtomicBool>,
    opened: Instant,
    hangs: Hangs,
    hangs_before: usize,
}

impl PgConn {
    /// A new connection; its driver sets `closed` when it ends.
    pub(super) fn new(conn: AsyncPgConnection, closed: Arc<AtomicBool>, hangs: Hangs) -> Self {
        let hangs_before = AtomicUsize::load(&hangs, Ordering::Acquire);
        Self { conn: Arc::new(conn), closed, opened: Instant::now(), hangs, hangs_before }
    }

    /// The connection.
    pub(super) fn conn(&self) -> &AsyncPgConnection {
        &self.conn
    }

    /// How many queries hold it, besides its slot and the caller.
    pub(super) fn carries(&self) -> usize {
        Arc::strong_count(&self.conn).saturating_sub(2)
    }

    /// The connection itself, while nobody else has it.
    pub(super) fn into_conn(self) -> Option<AsyncPgConnection> {
        Arc::into_inner(self.conn)
    }

    /// Whether it has ended or was given up, by itself or with all others.
    pub(super) fn is_closed(&self) -> bool {
        AtomicBool::load(&self.closed, Ordering::Acquire)
            || AtomicUsize::load(&self.hangs, Ordering::Acquire) != self.hangs_before
    }

    /// From now on nobody gets this connection; a query can tell that it is dead before its driver does.
    pub(super) fn give_up(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// From now on nobody gets this connection, nor any that was opened before the server was found to hang. The first of them to
    /// find it says so for all.
    fn give_up_all(&self) {
        let found = self.hangs_before.wrapping_add(1);
        let _found_already = self.hangs.compare_exchange(self.hangs_before, found, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Waits for a query, but not for a server that hangs: then this connection is given up, as on any sign that it is of no more
    /// use, and all others with it.
    pub(super) async fn answer<T>(&self, query: impl Future<Output = QueryResult<T>>) -> QueryResult<T> {
        let Ok(result) = tokio::time::timeout(ANSWER, query).await else {
            self.give_up_all();
            return Err(unanswered());
        };
        self.judge(&result);
        result
    }

    /// Waits for a query, as [`PgConn::answer`] does where others wait behind it.
    pub(super) async fn see<T>(&self, query: impl Future<Output = QueryResult<T>>, is_shared: bool) -> QueryResult<T> {
        if is_shared {
            return self.answer(query).await;
        }
        let result = query.await;
        self.judge(&result);
        result
    }

    /// Gives the connection up if the outcome of a query says so.
    fn judge<T>(&self, result: &QueryResult<T>) {
        match result {
            Err(Error::DatabaseError(
                DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand,
                _,
            )) => self.give_up(),
            // The server is a standby now, or was told to be read-only; sessions that are there already may stay so when it
            // is over. A new connection finds the server that takes writes.
            Err(Error::DatabaseError(DatabaseErrorKind::ReadOnlyTransaction, _)) if self.opened.elapsed() >= AGE => {
                self.give_up();
            }
            _ => {}
        }
    }
}

/// The error of a query that was given up on; whether it took, nobody knows.
pub(super) fn unanswered() -> Error {
    Error::DatabaseError(DatabaseErrorKind::Unknown, Box::new("timed out waiting for Postgres to answer".to_owned()))
}

#[diesel::declare_sql_function]
extern "SQL" {
    fn txid_current() -> diesel::sql_types::BigInt;
}

/// Starts a transaction and asks for its id, both on one way to the server and back.
pub(super) async fn begin(conn: &AsyncPgConnection) -> QueryResult<i64> {
    let (mut begins, mut asks) = (conn, conn);
    let id = diesel::select(txid_current());
    // In this order: what is sent first is done first.
    let (begun, id) = tokio::join!(begins.batch_execute("BEGIN"), id.get_result(&mut asks));
    begun.and(id)
}
