//! Why there is no token, as programs are told.

/// Why there is no token, where the user can do something about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No account at the provider is linked.
    NotLinked,
    /// The provider refused the refresh token for good.
    NeedsConsent,
    /// The refresh token was lost on its way.
    LostInFlight,
    /// It has expired, and there is no way to a new one.
    Expired,
    /// There is a token, without scopes that are wanted.
    MissingScopes,
}

impl Reason {
    /// As programs read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotLinked => "not_linked",
            Self::NeedsConsent => "needs_consent",
            Self::LostInFlight => "lost_in_flight",
            Self::Expired => "expired",
            Self::MissingScopes => "missing_scopes",
        }
    }
}
