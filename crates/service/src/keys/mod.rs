//! The keyring: found at start, changed under a serving fleet, and held against what the database knows of keys.
//!
//! A key's life: *added*, it only opens; *activated* once every serving instance has it, it is on record and seals; after
//! the next key has been activated and the rows are *rewrapped*, it is *dropped*. What keeps that safe, whoever crashes or
//! starts in between:
//!
//! - Rows name keys on record alone: a foreign key says so. A keyring that holds every key on record opens every row, so
//!   start need not look at the rows.
//! - A key goes on record before anything is sealed with it, and off it only when no row names it; a writer that is late
//!   with a dropped key is refused by the database, so it can hide no row.
//! - Whoever starts, reloads, activates or drops reads the record and writes his part in one transaction that keeps the
//!   others out: an instance that starts while a key is activated either reports in time to be asked for, or finds
//!   itself without a key on record and does not start.
//! - The record is changed before the file where a key goes, and where it becomes the active one: a command that is cut
//!   off in between leaves a file that holds too much, and can be run again.

mod instance;
mod lost;
mod open;
mod presence;
mod record;
mod rewrap;
mod rotate;
mod trouble;

pub use instance::Presence;
pub use lost::Lost;
pub use open::{check_keyring, generate, open_vault};
pub use presence::{beat, forget_others, join, leave, look, reload, report};
pub use rewrap::{Progress, Rewrapped, rewrap};
pub use rotate::{Keeper, KeyState, Listed};
