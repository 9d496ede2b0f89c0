//! The operator's decisions: read from one TOML file and the environment, checked whole, told all at once when wrong.

mod types;

pub use types::*;
