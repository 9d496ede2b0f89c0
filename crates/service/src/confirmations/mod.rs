//! Confirming a phone or an e-mail address by a code sent to it (`docs/condo-contract.md` 3). A confirmation is known by its token, which is kept as a hash;
//! its code is kept under a key that is not in the database.

mod begin;
mod code;
mod day;
mod factor;
mod given;
mod live;
mod send;
mod tried;

pub(super) use begin::{Beginning, begin, find_verified, prepare, spend};
pub use begin::{Shown, Whose, address_of, send_again, start};
pub(super) use factor::{Factor, phone_factor, spend_factor, token_factor};
pub(super) use given::open as open_budget;
pub use live::Asking;
pub(super) use live::{TokenHash, to_midnight};
pub use tried::complete;
pub(super) use tried::{Right, Typed, budget_of, try_code};
