//! Statements that are prepared once for each connection, where Diesel would have them parsed and planned at every call; and
//! queries whose text is written once, where it would be written at every call.

use std::any::TypeId;
use std::sync::OnceLock;

use diesel::RunQueryDsl;
use diesel::backend::Backend;
use diesel::pg::{Pg, PgQueryBuilder};
use diesel::query_builder::{AstPass, Query, QueryBuilder as _, QueryFragment, QueryId};
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

/// A query's text on Postgres, and of which type it is the text: what Diesel's cache of prepared statements goes by.
pub(super) type Text = OnceLock<(TypeId, String)>;

/// A query whose text is a matter of its type alone. On Postgres Diesel writes the text at every call, although its cache finds the
/// statement by the type: of a hot read that was a fifth of all instructions.
pub(super) struct Written<Q> {
    query: Q,
    text: &'static Text,
}

impl<Q: QueryId> Written<Q> {
    /// The query; `text` is this type's, and nothing else's.
    pub(super) fn new(query: Q, text: &'static Text) -> Self {
        const { assert!(Q::HAS_STATIC_QUERY_ID, "the text of this query may differ from call to call") };
        Self { query, text }
    }
}

/// Has the text of a query written once. It does not stand in what is generic, where one text would serve several types.
macro_rules! written {
    ($query:expr) => {{
        static TEXT: $crate::prepared::Text = $crate::prepared::Text::new();
        $crate::prepared::Written::new($query, &TEXT)
    }};
}
pub(super) use written;

impl<Q: QueryFragment<Pg>> Written<Q> {
    fn write(&self) -> QueryResult<String> {
        let mut written = PgQueryBuilder::default();
        self.query.to_sql(&mut written, &Pg)?;
        Ok(written.finish())
    }
}

impl<Q: QueryFragment<Pg> + QueryId> QueryFragment<Pg> for Written<Q> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.query.walk_ast(out)
    }

    fn to_sql(&self, out: &mut PgQueryBuilder, _backend: &Pg) -> QueryResult<()> {
        let (of, text) = if let Some(written) = self.text.get() {
            written
        } else {
            let written = self.write()?;
            self.text.get_or_init(|| (TypeId::of::<Q::QueryId>(), written))
        };
        debug_assert_eq!(*of, TypeId::of::<Q::QueryId>(), "two queries share a text");
        debug_assert_eq!(*text, self.write()?, "the text of a query differs from call to call");
        out.push_sql(text);
        Ok(())
    }

    fn is_safe_to_cache_prepared(&self, _backend: &Pg) -> QueryResult<bool> {
        Ok(true)
    }
}

/// SQLite's is written for each connection.
impl<Q: QueryFragment<Sqlite>> QueryFragment<Sqlite> for Written<Q> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        self.query.walk_ast(out)
    }

    fn is_safe_to_cache_prepared(&self, _backend: &Sqlite) -> QueryResult<bool> {
        Ok(true)
    }
}

/// Found again as the query itself.
impl<Q: QueryId> QueryId for Written<Q> {
    type QueryId = Q::QueryId;

    const HAS_STATIC_QUERY_ID: bool = Q::HAS_STATIC_QUERY_ID;
}

impl<Q: Query> Query for Written<Q> {
    type SqlType = Q::SqlType;
}

impl<Q, C> RunQueryDsl<C> for Written<Q> {}
