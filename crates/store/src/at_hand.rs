//! SQLite connections for point reads. One of a local file takes a few microseconds, less than handing it to another thread and back
//! (docs/architecture.md), so they run in place. A thread that serves keeps one at hand: to lend it takes no lock, and
//! nothing that another thread looks at. All others share a pool.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};

use diesel::result::QueryResult;
use diesel::sqlite::SqliteConnection;

use super::pool::{Lease, gone};

thread_local! {
    static AT_HAND: RefCell<Option<AtHand>> = const { RefCell::new(None) };
}

static NEXT: AtomicU64 = AtomicU64::new(0);

/// What tells databases of one process apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Database(u64);

/// What a thread keeps.
struct AtHand {
    of: Database,
    conn: Option<SqliteConnection>,
    is_lent: bool,
}

impl Database {
    /// Another one.
    pub(super) fn new() -> Self {
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// The calling thread keeps a connection to it from now on.
    pub(super) fn keep(self) {
        AT_HAND.replace(Some(AtHand { of: self, conn: None, is_lent: false }));
    }

    /// What the calling thread keeps, unless somebody has it.
    pub(super) fn lend(self) -> Option<Lent> {
        AT_HAND.with_borrow_mut(|at_hand| {
            let at_hand = at_hand.as_mut().filter(|at_hand| at_hand.of == self && !at_hand.is_lent)?;
            at_hand.is_lent = true;
            Some(Lent { of: self, conn: at_hand.conn.take(), is_busy: false })
        })
    }
}

/// A thread's connection in one caller's hands. The thread has it back when it is dropped, unless that is in the middle of a query;
/// then the thread opens another.
pub(crate) struct Lent {
    of: Database,
    conn: Option<SqliteConnection>,
    is_busy: bool,
}

impl Lent {
    /// Opens it, where it is not.
    pub(super) fn open(&mut self, open: impl FnOnce() -> QueryResult<SqliteConnection>) -> QueryResult<()> {
        if self.conn.is_none() {
            self.conn = Some(open()?);
        }
        Ok(())
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let conn = self.conn.take().filter(|_| !self.is_busy);
        // A thread that ends keeps nothing any more, and then it is closed.
        AT_HAND
            .try_with(|at_hand| {
                if let Some(at_hand) = at_hand.borrow_mut().as_mut().filter(|at_hand| at_hand.of == self.of) {
                    at_hand.conn = conn;
                    at_hand.is_lent = false;
                }
            })
            .unwrap_or_default();
    }
}

/// A connection for point reads.
pub(crate) enum Reader {
    /// The thread's own.
    AtHand(Lent),
    /// One of the pool.
    Pooled(Lease<SqliteConnection>),
}

impl Reader {
    /// The connection, for one query; until [`Reader::leave`] it counts as being in the middle of it.
    pub(super) fn enter(&mut self) -> QueryResult<&mut SqliteConnection> {
        match self {
            Self::AtHand(lent) => {
                lent.is_busy = true;
                lent.conn.as_mut().ok_or_else(|| gone("the connection is closed"))
            }
            Self::Pooled(lease) => lease.enter(),
        }
    }

    /// Runs a query.
    pub(super) fn run<R>(&mut self, query: impl FnOnce(&mut SqliteConnection) -> QueryResult<R>) -> QueryResult<R> {
        let result = query(self.enter()?);
        self.leave();
        result
    }

    /// Says that the query is over.
    pub(super) fn leave(&mut self) {
        match self {
            Self::AtHand(lent) => lent.is_busy = false,
            Self::Pooled(lease) => lease.leave(),
        }
    }

    /// Closes the connection instead of giving it back.
    pub(super) fn close(&mut self) {
        match self {
            Self::AtHand(lent) => lent.conn = None,
            Self::Pooled(lease) => lease.close(),
        }
    }
}

#[cfg(test)]
mod tests {
    use diesel::Connection as _;

    use super::*;

    fn opened(lent: &mut Lent) -> bool {
        let mut is_new = false;
        lent.open(|| {
            is_new = true;
            Ok(SqliteConnection::establish(":memory:").unwrap())
        })
        .unwrap();
        is_new
    }

    #[test]
    fn a_thread_has_its_connection_back() {
        let (database, another) = (Database::new(), Database::new());
        assert!(database.lend().is_none(), "it keeps none yet");
        database.keep();
        assert!(another.lend().is_none());
        let mut lent = database.lend().unwrap();
        assert!(opened(&mut lent));
        assert!(database.lend().is_none(), "somebody has it");
        drop(lent);
        assert!(!opened(&mut database.lend().unwrap()), "the same");
        std::thread::scope(|scope| {
            scope.spawn(|| assert!(database.lend().is_none(), "another thread's")).join().unwrap();
        });
    }

    #[test]
    fn what_breaks_off_in_a_query_is_closed() {
        let database = Database::new();
        database.keep();
        let ends: [fn(&mut Reader); 2] = [|reader| assert!(reader.enter().is_ok()), Reader::close];
        for end in ends {
            let mut lent = database.lend().unwrap();
            assert!(opened(&mut lent));
            let mut reader = Reader::AtHand(lent);
            end(&mut reader);
            drop(reader);
        }
        let mut lent = database.lend().unwrap();
        assert!(opened(&mut lent));
        let mut reader = Reader::AtHand(lent);
        reader.enter().unwrap();
        reader.leave();
        drop(reader);
        assert!(!opened(&mut database.lend().unwrap()));
    }
}
