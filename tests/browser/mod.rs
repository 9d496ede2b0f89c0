//! What needs a real browser.

mod bind;
pub(crate) mod certified;
mod partner_app;
mod person;
mod sign_in;
mod tour;
