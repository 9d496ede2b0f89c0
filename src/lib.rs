//! fedlink keeps users' links to their accounts at external identity providers, and hands internal services a valid
//! access token for each.
//!
//! # The house
//!
//! Data flows down: `http` → `service` → `store`, `vault`, `upstream` → `domain`. A test parses the source and refuses an
//! arrow that points back up.
//!
//! - [`domain`]: types and pure rules, no I/O. The decision what to serve, the states of a bind, which scope opens what.
//! - [`clock`], [`entropy`]: the only doors to time and randomness, so that tests can hold them.
//! - [`threads`]: those for long work, which give way to those that serve.
//! - [`settings`]: the operator's decisions, checked whole, told all at once when wrong.
//! - [`store`]: SQLite and PostgreSQL behind one query text. It never sees a plaintext token.
//! - [`vault`]: envelope encryption; the only door to plaintext tokens.
//! - [`upstream`]: one provider as a client: discovery, `id_token`, token requests, a lenient reading of their answers.
//! - [`service`]: one verb family a file; plain values in, domain types out.
//! - [`http`]: every route on one page; handlers extract, call one service function, shape the answer.
//! - [`app`]: the parts, built once and in order. [`cli`]: one file per command.
//! - [`sandbox`]: an OpenID provider for the demo and the tests, which enforces the protocol and can be peculiar.
//!
//! # A token's way
//!
//! A call to fedToken is one SELECT and one AES-GCM opening where the token is fresh ([`domain::token::decide`]). Else
//! the callers of a link join one refresh in their process (`service::flights`), and that takes a lease in the database, so
//! that no other process asks at the same time (`service::refresh`, `store::leases`). It runs to its end whoever hangs up,
//! writes the answer by compare-and-swap before anybody hears of it, and is never fenced out. What may be decided on the
//! way is [`domain::refresh`] and [`domain::guard`]: pure, and walked by a model checker.

pub mod app;
pub mod cli;
pub mod clock;
pub mod domain;
pub mod entropy;
pub mod http;
pub mod sandbox;
pub mod service;
pub mod settings;
pub mod store;
pub mod telemetry;
pub mod threads;
pub mod upstream;
pub mod vault;
