//! The GraphQL of the Condo dialect: its endpoint, its sessions, its ways in.

mod clients;
mod documents;
mod endpoint;
mod hardening;
mod limits;
mod numbering;
mod origins;
mod plain_sign_in;
mod schema;
mod second_factor;
mod service_users;
mod sessions;
mod sign_in;
