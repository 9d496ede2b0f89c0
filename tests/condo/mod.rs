//! The GraphQL of the Condo dialect: its endpoint, its sessions, its ways in.

mod clients;
mod endpoint;
mod hardening;
mod limits;
mod origins;
mod second_factor;
mod service_users;
mod sessions;
mod sign_in;
