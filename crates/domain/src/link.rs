//! What is known of a link between a subject and an account at an external provider: its proof and its health.

use chrono::{DateTime, Utc};

use super::expiry::{Expiry, Lifetime};
use super::ids::{ClientId, LinkId, ProviderId, Sid, Subject};

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
    (all $name:ident { $($variant:ident => $text:literal),+ $(,)? }) => {
        impl $name {
            /// Each of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
        }

        stored_as!($name { $($variant => $text),+ });
    };
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

/// A link to make.
#[derive(Clone, Debug)]
pub struct NewLink {
    /// Its id, unless the subject has the link.
    pub id: LinkId,
    /// The owner of the link.
    pub subject: Subject,
    /// At which provider.
    pub provider: ProviderId,
    /// Which account there.
    pub sid: Sid,
    /// The account's name there; none keeps the name that a link has.
    pub user_name: Option<String>,
    /// How we know that the account is the subject's.
    pub proof: Proof,
    /// The application through which it is made.
    pub origin: Option<ClientId>,
    /// What belongs to one subject alone; none if the account may be several's.
    pub exclusive_key: Option<String>,
    /// When it is made.
    pub created: DateTime<Utc>,
}

/// A link that is about to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldLink {
    /// Its id.
    pub id: LinkId,
    /// The owner of the link.
    pub subject: Subject,
    /// At which provider.
    pub provider: ProviderId,
    /// Which account there.
    pub sid: Sid,
}

/// What the list shows of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkSummary {
    /// The account's id at the provider.
    pub sid: Sid,
    /// The provider.
    pub provider: ProviderId,
    /// The account's name there.
    pub user_name: Option<String>,
}

/// What the detailed list shows beside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkDetail {
    /// How we know that the account is the subject's.
    pub proof: Proof,
    /// The application through which the link was made.
    pub origin: Option<ClientId>,
    /// When it was made.
    pub created: DateTime<Utc>,
    /// Its tokens, if it has any.
    pub tokens: Option<TokensOfLink>,
    /// When its token was last handed out, to the hour.
    pub last_used: Option<DateTime<Utc>>,
}

/// The tokens' part of the detailed list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokensOfLink {
    /// Whether they can be refreshed.
    pub health: Health,
    /// Whether there is an access token among them.
    pub has_access: bool,
    /// When the access token expires, as stated.
    pub expires: Option<DateTime<Utc>>,
    /// When the provider gave them.
    pub obtained: Option<DateTime<Utc>>,
    /// When they were imported.
    pub imported: Option<DateTime<Utc>>,
    /// When the refresh token expires, as stated.
    pub refresh_expires: Option<DateTime<Utc>>,
    /// The word with which the provider refuses the refresh token, and since when, if it does so without saying that it is
    /// over.
    pub refused: Option<(String, DateTime<Utc>)>,
    /// The scopes that were granted, if that is known.
    pub scope: Option<String>,
}

impl TokensOfLink {
    /// When the access token expires, if anybody knows. Without one there is nothing whose life could be known; a file may
    /// state an end all the same.
    pub fn known_expiry(&self, lifetime: Option<Lifetime>) -> Option<DateTime<Utc>> {
        let lifetime = lifetime.filter(|_| self.has_access);
        Expiry::read(self.expires, self.obtained.or(self.imported), lifetime).known()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn known_expiry() {
        let now = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        let later = |seconds| now + TimeDelta::seconds(seconds);
        let tokens = |has_access, expires| TokensOfLink {
            health: Health::Ok,
            has_access,
            expires,
            obtained: None,
            imported: Some(now),
            refresh_expires: None,
            refused: None,
            scope: None,
        };
        let hour = Some(Lifetime::Lasts(Duration::from_hours(1)));
        assert_eq!(tokens(true, None).known_expiry(None), None);
        assert_eq!(tokens(true, None).known_expiry(hour), Some(later(3600)), "it counts from the import");
        assert_eq!(tokens(false, None).known_expiry(hour), None, "there is nothing that lives");
        assert_eq!(tokens(false, Some(later(60))).known_expiry(None), Some(later(60)), "a file may state it");
    }
}
