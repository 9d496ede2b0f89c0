//! The Blitz dialect (`openapi.yaml`).

pub mod audit;
pub mod batch;
pub mod bind;
mod body;
pub mod error;
pub mod events;
mod exchange;
pub mod fa;
pub mod fa_search;
pub mod fed_token;
mod moments;
pub mod oauth;
pub mod rejected;
