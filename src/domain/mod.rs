//! The ground floor: types and pure rules, no I/O, nothing of the other floors.

pub mod account;
pub mod budget;
pub mod caller;
pub mod confirmation;
pub mod endings;
pub mod entry;
pub mod error;
pub mod event;
pub mod filter;
pub mod flow;
pub mod granting;
pub mod guard;
pub mod guesses;
pub mod ids;
pub mod json;
pub mod link;
pub mod name;
pub mod organization;
pub mod origin;
pub mod params;
pub mod partner;
pub mod pkce;
pub mod refresh;
pub mod refusal;
pub mod revocation;
pub mod scope;
pub mod sender;
pub mod session;
pub mod token;
pub mod tries;
pub mod turns;
pub mod user;
pub mod way_in;

pub use error::{Error, Result};
