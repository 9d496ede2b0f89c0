//! What can go wrong, in the few kinds that callers can act on; each dialect chooses status and body.

use std::borrow::Cow;
use std::time::Duration;

use super::reason::Reason;
use super::refusal::Refusal;

/// The result of an operation of the domain or a service.
pub type Result<T> = std::result::Result<T, Error>;

/// The cause behind an error, kept for the log, never sent.
pub type Source = Box<dyn std::error::Error + Send + Sync>;

/// A failure, by what the caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something in the request is wrong: `field` names it, `problem` says what would be right.
    #[error("{field} {problem}")]
    Input {
        /// The field or path segment at fault.
        field: Cow<'static, str>,
        /// What is wrong with it, in words that can follow the field's name.
        problem: String,
    },
    /// The bind code is unknown, late, used, or came with a wrong verifier.
    #[error("bind_code is unknown, expired, used, or does not match code_verifier")]
    BindCode,
    /// No token, an unknown one, a missing scope, or somebody else's subject: one answer for all.
    #[error("not enough scopes, or another's subject")]
    Denied,
    /// The client's id or password is wrong.
    #[error("wrong client id or password")]
    BadCredentials,
    /// No account for the subject; `hint` may say why it looks like one.
    #[error("no such user")]
    UserNotFound {
        /// What to look at, if the id itself is suspicious.
        hint: Option<String>,
    },
    /// The subject has no such link.
    #[error("no such link")]
    LinkNotFound,
    /// No usable access token, and no way to get one without the user.
    #[error("no usable token: {why}")]
    TokenNotFound {
        /// Why there is none, for people.
        why: String,
        /// The same for programs, where the user can do something about it.
        reason: Option<Reason>,
        /// The scopes that are wanted and were not granted ([`Reason::MissingScopes`]).
        missing_scopes: Vec<String>,
    },
    /// The subject has several accounts there, and one was asked for.
    #[error("the subject has several accounts at the provider: say which")]
    SeveralAccounts,
    /// The external account belongs to another subject, exclusively.
    #[error("the external account is linked to another user")]
    AlreadyLinked,
    /// The link is all that lets its user in.
    #[error("the user could not sign in without this link; force=true removes it all the same")]
    LastSignInMethod,
    /// The link is not dead, or has nothing left to try with.
    #[error("the link is not marked dead, or has no refresh token to try")]
    NothingToRetry,
    /// Nobody can tell whether a provider still takes an access token: nothing refreshes it, and nothing there could be asked.
    #[error(
        "nobody can tell whether the provider still takes the token: there is no refresh token, no userinfo and no introspection"
    )]
    Uncheckable,
    /// It was tried too often lately, or too many try it right now.
    #[error("too many attempts")]
    TooManyAttempts {
        /// When to try again.
        retry_after: Duration,
    },
    /// The body is larger than any that is read.
    #[error("the body has more than {limit} bytes")]
    BodyTooLarge {
        /// The most that is read, in bytes.
        limit: usize,
    },
    /// The body came too slowly to be waited for.
    #[error("the body came too slowly: it has 10 s, and one more for each 16 KiB")]
    BodyTooSlow,
    /// The body is of another type.
    #[error("the body must be application/json")]
    NotJson,
    /// A provider fails in passing; nothing is lost, and asking again later may help.
    #[error("the provider is unavailable for the moment")]
    ProviderUnavailable {
        /// When to ask again.
        retry_after: Duration,
    },
    /// The Condo dialect refuses, and says why in its own words.
    // Not which: a refusal may hold a phone number.
    #[error("refused in the Condo dialect")]
    Refused(Refusal),
    /// The database is away, locked or read-only.
    #[error("the database is unavailable")]
    StorageUnavailable(#[source] Source),
    /// A bug, or a state that should be impossible. Nothing of it is sent but the request id.
    #[error("internal error")]
    Internal(#[source] Source),
}

impl Error {
    /// An error that names `field` and says what is wrong with it.
    pub fn input(field: impl Into<Cow<'static, str>>, problem: impl Into<String>) -> Self {
        Self::Input { field: field.into(), problem: problem.into() }
    }

    /// Whether somebody had too much of something, and may come again.
    pub fn is_of_a_limit(&self) -> bool {
        let of_condo = |refusal: &Refusal| {
            matches!(
                refusal,
                Refusal::RateLimitExceeded { .. }
                    | Refusal::TooManyRequests { .. }
                    | Refusal::SmsForIpDayLimitReached { .. }
                    | Refusal::SmsForPhoneDayLimitReached
                    | Refusal::ListsBusy
            )
        };
        match self {
            Self::TooManyAttempts { .. } => true,
            Self::Refused(refusal) => of_condo(refusal),
            _ => false,
        }
    }

    /// No usable token, by no fault that the user could mend.
    pub fn no_token(why: impl Into<String>) -> Self {
        Self::TokenNotFound { why: why.into(), reason: None, missing_scopes: Vec::new() }
    }

    /// No usable token until the user does something about it.
    pub fn no_token_until(reason: Reason, why: impl Into<String>) -> Self {
        Self::TokenNotFound { why: why.into(), reason: Some(reason), missing_scopes: Vec::new() }
    }

    /// A refusal of the Condo dialect.
    pub fn refused(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }

    /// An error whose cause only the log may see.
    pub fn internal(source: impl Into<Source>) -> Self {
        Self::Internal(source.into())
    }
}
