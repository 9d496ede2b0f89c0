//! Statements that are prepared once for each connection, where Diesel would have them parsed and planned at every call.

use diesel::backend::Backend;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sqlite::Sqlite;

/// A statement whose text depends on nothing but what is matched on in our own source, so that there are few of them.
///
/// Diesel keeps no UPDATE and no upsert prepared, since a changeset may name any of the columns. On a shared Postgres
/// connection that costs more than the parsing: all others wait while one is being prepared, which takes a round trip.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prepared<Q>(Q);

/// Gives a statement to be kept prepared.
pub(super) trait Prepare: Sized {
    /// Has it prepared once for each connection. Its text must be one of a few.
    fn prepared(self) -> Prepared<Self> {
        Prepared(self)
    }
}

impl<Q: QueryFragment<Sqlite> + QueryFragment<Pg>> Prepare for Q {}

impl<DB: Backend, Q: QueryFragment<DB>> QueryFragment<DB> for Prepared<Q> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }

    fn is_safe_to_cache_prepared(&self, _backend: &DB) -> QueryResult<bool> {
        Ok(true)
    }
}

/// Found again by its text.
impl<Q> QueryId for Prepared<Q> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q: Query> Query for Prepared<Q> {
    type SqlType = Q::SqlType;
}
