//! Signing in with a partner's access token.

mod absent_flags;
mod bounds;
mod confirmed;
mod errors;
mod linking;
mod races;
mod sign_in;
mod signed;
mod standing;
