//! Why a bind ended without a link: what the app is told, and what the audit record says.

/// Why a flow ends without a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ended {
    /// It took too long.
    Expired,
    /// The answer came to another provider's redirect URI (RFC 9700 §4.4).
    MixedUp,
    /// Its provider is configured no more.
    ProviderGone,
    /// The answer names another issuer (RFC 9207).
    WrongIssuer,
    /// The provider can't be asked for what is needed.
    ProviderUnavailable,
    /// The provider refused.
    ProviderRefused,
    /// The user said no at the provider.
    DeclinedAtProvider,
    /// The answer brought neither a code nor an error.
    NoCode,
    /// The code brought no tokens, or tokens of nobody knows whom.
    ExchangeFailed,
    /// Nobody is signed in any more.
    SignedOut,
    /// Somebody else is signed in.
    WrongUser,
    /// The user said no at our own page.
    DeclinedAtConfirm,
    /// The account is exclusively another user's.
    AlreadyLinked,
}

impl Ended {
    /// What an error of the provider's authorization endpoint comes to (RFC 6749 §4.1.2.1).
    pub fn by_provider(error: &str) -> Self {
        match error {
            // The last is Apple's own and LinkedIn's; before it, LinkedIn's where somebody doesn't even sign in.
            "access_denied"
            | "consent_required"
            | "interaction_required"
            | "login_required"
            | "user_cancelled_login"
            | "user_cancelled_authorize" => Self::DeclinedAtProvider,
            _ => Self::ProviderRefused,
        }
    }

    /// The error that the app is told, and our fixed text; a provider's own words go nowhere.
    pub fn told(self) -> (&'static str, &'static str) {
        match self {
            Self::Expired => ("flow_expired", "Connecting the account took too long"),
            Self::MixedUp
            | Self::ProviderGone
            | Self::WrongIssuer
            | Self::ProviderUnavailable
            | Self::ProviderRefused
            | Self::NoCode
            | Self::ExchangeFailed => ("provider_error", "The provider could not connect the account"),
            Self::DeclinedAtProvider | Self::DeclinedAtConfirm => {
                ("access_denied", "The user declined to connect the account")
            }
            Self::SignedOut | Self::WrongUser => {
                ("wrong_user", "The user who is signed in is not the one the account was to be connected to")
            }
            Self::AlreadyLinked => ("already_linked", "The account is linked to another user"),
        }
    }

    /// The reason in the audit record.
    pub fn detail(self) -> &'static str {
        match self {
            Self::Expired => "flow_expired",
            Self::MixedUp => "mixed_up",
            Self::ProviderGone => "provider_gone",
            Self::WrongIssuer => "wrong_issuer",
            Self::ProviderUnavailable => "provider_unavailable",
            Self::ProviderRefused => "provider_refused",
            Self::DeclinedAtProvider => "declined_at_provider",
            Self::NoCode => "no_code",
            Self::ExchangeFailed => "exchange_failed",
            Self::SignedOut => "signed_out",
            Self::WrongUser => "wrong_user",
            Self::DeclinedAtConfirm => "declined_at_confirm",
            Self::AlreadyLinked => "already_linked",
        }
    }
}
