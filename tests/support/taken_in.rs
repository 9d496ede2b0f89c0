//! One line of an import, as `fedlink import` takes it in.

use std::sync::Arc;

use domain::Result;
use service::Parts;
use service::import::{How, Newer, Taken, UnknownSubject};
use service::moving::{Import, Item};

/// Takes in a line; what it is refused for.
pub(crate) async fn take_in(parts: &Arc<Parts>, line: &str, unknown: UnknownSubject, newer: Newer) -> Result<Taken> {
    let item = Item::asserted(parts, line)?;
    let mut import = Import::of_file(Arc::clone(parts), How { unknown, newer });
    import.take(vec![(1, item)], 1).await?.pop().expect("it was given a line").taken
}
