//! The time that leases go by, as SQL: the database's own on Postgres, since instances' clocks differ; on SQLite, which one
//! process serves, that process's.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate};
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::BigInt;
use diesel::sqlite::Sqlite;

use super::types::{At, Instant};

/// Now, for a statement that compares or writes times of leases, rests and marks.
#[derive(Clone, Copy, Debug)]
pub struct Now(pub(super) DateTime<Utc>);

impl Now {
    /// This moment.
    pub(super) fn moment(self) -> Moment {
        self.plus(TimeDelta::zero())
    }

    /// A moment `wait` from now; before now if it is negative.
    pub(super) fn plus(self, wait: TimeDelta) -> Moment {
        Moment { by_this_process: At(self.0 + wait), micros_from_now: wait.num_microseconds().unwrap_or(i64::MAX / 2) }
    }
}

/// A moment so far from now.
#[derive(Clone, Copy, Debug, QueryId)]
pub(super) struct Moment {
    by_this_process: At,
    micros_from_now: i64,
}

impl Expression for Moment {
    type SqlType = Instant;
}

impl ValidGrouping<()> for Moment {
    type IsAggregate = is_aggregate::Never;
}

impl<QS> AppearsOnTable<QS> for Moment {}

impl<QS> SelectableExpression<QS> for Moment {}

impl QueryFragment<Sqlite> for Moment {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_bind_param::<Instant, At>(&self.by_this_process)
    }
}

impl QueryFragment<Pg> for Moment {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("(fedlink_now() + ");
        out.push_bind_param::<BigInt, i64>(&self.micros_from_now)?;
        out.push_sql(" * interval '1 microsecond')");
        Ok(())
    }
}
