//! A SQLite connection as Diesel's asynchronous queries see it: of one's own, or the writer's, which several share.

use diesel::connection::{LoadConnection, SimpleConnection as _};
use diesel::query_builder::{
    AsQuery, CollectedQuery, MoveableBindCollector, QueryBuilder as _, QueryFragment, QueryId,
};
use diesel::result::QueryResult;
use diesel::row::IntoOwnedRow;
use diesel::sqlite::{Sqlite, SqliteConnection, SqliteQueryBuilder};
use diesel_async::sync_connection_wrapper::{SpawnBlocking, SyncConnectionWrapper};
use diesel_async::{AsyncConnectionCore, SimpleAsyncConnection};
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use futures_util::{FutureExt as _, TryFutureExt as _};
use tokio::runtime::Handle;

use super::together::{Together, unsent};

type Binds = <<Sqlite as diesel::backend::Backend>::BindCollector<'static> as MoveableBindCollector<Sqlite>>::BindData;
type Collected = CollectedQuery<Binds>;
type BorrowedRow<'conn, 'query> = <SqliteConnection as LoadConnection>::Row<'conn, 'query>;
type OwnedRow = <BorrowedRow<'static, 'static> as IntoOwnedRow<'static, Sqlite>>::OwnedRow;

/// A connection in one pair of hands, and where its calls run.
pub(crate) type Own = SyncConnectionWrapper<SqliteConnection, Offload>;

/// A SQLite connection.
pub(crate) enum SqliteConn {
    /// One that nobody else uses meanwhile, fit for transactions.
    Alone(Own),
    /// The writer's, for statements that are transactions by themselves.
    Together(Together),
}

/// Where a SQLite call runs. A point read of a local file takes a few microseconds, less than handing it to another
/// thread and back (docs/architecture.md), so those run in place; whatever writes or may take long runs off the workers.
pub(crate) enum Offload {
    /// In place: the future is ready at its first poll.
    Inline,
    /// On the blocking threads of this runtime.
    To(Handle),
}

impl SpawnBlocking for Offload {
    fn spawn_blocking<'a, R>(
        &mut self,
        task: impl FnOnce() -> R + Send + 'static,
    ) -> BoxFuture<'a, Result<R, Box<dyn std::error::Error + Send + Sync + 'static>>>
    where
        R: Send + 'static,
    {
        match self {
            Self::Inline => Box::pin(std::future::ready(Ok(task()))),
            Self::To(runtime) => {
                let running = runtime.spawn_blocking(task);
                Box::pin(async move { running.await.map_err(Into::into) })
            }
        }
    }

    fn get_runtime() -> Self {
        Self::Inline
    }
}

impl SqliteConn {
    /// A connection of one's own.
    pub(super) fn alone(conn: SqliteConnection, runs: Offload) -> Self {
        Self::Alone(Own::with_runtime(conn, runs))
    }

    /// The connection itself, for what is run once; an error if it is shared.
    pub(super) fn own(&mut self) -> QueryResult<&mut Own> {
        match self {
            Self::Alone(own) => Ok(own),
            Self::Together(_) => Err(unsent("the writer is shared")),
        }
    }

    /// Runs what may be run twice: a batch of the writer's that fails is undone, and each of it done by itself.
    pub(super) fn run<R: Send + 'static>(
        &mut self,
        mut task: impl FnMut(&mut SqliteConnection) -> QueryResult<R> + Send + 'static,
    ) -> BoxFuture<'static, QueryResult<R>> {
        match self {
            Self::Alone(conn) => conn.spawn_blocking(move |conn| task(conn)),
            Self::Together(writer) => writer.submit(task).boxed(),
        }
    }
}

/// The query in a shape that another thread can run, as often as it likes.
fn collect(query: &(impl QueryFragment<Sqlite> + QueryId)) -> QueryResult<Collected> {
    let mut binds = <Sqlite as diesel::backend::Backend>::BindCollector::default();
    query.collect_binds(&mut binds, &mut (), &Sqlite)?;
    let mut sql = SqliteQueryBuilder::default();
    query.to_sql(&mut sql, &Sqlite)?;
    Ok(CollectedQuery::new(sql.finish(), query.is_safe_to_cache_prepared(&Sqlite)?, binds.moveable()))
}

fn rows(conn: &mut SqliteConnection, query: &Collected) -> QueryResult<Vec<QueryResult<OwnedRow>>> {
    let mut cache = <BorrowedRow<'_, '_> as IntoOwnedRow<'_, Sqlite>>::Cache::default();
    LoadConnection::load(conn, query)?.map(|row| row.map(|row| Ok(row.into_owned(&mut cache)))).collect()
}

impl SimpleAsyncConnection for SqliteConn {
    async fn batch_execute(&mut self, query: &str) -> QueryResult<()> {
        let query = query.to_owned();
        self.run(move |conn| conn.batch_execute(&query)).await
    }
}

impl AsyncConnectionCore for SqliteConn {
    type ExecuteFuture<'conn, 'query> = BoxFuture<'query, QueryResult<usize>>;
    type LoadFuture<'conn, 'query> = BoxFuture<'query, QueryResult<Self::Stream<'conn, 'query>>>;
    type Stream<'conn, 'query> = BoxStream<'static, QueryResult<OwnedRow>>;
    type Row<'conn, 'query> = OwnedRow;
    type Backend = Sqlite;

    fn load<'conn, 'query, T>(&'conn mut self, source: T) -> Self::LoadFuture<'conn, 'query>
    where
        T: AsQuery + 'query,
        T::Query: QueryFragment<Sqlite> + QueryId + 'query,
    {
        match collect(&source.as_query()) {
            Ok(query) => self.run(move |conn| rows(conn, &query)).map_ok(|rows| stream::iter(rows).boxed()).boxed(),
            Err(error) => std::future::ready(Err(error)).boxed(),
        }
    }

    fn execute_returning_count<'conn, 'query, T>(&'conn mut self, source: T) -> Self::ExecuteFuture<'conn, 'query>
    where
        T: QueryFragment<Sqlite> + QueryId + 'query,
    {
        match collect(&source) {
            Ok(query) => self.run(move |conn| diesel::connection::Connection::execute_returning_count(conn, &query)),
            Err(error) => std::future::ready(Err(error)).boxed(),
        }
    }
}
