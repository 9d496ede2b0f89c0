//! What is known of a link between a subject and an account at an external provider: its proof and its health.

/// How we know that the external account is the subject's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Its owner signed in there, in a browser.
    Proven,
    /// A client said so: link by id, import. It yields to a proven link of another subject.
    Asserted,
}

/// Whether a link's tokens can be refreshed, as far as we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Health {
    /// Nothing is wrong.
    Ok,
    /// Refreshes fail in passing.
    Degraded,
    /// The provider refused the refresh token for good: the user has to consent again.
    NeedsConsent,
    /// The refresh token was lost in a refresh whose answer never came.
    LostInFlight,
}

impl Health {
    /// Whether asking the provider is pointless until the user links again.
    pub fn is_dead(self) -> bool {
        matches!(self, Self::NeedsConsent | Self::LostInFlight)
    }
}

macro_rules! stored_as {
    ($name:ident { $($variant:ident => $text:literal),+ $(,)? }) => {
        impl $name {
            /// The name under which it is stored and sent.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// Reads the stored name.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}
pub(crate) use stored_as;

stored_as!(Proof { Proven => "proven", Asserted => "asserted" });
stored_as!(Health { Ok => "ok", Degraded => "degraded", NeedsConsent => "needs_consent", LostInFlight => "lost_in_flight" });
