//! Accounts: made, changed, disabled, deleted, and what ends with each.

mod disabled;
mod endings;
mod kept;
