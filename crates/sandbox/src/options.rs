//! What a sandbox provider starts with, and what it gives without a browser.

use std::net::TcpListener;
use std::time::Duration;

use chrono::{DateTime, Utc};
use secrecy::SecretString;

use super::clients::SandboxClient;
use domain::clock::SharedClock;
use domain::entropy::SharedEntropy;

/// Somebody with an account at the sandbox provider.
#[derive(Debug, Clone)]
pub struct SandboxUser {
    /// The account's id.
    pub sub: String,
    /// The full name.
    pub name: String,
    /// The e-mail address.
    pub email: String,
    /// Whether the provider vouches for the address.
    pub email_verified: bool,
    /// The phone number, which the provider has verified.
    pub phone: Option<String>,
}

impl SandboxUser {
    /// A user whose e-mail address is verified.
    pub fn new(sub: &str, name: &str, email: &str) -> Self {
        Self { sub: sub.to_owned(), name: name.to_owned(), email: email.to_owned(), email_verified: true, phone: None }
    }
}

/// What a sandbox provider starts with.
#[derive(Debug)]
pub struct Options {
    /// A bound socket; the issuer is `http://` and its address.
    pub listener: TcpListener,
    /// Tells the provider's time: when it has moved on, the tokens issued before are really expired.
    pub clock: SharedClock,
    /// Where codes and tokens come from.
    pub entropy: SharedEntropy,
    /// The applications registered at this provider.
    pub clients: Vec<SandboxClient>,
    /// The people who have an account here.
    pub users: Vec<SandboxUser>,
    /// The life of an access token, unless the script says otherwise.
    pub access_token_lifetime: Duration,
    /// The shell command `/app/callback` offers for a pending bind; `{bind_code}` stands for the code.
    pub complete_command: Option<String>,
}

impl Options {
    /// A provider without clients or users, whose access tokens live for an hour.
    pub fn new(listener: TcpListener, clock: SharedClock, entropy: SharedEntropy) -> Self {
        Self {
            listener,
            clock,
            entropy,
            clients: Vec::new(),
            users: Vec::new(),
            access_token_lifetime: Duration::from_hours(1),
            complete_command: None,
        }
    }
}

/// Tokens issued without a browser, as a site has them before it moves in. `Debug` shows neither.
#[derive(Debug, Clone)]
pub struct IssuedTokens {
    /// The access token.
    pub access_token: SecretString,
    /// The refresh token.
    pub refresh_token: SecretString,
    /// When the access token expires, by the provider's clock.
    pub expires_at: DateTime<Utc>,
}
