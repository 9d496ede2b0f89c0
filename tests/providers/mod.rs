//! Providers as they are: strict ones, peculiar ones, and what they say.

mod catalogue;
pub(crate) mod certified;
mod certified_refresh;
mod door;
mod handed_on;
mod keys;
mod manners;
mod odd_answers;
mod odd_claims;
mod peculiar;
mod resent_params;
pub(crate) mod row;
mod signer;
mod tls_client;
mod walk;
mod worded;
