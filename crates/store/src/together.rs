//! SQLite's writes of one statement each: those that wait for the writer at the same time are committed together, since what
//! a commit costs is the way to the disk. Each is answered after that.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use diesel::connection::SimpleConnection as _;
use diesel::result::{Error, QueryResult};
use diesel::sqlite::SqliteConnection;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::error::unsent;
use super::own::{Offload, Own};
use super::pool::{InUse, Lease, Pool};
use super::sqlite_file::{WRITER, establish};

/// Statements of one commit. They take some microseconds each, and a transaction that waits for the writer waits for them.
const BATCH: usize = 128;

/// The one connection that writes, and what waits for it.
#[derive(Clone)]
pub(crate) struct Together(Arc<Inner>);

struct Inner {
    path: PathBuf,
    runtime: Handle,
    /// One connection: transactions have it to themselves, in turn with batches.
    writer: Arc<Pool<Own>>,
    waiting: Mutex<Waiting>,
    /// Whoever writes does so where it runs.
    in_place: AtomicBool,
}

#[derive(Default)]
struct Waiting {
    statements: Vec<Box<dyn Statement>>,
    /// Somebody sees to them.
    is_seen_to: bool,
}

/// One statement that waits, whatever it gives.
trait Statement: Send {
    /// Runs it and keeps what it gave; says whether it went well. The last run counts.
    fn run(&mut self, conn: &mut SqliteConnection) -> bool;

    /// Tells its caller what it gave, or why nothing was committed. The caller may be gone; what counts is in the database.
    fn tell(self: Box<Self>, failed: Option<&Error>);
}

struct Waiter<R, F> {
    task: F,
    gave: Option<QueryResult<R>>,
    caller: oneshot::Sender<QueryResult<R>>,
}

impl<R: Send, F: FnMut(&mut SqliteConnection) -> QueryResult<R> + Send> Statement for Waiter<R, F> {
    fn run(&mut self, conn: &mut SqliteConnection) -> bool {
        let gave = (self.task)(conn);
        let is_good = gave.is_ok();
        self.gave = Some(gave);
        is_good
    }

    fn tell(self: Box<Self>, failed: Option<&Error>) {
        let result = match (failed, self.gave) {
            (None, Some(gave)) => gave,
            (Some(error), _) => Err(again(error)),
            (None, None) => Err(unsent("a statement was passed over")),
        };
        let _gone = self.caller.send(result);
    }
}

impl Together {
    /// The writer of the database at `path`; nothing is opened yet.
    pub(super) fn new(path: PathBuf, runtime: Handle) -> Self {
        let (writer, waiting, in_place) = (Pool::new(1), Mutex::default(), AtomicBool::default());
        Self(Arc::new(Inner { path, runtime, writer, waiting, in_place }))
    }

    /// Has all writes run where they are asked for, from now on.
    pub(super) async fn write_in_place(&self) -> QueryResult<()> {
        self.0.in_place.store(true, Ordering::Relaxed);
        // The one that is open runs elsewhere.
        self.alone().await?.close();
        Ok(())
    }

    /// The connection, for exclusive use.
    pub(super) async fn alone(&self) -> QueryResult<Lease<Own>> {
        let (place, idle) = self.0.writer.place().await?;
        if let Some(conn) = idle {
            return Ok(place.fill(conn));
        }
        let path = self.0.path.clone();
        let opening = self.0.runtime.spawn_blocking(move || establish(&path, WRITER));
        let conn = opening.await.map_err(|error| unsent(&error.to_string()))??;
        let offload =
            if self.0.in_place.load(Ordering::Relaxed) { Offload::Inline } else { Offload::To(self.0.runtime.clone()) };
        Ok(place.fill(Own::with_runtime(conn, offload)))
    }

    /// How much of the one connection is in use.
    pub(super) fn in_use(&self, name: &'static str) -> InUse {
        self.0.writer.in_use(name)
    }

    /// How many statements wait.
    pub(super) fn writes_waiting(&self) -> usize {
        self.waiting().statements.len()
    }

    /// Has a statement run with all others that wait; gives what it gave once that is on the disk. It is run whether its
    /// caller waits for it or not.
    pub(super) fn submit<R: Send + 'static>(
        &self,
        task: impl FnMut(&mut SqliteConnection) -> QueryResult<R> + Send + 'static,
    ) -> impl Future<Output = QueryResult<R>> + Send + 'static {
        let (caller, told) = oneshot::channel();
        let is_seen_to = {
            let mut waiting = self.waiting();
            waiting.statements.push(Box::new(Waiter { task, gave: None, caller }));
            std::mem::replace(&mut waiting.is_seen_to, true)
        };
        if !is_seen_to {
            let writer = self.clone();
            self.0.runtime.spawn(async move { writer.see_to_all().await });
        }
        async move { told.await.unwrap_or_else(|_the_writer_died| Err(unsent("a write was given up"))) }
    }

    /// Writes until nothing waits.
    async fn see_to_all(&self) {
        loop {
            // First the connection: whatever comes while we wait for it goes along.
            let writer = self.alone().await;
            let batch = {
                let mut waiting = self.waiting();
                let next = waiting.statements.len().min(BATCH);
                if next == 0 {
                    waiting.is_seen_to = false;
                    return;
                }
                waiting.statements.drain(..next).collect()
            };
            match writer {
                Ok(writer) => write(writer, batch).await,
                Err(error) => tell(batch, Some(&error)),
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn write(mut writer: Lease<Own>, mut batch: Vec<Box<dyn Statement>>) {
    let own = match writer.enter() {
        Ok(own) => own,
        Err(error) => return tell(batch, Some(&error)),
    };
    let written = own.spawn_blocking(move |conn| {
        let outcome = commit(conn, &mut batch);
        Ok((batch, outcome))
    });
    // After a panic the lease counts as being in the middle of a query, which closes the connection and undoes the batch; and
    // the callers learn that nobody will tell them.
    let Ok((batch, outcome)) = written.await else { return };
    writer.leave();
    if outcome.is_err() {
        // Whatever is left of the transaction ends with the connection.
        writer.close();
    }
    drop(writer);
    tell(batch, outcome.err().as_ref());
}

/// Runs all and commits. An error: nothing of them counts.
fn commit(conn: &mut SqliteConnection, batch: &mut [Box<dyn Statement>]) -> QueryResult<()> {
    if let [only] = batch {
        // A transaction by itself.
        only.run(conn);
        return Ok(());
    }
    // IMMEDIATE, as all that write: see `Conn::begin`.
    conn.batch_execute("BEGIN IMMEDIATE")?;
    if batch.iter_mut().all(|statement| statement.run(conn)) {
        return conn.batch_execute("COMMIT");
    }
    // One that fails takes nobody along: all is undone, and each is a transaction by itself.
    if conn.batch_execute("ROLLBACK").is_err() {
        // A full disk and the like have undone it already. If not, this fails, and no statement is taken for committed.
        conn.batch_execute("BEGIN; ROLLBACK")?;
    }
    for statement in batch {
        statement.run(conn);
    }
    Ok(())
}

fn tell(batch: Vec<Box<dyn Statement>>, failed: Option<&Error>) {
    for statement in batch {
        statement.tell(failed);
    }
}

/// An error for one more of those whom it struck.
fn again(error: &Error) -> Error {
    match error {
        Error::DatabaseError(kind, told) => Error::DatabaseError(*kind, Box::new(told.message().to_owned())),
        other => unsent(&other.to_string()),
    }
}
