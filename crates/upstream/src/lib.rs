//! The external services as we talk to them: providers, issuers whose tokens we take, who sends SMS, who is told of events; a client for each, behind
//! one registry.
//!
//! Answers are read leniently ([`Outcome`]): careless servers send the only refresh token there is in every shape. It uses [`domain`]
//! and [`settings`], and never decides what an answer means for a link, nor stores anything.
//!
//! ```
//! use std::path::Path;
//!
//! use domain::clock::SystemClock;
//! use domain::entropy::SystemEntropy;
//! use domain::ids::ProviderId;
//! use settings::{Configuration, Literals};
//! use fedlink_upstream::Upstream;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let text = "public_url = 'https://login.example'\n[[providers]]\ntype = 'tcs'\nname = 'tcs_1'\npreset = 'oidc'\n\
//!             issuer = 'https://id.bank.example'\nclient_id = 'fedlink'\nclient_auth = 'none'";
//! let read = Configuration::parse(text, Path::new("."), &|_| None, Literals::Refuse)?;
//! // Nobody is asked yet: metadata is fetched when it is needed first.
//! let upstream = Upstream::new(&read.settings, &SystemClock::shared(), &SystemEntropy::shared())?;
//! assert!(upstream.provider(&ProviderId::parse("tcs", "tcs_1")?).is_some());
//! # Ok(())
//! # }
//! ```

mod assertion;
mod body;
mod cached;
mod callers;
mod client;
mod command;
mod discovery;
mod fields;
mod identity;
mod issuer;
mod jwks;
mod jwt;
mod lives;
mod members;
mod messages;
mod oauth2;
mod odnoklassniki;
mod oidc;
mod outcome;
mod partner;
mod passing;
mod peers;
mod prepared;
mod provider;
mod pushed;
mod registry;
mod revocation;
mod signed;
mod signing_keys;
mod standing;
mod template;
#[cfg(test)]
mod tests;
mod userinfo;
mod webhooks;
mod worded;

pub use domain::failure::Whose;
pub use identity::{AuthorizationRequest, Identity, IdentityError, IssuerRule, Redemption};
pub use issuer::Issuer;
pub use messages::{Gateway, NotSent};
pub use outcome::{Outcome, Refusal, TokenAnswer};
pub use partner::UserInfoError;
pub use passing::{Passing, PassingKind};
pub use peers::Peer;
pub use prepared::Prepared;
pub use provider::Provider;
pub use registry::Upstream;
pub use revocation::{RevocationOutcome, TokenType};
pub use standing::Standing;
pub use webhooks::Receiver;
