//! The ground floor: types and pure rules.
//!
//! What stands here is decided without asking anybody: what may be served, which scope opens what, what comes next in a bind, whose
//! failure it is. [`clock`] and [`entropy`] are the only doors to time and randomness, so that tests can hold them;
//! [`threads`] are those for long work, which give way to those that serve. It uses nothing of ours, and never does I/O.
//!
//! ```
//! use fedlink_domain::caller::{Action, Caller, Mode};
//! use fedlink_domain::ids::{ClientId, ProviderId, Subject};
//! use fedlink_domain::scope::Scope;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let scope = Scope::parse("fed_tkn_tcs_tcs_1").ok_or("no scope")?;
//! let caller = Caller { client: ClientId::parse("console")?, mode: Mode::System, scopes: vec![scope] };
//! let (subject, granted, other) =
//!     (Subject::parse("42")?, ProviderId::parse("tcs", "tcs_1")?, ProviderId::parse("vk", "vk_1")?);
//! assert!(caller.may(Action::FetchToken(&granted), &subject).is_ok());
//! assert!(caller.may(Action::FetchToken(&other), &subject).is_err());
//! # Ok(())
//! # }
//! ```

pub mod access;
pub mod account;
pub mod across;
mod address;
pub mod apart;
pub mod audit;
pub mod batch;
pub mod bearer;
pub mod budget;
pub mod caller;
pub mod clock;
pub mod confirmation;
pub mod dead_error;
pub mod destination;
pub mod endings;
pub mod entropy;
pub mod entry;
pub mod erasure;
pub mod error;
pub mod event;
pub mod expiry;
pub mod failure;
pub mod filter;
pub mod flow;
pub mod granting;
pub mod guard;
pub mod guesses;
pub mod ids;
pub mod instance;
pub mod issued;
pub mod json;
pub mod jwt;
pub mod kin;
pub mod lately;
pub mod link;
pub mod moving;
pub mod name;
pub mod networks;
pub mod numbering;
pub mod organization;
pub mod origin;
pub mod outbox;
pub mod pace;
pub mod params;
pub mod partner;
pub mod patience;
pub mod pkce;
pub mod points;
pub mod presented;
pub mod reason;
pub mod refresh;
pub mod refusal;
pub mod revocation;
pub mod row_key;
pub mod scope;
pub mod sender;
pub mod served;
pub mod session;
pub mod standstill;
pub mod threads;
pub mod token;
pub mod token_set;
pub mod tries;
pub mod turns;
pub mod user;
pub mod way_in;

pub use error::{Error, Result};
