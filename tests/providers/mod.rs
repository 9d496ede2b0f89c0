//! Providers as they are: strict ones, peculiar ones, and what they say.

pub(crate) mod certified;
mod certified_refresh;
mod odd_answers;
mod odd_claims;
mod peculiar;
mod resent_params;
