//! Signing in with a partner's access token (`docs/condo-contract.md` 1): the token is used once, to ask whose it is, and forgotten.

mod arrival;
mod enter;
mod first;
mod steps;

pub use arrival::{Confirmed, Param};
pub use steps::{Callback, begin, noted, sign_in};
