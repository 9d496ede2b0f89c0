//! The record: what is counted in it, who reads it, how long it is kept, and what is left of who is erased.

mod counts;
mod erased;
mod exported;
mod kept;
mod planted;

use crate::support::database::texts;
use crate::support::world::World;

/// The lines of an event, these columns of each, in their order; `-` for what is not there.
pub(crate) async fn lines(world: &World, event: &str, columns: &[&str]) -> Vec<String> {
    let column = |column: &&str| format!("coalesce(CAST({column} AS text), '-')");
    let columns = columns.iter().map(column).collect::<Vec<_>>().join(" || ' ' || ");
    let query = format!("SELECT {columns} AS value FROM audit WHERE event = '{event}' ORDER BY 1");
    texts(&world.database_url, &query).await
}
