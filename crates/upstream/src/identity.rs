//! What is brought to a provider and what it proves: a request, a code, an account.

use secrecy::SecretString;
use url::Url;

use super::passing::Passing;
use domain::ids::Sid;
use domain::params::Texts;

/// What a bind brings to the authorization endpoint. All of it is made by the caller, who has to recognise it later.
#[derive(Debug)]
pub struct AuthorizationRequest {
    /// Where the provider sends the browser back to.
    pub redirect_uri: Url,
    /// RFC 6749 §10.12.
    pub state: SecretString,
    /// Binds an `id_token` to this request; sent only to providers that repeat it.
    pub nonce: SecretString,
    /// RFC 7636: 43 to 128 characters; the provider sees its hash, if it takes that.
    pub code_verifier: SecretString,
    /// Which account to offer (OpenID Connect Core §3.1.2.1, `login_hint`).
    pub hint: Option<String>,
}

/// What trades an authorization code for tokens; `redirect_uri` and `code_verifier` are those of the request.
#[derive(Clone, Copy, Debug)]
pub struct Redemption<'a> {
    /// RFC 6749 §4.1.2.
    pub code: &'a SecretString,
    /// The request's.
    pub redirect_uri: &'a Url,
    /// The request's.
    pub code_verifier: &'a SecretString,
    /// What came back with the code and is sent again.
    pub params: &'a Texts,
}

/// An account at a provider, as the provider proved it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its id there.
    pub sid: Sid,
    /// Its name there, for people; at most 255 characters, otherwise as the provider wrote it.
    pub user_name: Option<String>,
}

/// Why nobody is identified.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The provider's statement does not hold; asking again won't change it.
    #[error("{0}")]
    Refused(&'static str),
    /// The provider fails in passing.
    #[error("{}", .0.reason)]
    Unavailable(Passing),
}

impl From<Passing> for IdentityError {
    fn from(passing: Passing) -> Self {
        Self::Unavailable(passing)
    }
}

/// What `iss` in an authorization response has to be (RFC 9207).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerRule {
    /// The provider's issuer, compared exactly; unknown for some providers of plain OAuth 2.0.
    pub issuer: Option<String>,
    /// The provider promises to send it.
    pub required: bool,
}

impl IssuerRule {
    /// Whether a response with this `iss` can be the provider's. Stated without being promised, it is compared all the
    /// same. An error response may leave it out even where it is promised: some do.
    pub fn allows(&self, iss: Option<&str>, is_error: bool) -> bool {
        match (iss, self.issuer.as_deref()) {
            (Some(iss), Some(issuer)) => iss == issuer,
            (Some(_), None) => true,
            (None, _) => is_error || !self.required,
        }
    }
}
