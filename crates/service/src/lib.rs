//! What the program does, one verb family a file: plain values in, domain types out; nothing of HTTP, nothing of SQL.
//!
//! An `async fn` is compiled where it is awaited, with all that it awaits, and once more wherever else. So what is called from outside
//! is `boxed`: it is compiled here, and in packages for size. The few that every read of a token passes are not: they are compiled
//! with the handlers, for speed, and so is what they call and is marked `#[inline]`.

pub mod access;
pub mod accounts;
pub mod across;
pub mod authorize;
pub mod batch;
pub mod bind;
pub mod caller_sized;
pub mod callers;
mod concluded;
pub mod condo_sessions;
pub mod condo_sign_in;
pub mod confirmations;
pub mod counting;
pub mod counts;
mod current;
pub mod door;
pub mod erasure;
pub mod exchange;
pub mod export;
pub mod folding;
pub mod forms;
pub mod grants;
mod handed_on;
mod hashing;
pub mod import;
pub mod keeping;
pub mod keys;
pub mod kin;
pub mod links;
mod looked;
pub mod meters;
pub mod moving;
pub mod onward;
pub mod outbox;
pub mod ownership;
pub mod partner;
pub mod passwords;
pub mod people;
pub mod places;
pub mod provider_minutes;
mod reached;
pub mod reading;
pub mod refresh;
pub mod rejected;
pub mod reload;
mod reported;
pub mod revoke;
mod rounds;
mod scopes;
pub mod service_users;
pub mod sessions;
pub mod sign_in;
pub mod sign_in_code;
pub mod sweep;
pub mod tokens;
pub mod warnings;

mod attempts;
mod audit;
mod desk;
mod endings;
mod paid;
mod parts;
mod quotas;
mod token_sets;
mod tries;
mod uses;
mod way_in;

use async_recursion::async_recursion as boxed;

pub use counts::Counts;
pub use current::Current;
pub use parts::Parts;
pub use refresh::Flights;
pub use reported::report_as;
pub use rounds::Rounds;
pub use uses::Uses;
