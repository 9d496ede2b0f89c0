//! A SQLite connection as Diesel's asynchronous queries see it: of one's own, or the writer's, which several share.

use diesel::connection::{LoadConnection, SimpleConnection as _};
use diesel::query_builder::{
    AsQuery, CollectedQuery, MoveableBindCollector, QueryBuilder as _, QueryFragment, QueryId,
};
use diesel::result::QueryResult;
use diesel::row::IntoOwnedRow;
use diesel::sqlite::{Sqlite, SqliteConnection, SqliteQueryBuilder};
use diesel_async::{AsyncConnectionCore, SimpleAsyncConnection};
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use futures_util::{FutureExt as _, TryFutureExt as _};

use super::own::Own;
use super::together::Together;

type Binds = <<Sqlite as diesel::backend::Backend>::BindCollector<'static> as MoveableBindCollector<Sqlite>>::BindData;
type Collected = CollectedQuery<Binds>;
type BorrowedRow<'conn, 'query> = <SqliteConnection as LoadConnection>::Row<'conn, 'query>;
type OwnedRow = <BorrowedRow<'static, 'static> as IntoOwnedRow<'static, Sqlite>>::OwnedRow;
type Rows = BoxStream<'static, QueryResult<OwnedRow>>;

/// A SQLite connection, for one query.
pub(crate) enum SqliteConn<'c> {
    /// One for point reads.
    InPlace(&'c mut SqliteConnection),
    /// One that nobody else uses meanwhile.
    Alone(&'c mut Own),
    /// The writer's, for statements that are transactions by themselves.
    Together(&'c Together),
}

impl SqliteConn<'_> {
    /// Runs what may be run twice: a batch of the writer's that fails is undone, and each of it done by itself.
    pub(super) fn run<R: Send + 'static>(
        &mut self,
        mut task: impl FnMut(&mut SqliteConnection) -> QueryResult<R> + Send + 'static,
    ) -> BoxFuture<'static, QueryResult<R>> {
        match self {
            Self::InPlace(conn) => std::future::ready(task(conn)).boxed(),
            Self::Alone(conn) => conn.spawn_blocking(move |conn| task(conn)),
            Self::Together(writer) => writer.submit(task).boxed(),
        }
    }

    /// Gives the rows of a query. Whatever is asked for comes through here, so that what hands it to a thread is compiled once, and
    /// not once for each query.
    fn rows(&mut self, query: Collected) -> BoxFuture<'static, QueryResult<Rows>> {
        self.run(move |conn| rows(conn, &query)).map_ok(|rows| stream::iter(rows).boxed()).boxed()
    }

    /// Gives how many rows a query has changed; compiled once, as [`SqliteConn::rows`] is.
    fn count(&mut self, query: Collected) -> BoxFuture<'static, QueryResult<usize>> {
        self.run(move |conn| diesel::connection::Connection::execute_returning_count(conn, &query))
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

impl SimpleAsyncConnection for SqliteConn<'_> {
    async fn batch_execute(&mut self, query: &str) -> QueryResult<()> {
        let query = query.to_owned();
        self.run(move |conn| conn.batch_execute(&query)).await
    }
}

impl AsyncConnectionCore for SqliteConn<'_> {
    type ExecuteFuture<'conn, 'query> = BoxFuture<'query, QueryResult<usize>>;
    type LoadFuture<'conn, 'query> = BoxFuture<'query, QueryResult<Self::Stream<'conn, 'query>>>;
    type Stream<'conn, 'query> = Rows;
    type Row<'conn, 'query> = OwnedRow;
    type Backend = Sqlite;

    fn load<'conn, 'query, T>(&'conn mut self, source: T) -> Self::LoadFuture<'conn, 'query>
    where
        T: AsQuery + 'query,
        T::Query: QueryFragment<Sqlite> + QueryId + 'query,
    {
        match collect(&source.as_query()) {
            Ok(query) => self.rows(query),
            Err(error) => std::future::ready(Err(error)).boxed(),
        }
    }

    fn execute_returning_count<'conn, 'query, T>(&'conn mut self, source: T) -> Self::ExecuteFuture<'conn, 'query>
    where
        T: QueryFragment<Sqlite> + QueryId + 'query,
    {
        match collect(&source) {
            Ok(query) => self.count(query),
            Err(error) => std::future::ready(Err(error)).boxed(),
        }
    }
}
