//! fedlink keeps users' links to external identity providers and hands out valid access tokens for them.

pub mod app;
pub mod clock;
pub mod domain;
pub mod entropy;
pub mod http;
pub mod sandbox;
pub mod service;
pub mod settings;
pub mod store;
pub mod upstream;
pub mod vault;
