//! PostgreSQL: point reads and single-statement writes pipelined over a few connections, a pool for transactions. A thread that serves
//! drives the connection of its point reads itself; everybody else shares some.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection as _};
use diesel_migrations::MigrationHarness as _;
use tokio::runtime::Handle;

use super::address::Address;
use super::conn::{Conn, PostgresHold};
use super::error::{lift, unavailable};
use super::home::Homes;
use super::pg_conn::PgConn;
use super::pool::{InUse, Pool};
use domain::{Error, Result};

/// Connections for point reads of threads that drive their own (see [`Postgres::settle`]).
const HOMES: usize = 4;
/// Reads that one of them carries before others are used: its thread makes and takes them one after the other anyway. A server that
/// hangs holds up as many.
const AT_HOME: usize = 32;
/// Connections that everybody else's point reads share. A few suffice: each carries many queries at once.
const READS: usize = 4;
/// Reads that one of them carries before the next is used: what goes together takes one system call here, and one there.
const TOGETHER: usize = 16;
/// Shared connections for writes of one statement, apart from those: on a pipelined connection a read would wait for the
/// commits before it, and for their locks. More, since a commit waits for the disk, and commits of several connections
/// go there together.
const WRITES: usize = 8;
/// Transactions at once.
const TRANSACTIONS: usize = 16;
/// How many may list at once, on connections of their own. Each takes a core of the server's.
pub(super) const LISTS: usize = 2;
/// "fedlink" in ASCII, cut to what an advisory lock takes: who migrates holds it.
const MIGRATION_LOCK: i64 = 0x0066_6564_6c69_6e6b;

/// A PostgreSQL database.
pub(super) struct Postgres {
    address: Address,
    /// First the homes, then those for reads, then those for writes.
    shared: Vec<Slot>,
    homes: Homes,
    next_read: AtomicUsize,
    next_write: AtomicUsize,
    transactions: Arc<Pool<PgConn>>,
    lists: Arc<Pool<PgConn>>,
}

/// A place for one shared connection.
struct Slot {
    current: RwLock<Option<PgConn>>,
    opening: tokio::sync::Mutex<()>,
    /// How often it could not be opened.
    failures: AtomicUsize,
}

impl Postgres {
    /// The database that `url` names; nothing is opened yet.
    pub(super) fn new(url: &str, ca_file: Option<&Path>, runtime: Handle) -> Result<Self> {
        let address = Address::parse(url, ca_file, runtime)?;
        let slot =
            || Slot { current: RwLock::new(None), opening: tokio::sync::Mutex::new(()), failures: AtomicUsize::new(0) };
        Ok(Self {
            address,
            shared: std::iter::repeat_with(slot).take(HOMES + READS + WRITES).collect(),
            homes: Homes::new(HOMES),
            next_read: AtomicUsize::new(0),
            next_write: AtomicUsize::new(0),
            transactions: Pool::new(TRANSACTIONS),
            lists: Pool::new(LISTS),
        })
    }

    /// Whether a connection was lost, or could not be made, so lately.
    pub(super) fn was_away_within(&self, time: Duration) -> bool {
        self.address.was_away_within(time)
    }

    /// Its pools.
    pub(super) fn pools(&self) -> Vec<InUse> {
        let open = |slots: &[Slot]| slots.iter().filter(|slot| slot.open_conn().is_some()).count();
        let (reads, writes) = self.shared.split_at((HOMES + READS).min(self.shared.len()));
        vec![
            InUse { name: "reads", in_use: open(reads), most: self.homes.settled() + READS },
            InUse { name: "writes", in_use: open(writes), most: WRITES },
            self.transactions.in_use("transactions"),
            self.lists.in_use("lists"),
        ]
    }

    /// Has the calling thread's point reads go over a connection of its own from now on, whose driver runs on that thread as well:
    /// from a read to its answer nobody has to be woken on another. It is for threads that serve and have a runtime of their own, as
    /// many as there are homes; the others go on sharing.
    pub(super) fn settle(&self) {
        self.homes.settle();
    }

    /// A connection that other reads use at the same time.
    pub(super) async fn reader(self: &Arc<Self>) -> Result<Conn> {
        let slot = self.home().unwrap_or_else(|| self.slot_for_read());
        self.shared_at(slot).await
    }

    /// A connection to read with instead of a lost one. Its slot gives a newer one, where any other slot may hold another that was
    /// lost at the same time; but there may be no room for a home any more where others are open.
    pub(super) async fn reader_instead(self: &Arc<Self>, lost: usize) -> Result<Conn> {
        let newer = self.shared_at(lost).await;
        if newer.is_ok() || lost >= HOMES {
            return newer;
        }
        let shared = self.slot_for_read();
        if self.carried(shared).is_some() { self.shared_at(shared).await } else { newer }
    }

    /// The calling thread's home, if it is open and has room. Nobody waits for one: it is opened meanwhile.
    fn home(self: &Arc<Self>) -> Option<usize> {
        let home = self.homes.of_this_thread()?;
        let Some(carried) = self.carried(home) else {
            if self.homes.is_to_open() {
                let this = Arc::clone(self);
                tokio::spawn(async move {
                    if let Err(error) = this.shared_at(home).await {
                        tracing::warn!(%error, "a serving thread has no connection of its own; its reads go over shared ones");
                    }
                });
            }
            return None;
        };
        (carried < AT_HOME).then_some(home)
    }

    /// How many reads an open connection carries.
    fn carried(&self, slot: usize) -> Option<usize> {
        self.shared.get(slot)?.open_conn().map(|conn| conn.carries())
    }

    /// Of those that are shared, the first open connection with room; else one that is yet to be opened; else each in turn.
    fn slot_for_read(&self) -> usize {
        let mut unopened = None;
        for slot in HOMES..HOMES + READS {
            match self.carried(slot) {
                Some(carried) if carried < TOGETHER => return slot,
                Some(_) => {}
                None => unopened = unopened.or(Some(slot)),
            }
        }
        unopened.unwrap_or_else(|| HOMES + self.next_read.fetch_add(1, Ordering::Relaxed) % READS)
    }

    /// A connection that other writes of one statement use at the same time.
    pub(super) async fn writer(&self) -> Result<Conn> {
        self.shared_at(HOMES + READS + self.next_write.fetch_add(1, Ordering::Relaxed) % WRITES).await
    }

    /// The connection of one slot, opened if need be.
    async fn shared_at(&self, slot: usize) -> Result<Conn> {
        let place = self.shared.get(slot).ok_or_else(|| Error::internal("no such shared connection"))?;
        if let Some(conn) = place.open_conn() {
            return Ok(PostgresHold::Shared { conn, slot }.into());
        }
        let failures = place.failures.load(Ordering::Acquire);
        let _one_opens = place.opening.lock().await;
        if let Some(conn) = place.open_conn() {
            return Ok(PostgresHold::Shared { conn, slot }.into());
        }
        // Whoever waited for an attempt that failed shares its failure: one attempt each, one after the other, would hold
        // the last of them for minutes.
        if place.failures.load(Ordering::Acquire) != failures {
            return Err(unavailable("can't connect to Postgres: it has just been tried".to_owned()));
        }
        let connecting = if self.homes.of_this_thread() == Some(slot) {
            self.address.connect_on(Handle::current()).await
        } else {
            self.address.connect().await
        };
        let conn = match connecting {
            Ok(conn) => conn,
            Err(error) => {
                place.failures.fetch_add(1, Ordering::AcqRel);
                return Err(error);
            }
        };
        *place.current.write().unwrap_or_else(PoisonError::into_inner) = Some(conn.clone());
        Ok(PostgresHold::Shared { conn, slot }.into())
    }

    /// A connection of one's own, fit for a transaction.
    pub(super) async fn own(&self) -> Result<Conn> {
        self.one_of(&self.transactions).await
    }

    /// A connection of one's own for reads that a caller sizes.
    pub(super) async fn lists(&self) -> Result<Conn> {
        self.one_of(&self.lists).await
    }

    async fn one_of(&self, pool: &Arc<Pool<PgConn>>) -> Result<Conn> {
        let (place, idle) = pool.place().await.map_err(lift)?;
        let conn = match idle.filter(|conn| !conn.is_closed()) {
            Some(conn) => conn,
            None => self.address.connect().await?,
        };
        Ok(PostgresHold::Own(place.fill(conn)).into())
    }

    /// Closes the idle connections for transactions: one of them was found dead, and they lead to the same server.
    pub(super) fn close_idle(&self) {
        self.transactions.clear();
    }

    /// The same of those for lists.
    pub(super) fn close_idle_lists(&self) {
        self.lists.clear();
    }

    /// Brings the database to the newest schema; gives the names of the migrations that ran.
    pub(super) async fn migrate(&self) -> Result<Vec<String>> {
        use diesel_async::RunQueryDsl as _;
        let conn = self.address.connect().await?;
        let conn = conn.into_conn().ok_or_else(|| Error::internal("a new connection is shared already"))?;
        // Replicas that start together: one migrates, the others wait and find nothing to do.
        let mut held = &conn;
        held.batch_execute("SET lock_timeout = 0; SET statement_timeout = 0").await.map_err(lift)?;
        diesel::sql_query("SELECT pg_advisory_lock($1)")
            .bind::<diesel::sql_types::BigInt, _>(MIGRATION_LOCK)
            .execute(&mut held)
            .await
            .map_err(lift)?;
        // The wrapper blocks on the connection, so it must not run on a worker. The lock goes with the connection.
        let run = move || {
            let mut conn = AsyncConnectionWrapper::<AsyncPgConnection>::from(conn);
            conn.run_pending_migrations(super::migrations::POSTGRES_MIGRATIONS)
                .map(|ran| ran.iter().map(ToString::to_string).collect())
                .map_err(Error::Internal)
        };
        self.address.runtime().spawn_blocking(run).await.map_err(Error::internal)?
    }
}

impl Slot {
    fn open_conn(&self) -> Option<PgConn> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone().filter(|conn| !conn.is_closed())
    }
}
