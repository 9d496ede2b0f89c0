//! Moving out and in: all records with their secrets, as lines of a file (docs/moving-in.md).

mod batch;
mod copy;
mod item;
mod lines;
mod out;
mod restore;
mod staff;
mod told;

pub use batch::{Import, Judged};
pub use copy::copy;
pub use item::Item;
pub use lines::{Header, Lines, header};
pub use out::{Export, note};
