//! Until when a read that a caller sizes may take, and how SQLite is made to keep to it.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use diesel::result::QueryResult;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{BigInt, Bool};
use diesel::sqlite::{Sqlite, SqliteConnection};

/// What statements count their time from.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Until when reads may take.
#[derive(Clone, Copy, Debug)]
pub struct Until(Instant);

impl Until {
    /// So long from now on.
    pub fn within(time: Duration) -> Self {
        let _begun = *START;
        Self(Instant::now() + time)
    }

    pub(super) fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    pub(super) fn is_over(self) -> bool {
        self.left().is_zero()
    }

    /// As `in_time` takes it: microseconds since this process began to count.
    pub(super) fn stored(self) -> i64 {
        i64::try_from(self.0.saturating_duration_since(*START).as_micros()).unwrap_or(i64::MAX)
    }
}

/// What `in_time` gives: true, or an error that ends the statement.
#[derive(Debug)]
struct InTime(bool);

impl ToSql<Bool, Sqlite> for InTime {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        if !self.0 {
            return Err("the time for this list is up".into());
        }
        out.set_value(1_i32);
        Ok(IsNull::No)
    }
}

#[diesel::declare_sql_function]
extern "SQL" {
    /// Fails once the time is up. Diesel has no way to interrupt a statement of SQLite, so this stands in each of its WHEREs.
    fn in_time(until: BigInt) -> Bool;
}

/// Teaches a connection `in_time`: as what gives something else each time, so that it is asked again for each record.
pub(super) fn keep_time(conn: &mut SqliteConnection) -> QueryResult<()> {
    in_time_utils::register_nondeterministic_impl(conn, |until: i64| {
        let now = i64::try_from(START.elapsed().as_micros()).unwrap_or(i64::MAX);
        InTime(now < until)
    })
}
