//! Signing in with a partner's access token (`docs/condo-contract.md` 1): what its userinfo says of a person, how far that is
//! believed, and what follows for the accounts we have. No I/O: who holds which address is looked up by the caller.

mod fields;
mod linking;
#[cfg(test)]
mod tests;

pub use fields::{FieldPath, Fields, Profile};
pub use linking::{Holder, Holders, Placing, Plan, Standing, Trust, plan};
