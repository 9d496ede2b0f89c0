//! Why an exchange brings no token.

use url::Url;

use domain::Error;
use domain::ids::Sid;
use domain::reason::Reason;

/// Why there is no token.
#[derive(Debug)]
pub enum Refused {
    /// The client may exchange nothing at all.
    Client,
    /// The subject token is not believed; the log says why.
    SubjectToken,
    /// There is no such provider, or not for this client.
    Target,
    /// The provider's tokens can't be had, by a decision of the operator's.
    NoTokens(String),
    /// The subject has several accounts there. Which, is told to those who may list them.
    SeveralAccounts(Vec<(Sid, Option<String>)>),
    /// The user has to do something about it.
    Interaction {
        /// What is amiss, for programs.
        reason: Reason,
        /// The same for people.
        why: String,
        /// The scopes that are wanted and were not granted.
        missing_scopes: Vec<String>,
        /// Where the user can do it, if the client asked for that and may have it.
        reconnect_url: Option<Url>,
    },
    /// Something else.
    Failed(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}
