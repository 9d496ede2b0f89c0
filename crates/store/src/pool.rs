//! Connections for one user at a time. One that is dropped in the middle of a query or a transaction is closed, never
//! handed on: a transaction left open by a cancelled future would lock out the next writer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use diesel::result::{DatabaseErrorKind, Error, QueryResult};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a caller waits for its turn: behind a writer that waits for a lock itself, a queue would wait for minutes.
const PATIENCE: Duration = Duration::from_secs(5);

/// How much of a pool is in use.
#[derive(Clone, Copy, Debug)]
pub struct InUse {
    /// Which pool.
    pub name: &'static str,
    /// Connections that somebody has, or is about to open.
    pub in_use: usize,
    /// As many as there may be.
    pub most: usize,
}

/// Idle connections and the right to open more, up to a limit.
pub(super) struct Pool<C> {
    idle: Mutex<Vec<C>>,
    permits: Arc<Semaphore>,
    most: usize,
}

impl<C> Pool<C> {
    /// A pool of at most `limit` connections.
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { idle: Mutex::new(Vec::new()), permits: Arc::new(Semaphore::new(limit)), most: limit })
    }

    /// Waits for a place; gives an idle connection with it if there is one, else the caller opens one with [`Place::fill`].
    pub(super) async fn place(self: &Arc<Self>) -> QueryResult<(Place<C>, Option<C>)> {
        let permit = match Arc::clone(&self.permits).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_none_free) => {
                let waiting = Arc::clone(&self.permits).acquire_owned();
                let waited = tokio::time::timeout(PATIENCE, waiting).await.map_err(|_elapsed| busy())?;
                waited.map_err(|_closed| gone("the pool is closed"))?
            }
        };
        let idle = self.idle().pop();
        Ok((Place { pool: Arc::clone(self), _permit: permit }, idle))
    }

    fn idle(&self) -> MutexGuard<'_, Vec<C>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How much of it is in use.
    pub(super) fn in_use(&self, name: &'static str) -> InUse {
        InUse { name, in_use: self.most.saturating_sub(self.permits.available_permits()), most: self.most }
    }

    /// Closes the idle connections.
    pub(super) fn clear(&self) {
        self.idle().clear();
    }
}

/// The right to have one connection of a pool.
pub(super) struct Place<C> {
    pool: Arc<Pool<C>>,
    // Given up when the place is dropped, after the connection is back.
    _permit: OwnedSemaphorePermit,
}

impl<C> Place<C> {
    /// Puts a connection on the place.
    pub(super) fn fill(self, conn: C) -> Lease<C> {
        Lease { conn: Some(conn), use_: Use::Idle, in_transaction: false, place: self }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Idle,
    Busy,
}

/// A connection in one caller's hands; it goes back to its pool when dropped idle and outside a transaction.
pub(crate) struct Lease<C> {
    conn: Option<C>,
    use_: Use,
    in_transaction: bool,
    place: Place<C>,
}

impl<C> Lease<C> {
    /// The connection, for one query; until [`Lease::leave`] it counts as being in the middle of it.
    pub(super) fn enter(&mut self) -> QueryResult<&mut C> {
        self.use_ = Use::Busy;
        self.conn.as_mut().ok_or_else(|| gone("the connection is closed"))
    }

    /// Says that the query is over.
    pub(super) fn leave(&mut self) {
        self.use_ = Use::Idle;
    }

    /// Says whether a transaction is open; while one is, a drop closes the connection, which rolls it back.
    pub(super) fn set_in_transaction(&mut self, open: bool) {
        self.in_transaction = open;
    }

    /// Closes the connection instead of giving it back.
    pub(super) fn close(&mut self) {
        self.conn = None;
    }
}

impl<C> Drop for Lease<C> {
    fn drop(&mut self) {
        if let (Some(conn), Use::Idle, false) = (self.conn.take(), self.use_, self.in_transaction) {
            self.place.pool.idle().push(conn);
        }
    }
}

/// The connection is no more.
pub(super) fn gone(message: &str) -> Error {
    Error::DatabaseError(DatabaseErrorKind::ClosedConnection, Box::new(message.to_owned()))
}

fn busy() -> Error {
    Error::DatabaseError(DatabaseErrorKind::Unknown, Box::new("timed out waiting for a free connection".to_owned()))
}
