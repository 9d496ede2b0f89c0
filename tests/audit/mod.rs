//! The record: what is counted in it, who reads it, how long it is kept, and what is left of who is erased.

mod across;
mod cli;
mod counts;
mod erased;
mod exported;
mod kept;
mod logged;
mod page;
mod planted;
mod read;

use domain::event::AuditLine;

use crate::support::database::texts;
use crate::support::world::World;

/// Writes these lines, as they are.
pub(crate) async fn written(world: &World, lines: &[AuditLine]) {
    let mut tx = world.app.parts.store.begin().await.expect("a transaction");
    for line in lines {
        store::audit::insert(tx.conn(), line).await.expect("it is written");
    }
    tx.commit().await.expect("it is committed");
}

/// The lines of an event, these columns of each, in their order; `-` for what is not there.
pub(crate) async fn lines(world: &World, event: &str, columns: &[&str]) -> Vec<String> {
    let column = |column: &&str| format!("coalesce(CAST({column} AS text), '-')");
    let columns = columns.iter().map(column).collect::<Vec<_>>().join(" || ' ' || ");
    let query = format!("SELECT {columns} AS value FROM audit WHERE event = '{event}' ORDER BY 1");
    texts(&world.database_url, &query).await
}
