//! What tests stand on.

pub(crate) mod contract;
pub(crate) mod oidc_provider;
pub(crate) mod postgres;
pub(crate) mod program;
