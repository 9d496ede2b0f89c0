//! Reads that a caller sizes: lists and counts by a filter of theirs, on connections of their own, until their time is up. What
//! is meant for microsecond reads never waits behind one.

use std::future::Future;
use std::time::Duration;

use diesel::QueryableByName;
use diesel::pg::Pg;
use diesel::result::QueryResult;
use diesel::sql_types::BigInt;
use diesel::sqlite::Sqlite;
use diesel_async::RunQueryDsl as _;

use super::conn::{Conn, on};
use super::error::lift;
use super::filter::{How, Statement};
use super::leases::{Lease, seen};
use super::moment::Now;
use super::organizations::{Listed, read};
use super::pg_conn::unanswered;
use super::until::Until;
use super::{Engine, Store, is_lost};
use domain::filter::{Filter, Page, Table};
use domain::ids::LinkId;
use domain::refresh::Seen;
use domain::refusal::Refusal;
use domain::token_set::HandedOn;
use domain::{Error, Result};

/// How much longer than a list may take we wait for Postgres to say that it has stopped: what hangs says nothing.
const GOODBYE: Duration = Duration::from_secs(1);

/// The least that Postgres gives a statement. It holds for the next one on the connection as well, up to where that is told how
/// long it has; and zero would mean for ever.
const LEAST: Duration = Duration::from_millis(100);

/// A connection for lists, in one caller's hands.
pub struct Lists {
    pub(super) conn: Conn,
    pub(super) until: Until,
    /// Whether Postgres knows by when the next statement must end.
    is_hurried: bool,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

impl Store {
    /// How many may list at once: more wait for a connection.
    pub fn lists_at_once(&self) -> usize {
        match &self.engine {
            Engine::Sqlite(_) => super::sqlite::LISTS,
            Engine::Postgres(_) => super::postgres::LISTS,
        }
    }

    /// A connection for reads that a caller sizes. What is read on it ends by then.
    pub async fn lists(&self, until: Until) -> Result<Lists> {
        let postgres = match &self.engine {
            Engine::Sqlite(sqlite) => return Ok(Lists::new(sqlite.lists().await?, until)),
            Engine::Postgres(postgres) => postgres,
        };
        let mut lists = Lists::new(postgres.lists().await?, until);
        match lists.hurry().await {
            // Nothing was read yet, and a server that went away takes all connections with it.
            Err(error) if is_lost(&error) => {
                lists.conn.close();
                drop(lists);
                postgres.close_idle_lists();
                Ok(Lists::new(postgres.lists().await?, until))
            }
            other => other.map(|()| Lists { is_hurried: true, ..lists }),
        }
    }
}

impl Lists {
    fn new(conn: Conn, until: Until) -> Self {
        Self { conn, until, is_hurried: false }
    }

    /// The records that a filter shows, a page of them, in order.
    pub async fn list<R: Listed>(&mut self, filter: &Filter, page: &Page) -> Result<Vec<R>> {
        self.hurry().await?;
        let (how, watch) = (self.how(), self.watch());
        let statement = || Statement::list(R::TABLE, filter, page, how);
        let conn = &mut self.conn;
        read(watch.keep(async move { on!(conn, |c| statement().query(c).load::<R::Row>(c)) }).await?)
    }

    /// How many records the filter shows.
    pub async fn count(&mut self, table: Table, filter: &Filter) -> Result<i64> {
        self.hurry().await?;
        let (how, watch) = (self.how(), self.watch());
        let statement = || Statement::count(table, filter, how);
        let conn = &mut self.conn;
        let found: Count = watch.keep(async move { on!(conn, |c| statement().query(c).get_result(c)) }).await?;
        Ok(found.count)
    }

    /// The rows of a statement of another kind, which keeps the time as `how` says.
    pub(super) async fn rows<T>(&mut self, statement: impl Fn(How) -> Statement + Send) -> Result<Vec<T>>
    where
        T: QueryableByName<Sqlite> + QueryableByName<Pg> + Send + 'static,
    {
        self.hurry().await?;
        let (how, watch) = (self.how(), self.watch());
        let conn = &mut self.conn;
        watch.keep(async move { on!(conn, |c| statement(how).query(c).load::<T>(c)) }).await
    }

    /// As [`crate::leases::seen`], for links that a caller names.
    pub async fn seen(&mut self, wanted: &[LinkId], now: Now) -> Result<Vec<(LinkId, Seen, Option<Lease>)>> {
        let (watch, conn) = self.hurried().await?;
        watch.wait(seen(conn, wanted, now)).await
    }

    /// As [`crate::handed_on::handed_on`], for links that a caller names.
    pub async fn handed_on(&mut self, links: &[LinkId]) -> Result<Vec<HandedOn>> {
        let (watch, conn) = self.hurried().await?;
        watch.wait(crate::handed_on::handed_on(conn, links)).await
    }

    /// The connection, for a read of so many rows by their keys or one that keeps the time itself, and what waits for it.
    pub(super) async fn hurried(&mut self) -> Result<(Watch, &mut Conn)> {
        self.hurry().await?;
        Ok((self.watch(), &mut self.conn))
    }

    fn how(&self) -> How {
        if self.conn.is_sqlite() { How::Sqlite(Some(self.until)) } else { How::Postgres }
    }

    /// Has Postgres stop the next statement when the time is up, whether anybody still waits for it or not.
    async fn hurry(&mut self) -> Result<()> {
        if self.conn.is_sqlite() || std::mem::take(&mut self.is_hurried) {
            return Ok(());
        }
        // Rounded up: a statement that is stopped early would be none that took too long.
        let left = self.until.left().max(LEAST).as_micros().div_ceil(1000);
        let watch = self.watch();
        watch
            .keep(self.conn.batch(&format!("SET statement_timeout = {left}; SET max_parallel_workers_per_gather = 0")))
            .await
    }

    fn watch(&self) -> Watch {
        Watch { until: self.until, is_sqlite: self.conn.is_sqlite() }
    }
}

/// Waits for statements.
pub(super) struct Watch {
    until: Until,
    is_sqlite: bool,
}

impl Watch {
    /// Waits for a read of so many rows by their keys, which no clock of SQLite's has to stop.
    pub(super) async fn wait<T>(self, read: impl Future<Output = Result<T>>) -> Result<T> {
        if self.is_sqlite {
            return read.await;
        }
        let read = tokio::time::timeout(self.until.left() + GOODBYE, read).await;
        read.unwrap_or_else(|_hangs| Err(lift(unanswered())))
    }

    /// Waits for a statement, which ends by itself when its time is up. On SQLite that is waited for: its thread is one of a few.
    /// On Postgres, where a server may hang, one that is cut off here takes its connection along.
    pub(super) async fn keep<T>(self, statement: impl Future<Output = QueryResult<T>>) -> Result<T> {
        let done = if self.is_sqlite {
            statement.await
        } else {
            let done = tokio::time::timeout(self.until.left() + GOODBYE, statement).await;
            done.unwrap_or_else(|_hangs| Err(unanswered()))
        };
        match done {
            // Told by the time and not by words, which may be in any language.
            Err(_) if self.until.is_over() => Err(Error::refused(Refusal::ListTooSlow)),
            other => other.map_err(lift),
        }
    }
}
