//! What lies on the disk, and the keys that it is sealed under.

mod at_rest;
mod keys_fleet;
pub(crate) mod keys_rows;
mod lost;
mod plaintext;
mod rotation;
mod storage;
