//! The Condo dialect over HTTP: sign-in with a partner's token, GraphQL (`docs/condo-contract.md`).

pub(super) mod api;
pub(super) mod error;
pub(super) mod session;
pub(super) mod sign_in;
