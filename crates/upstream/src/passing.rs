//! A failure that may pass, and whose it is.

use std::time::Duration;

use domain::failure::Whose;

/// A failure that may pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passing {
    /// When the provider wants to be asked again; at most a day.
    pub retry_after: Option<Duration>,
    /// Whether a refresh token may have been spent by it.
    pub kind: PassingKind,
    /// Why, for the log: no secrets, no addresses, nothing the provider wrote but a registered error code.
    pub reason: &'static str,
    /// What the failure is about.
    pub whose: Whose,
    /// What the provider says of the token, where it is the token's failure (`Verdict::Passing` of `domain::failure`).
    pub word: Option<String>,
}

/// What a passing failure says about the refresh token we sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PassingKind {
    /// The provider did not act on the request: the token is as good as before.
    Definite,
    /// It may have: the answer that carried the next token may be lost.
    Ambiguous,
}

impl Passing {
    /// A failure of the provider's, or on the way to it, by which no token can have been spent.
    pub(crate) fn definite(reason: &'static str) -> Self {
        Self { retry_after: None, kind: PassingKind::Definite, reason, whose: Whose::Provider, word: None }
    }

    /// A failure of ours for the moment: nothing was sent.
    pub(crate) fn of_ours(reason: &'static str) -> Self {
        Self { whose: Whose::Ours, retry_after: Some(Duration::from_secs(1)), ..Self::definite(reason) }
    }

    /// Nobody answered in time: a token may have been spent.
    pub(crate) fn unanswered() -> Self {
        Self { kind: PassingKind::Ambiguous, ..Self::definite("no answer in time") }
    }
}
