//! fedlink keeps users' links to their accounts at external identity providers, and hands internal services a valid
//! access token for each.
//!
//! # The house
//!
//! Data flows down: `http` → [`service`] → [`store`], `vault`, [`upstream`] → [`domain`]. Between crates Cargo refuses an arrow
//! that points back up; between the floors here a test does, which parses the source.
//!
//! The application:
//!
//! - [`http`]: every route on one page; handlers extract, call one service function, shape the answer.
//! - [`app`]: the parts, built once and in order. [`cli`]: one file per command. [`telemetry`]: the log.
//!
//! The leaves, each a crate under `crates/`:
//!
//! - [`domain`]: types and pure rules, no I/O. The decision what to serve, the states of a bind, which scope opens what.
//!   [`domain::clock`] and [`domain::entropy`] are the only doors to time and randomness.
//! - [`settings`]: the operator's decisions, checked whole, told all at once when wrong.
//! - [`store`]: SQLite and PostgreSQL behind one query text. It never sees a plaintext token, and its rows stay in it.
//! - `vault`: envelope encryption; the only door to plaintext tokens.
//! - [`upstream`]: one provider as a client: discovery, `id_token`, token requests, a lenient reading of their answers.
//! - [`service`]: one verb family a file; plain values in, domain types out.
//! - [`graphql`]: the schema of the Condo dialect and its words.
//! - [`sandbox`]: an OpenID provider for the demo and the tests, which enforces the protocol and can be peculiar.
//!
//! ```
//! use domain::clock::SystemClock;
//! use domain::entropy::SystemEntropy;
//! use fedlink::app::App;
//! use settings::{Configuration, Literals};
//! use tokio::runtime::Handle;
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! // Beside the settings it makes a database and a keyring.
//! let text = "public_url = 'https://login.example'\nsubjects = 'any'";
//! let configuration = Configuration::parse(text, folder.path(), &|_| None, Literals::Refuse)?;
//! let app = App::build(configuration, SystemClock::shared(), SystemEntropy::shared(), Handle::current()).await?;
//! app.parts.store.ping().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # A token's way
//!
//! A call to fedToken is one SELECT and one AES-GCM opening where the token is fresh ([`domain::token::decide`]). Else
//! the callers of a link join one refresh in their process (`service::refresh::flights`), and that takes a lease in the database, so
//! that no other process asks at the same time (`service::refresh`, `store::leases`). It runs to its end whoever hangs up,
//! writes the answer by compare-and-swap before anybody hears of it, and is never fenced out. What may be decided on the
//! way is [`domain::refresh`] and [`domain::guard`]: pure, and walked by a model checker.

pub mod app;
pub mod cli;
pub mod http;
pub mod telemetry;
