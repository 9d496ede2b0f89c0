//! The database's own clock, by which leases go on Postgres: held and moved by tests.

use super::database;
use super::world::World;

impl World {
    /// Moves on the database's time alone: for the instances' own clocks nothing passes. SQLite has no time of its own.
    pub(crate) fn advance_database(&self, seconds: u64) {
        if self.database_url.starts_with("sqlite:") {
            return;
        }
        let statement =
            format!("UPDATE test_clock SET at = at + interval '{seconds} s', ahead = ahead + interval '{seconds} s'");
        // On a thread of its own, since tests move time where they don't wait.
        let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let moving = || runtime().block_on(database::execute(&self.database_url, &statement));
        std::thread::scope(|scope| scope.spawn(moving).join()).expect("the database's clock moves");
    }

    /// On Postgres leases go by the database's clock: it is put in step with the test's.
    pub(super) async fn hold_database_clock(&self) {
        if self.database_url.starts_with("sqlite:") {
            return;
        }
        let at = if self.clock.stands_still() { format!("'{}'", self.now().to_rfc3339()) } else { "NULL".to_owned() };
        database::execute(
            &self.database_url,
            &format!(
                "CREATE TABLE test_clock (at timestamptz, ahead interval NOT NULL);
                 INSERT INTO test_clock VALUES ({at}, interval '0');
                 CREATE OR REPLACE FUNCTION fedlink_now() RETURNS timestamptz LANGUAGE sql STABLE
                 AS 'SELECT coalesce(at, clock_timestamp() + ahead) FROM test_clock'"
            ),
        )
        .await;
    }
}
