//! The external services as we talk to them: providers, issuers whose tokens we take, who sends SMS; a client for each, behind
//! one registry.

mod assertion;
mod body;
mod cached;
mod client;
mod discovery;
mod identity;
mod issuer;
mod jwks;
mod jwt;
mod lives;
mod members;
mod oauth2;
mod oidc;
mod outcome;
mod partner;
mod passing;
mod prepared;
mod provider;
mod pushed;
mod registry;
mod revocation;
mod sms;
mod template;
#[cfg(test)]
mod tests;
mod userinfo;

pub use domain::failure::Whose;
pub use identity::{AuthorizationRequest, Identity, IdentityError, IssuerRule, Redemption};
pub use issuer::Issuer;
pub use jwt::AccessClaims;
pub use outcome::{Outcome, Refusal, TokenAnswer};
pub use partner::UserInfoError;
pub use passing::{Passing, PassingKind};
pub use prepared::Prepared;
pub use provider::Provider;
pub use registry::Upstream;
pub use revocation::{RevocationOutcome, TokenType};
pub use sms::{Gateway as SmsGateway, NotSent};
