//! The one table of the record: what a line of each event holds, who may read it, and whether subscribers are told.

use super::Event;

/// What a line may hold besides its id, its event and its moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The application.
    Client,
    /// The person who acted.
    Actor,
    /// The person that it concerns.
    Subject,
    /// The provider.
    Provider,
    /// The account at the provider: what the provider calls it, which may be a name or an address.
    Sid,
    /// A reason code of ours, or which record.
    Detail,
    /// An IP address: of a person's browser as we see it, or as an application claims it; or a network.
    Ip,
    /// A browser's or an application's word for itself.
    Agent,
    /// How many times it happened.
    Count,
}

/// Who may read a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// The person that it concerns (`blitz_api_uaud`), and who reads everybody's (`blitz_api_sys_uaud`).
    Subject,
    /// Who reads everybody's.
    System,
}

/// What holds of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What was going on: Blitz's `proc`.
    pub process: &'static str,
    /// What its lines hold.
    pub fields: &'static [Field],
    /// Who may read them.
    pub readers: Readers,
    /// Whether subscribers are told.
    pub is_told: bool,
}

impl Rule {
    /// Whether a line of it holds `field`.
    pub fn has(&self, field: Field) -> bool {
        self.fields.contains(&field)
    }

    /// Whether the person that a line concerns may read it.
    pub fn is_for_its_subject(&self) -> bool {
        self.readers == Readers::Subject
    }
}

use Field::{Actor, Agent, Client, Count, Detail, Ip, Provider, Sid, Subject};

/// What goes on at a door: the process of those who come in.
pub(super) const LOGIN: &str = "login";

/// A change of a link that somebody asked for.
const LINK: &[Field] = &[Client, Actor, Subject, Provider, Sid, Detail, Ip, Agent];
/// What became of a link by itself.
const STATE: &[Field] = &[Subject, Provider, Sid, Detail];
/// A person at a door of ours.
const DOOR: &[Field] = &[Client, Actor, Subject, Provider, Sid, Detail, Ip, Agent];
/// A change of an account.
const ACCOUNT: &[Field] = &[Client, Actor, Subject, Detail, Ip, Agent];
/// A change of another record.
const RECORD: &[Field] = &[Actor, Detail, Ip, Agent];
/// What has an id alone.
const KEY: &[Field] = &[Detail];
/// Tokens that were handed out.
const SERVED: &[Field] = &[Client, Actor, Subject, Provider, Sid, Detail, Count];
/// Calls that were refused.
const REFUSED: &[Field] = &[Client, Detail, Count];
/// Callers who did not say who they are; `Ip` is their network.
const UNKNOWN: &[Field] = &[Client, Ip, Detail, Count];
/// A replay.
const REPLAYED: &[Field] = &[Client, Detail, Count, Ip, Agent];
/// A reading across users.
const SEARCH: &[Field] = &[Client, Provider, Sid, Detail, Ip, Agent];

impl Event {
    /// What holds of it.
    pub const fn rule(self) -> Rule {
        let (process, fields, readers, is_told) = match self {
            Self::Linked | Self::Unlinked | Self::TakenOver => ("link", LINK, Readers::Subject, true),
            Self::BindRefused => ("bind", LINK, Readers::Subject, false),
            Self::AccountCreated | Self::PasswordSet | Self::AccountChanged | Self::AccountExported => {
                ("account", ACCOUNT, Readers::Subject, false)
            }
            Self::AccountDisabled | Self::AccountEnabled | Self::AccountDeleted => {
                ("account", ACCOUNT, Readers::Subject, true)
            }
            Self::AddressTaken => ("account", DOOR, Readers::Subject, false),
            Self::OrganizationChanged | Self::RoleChanged | Self::EmployeeChanged | Self::RightsSetChanged => {
                ("organization", RECORD, Readers::System, false)
            }
            Self::SignedIn => (LOGIN, DOOR, Readers::Subject, true),
            Self::SignedOut | Self::SignInRefused => (LOGIN, DOOR, Readers::Subject, false),
            Self::TokenReused | Self::CodeRefused => ("oauth", ACCOUNT, Readers::Subject, false),
            Self::ConsentNeeded | Self::RefreshLost | Self::Recovered | Self::ScopesMissing | Self::ExpiresSoon => {
                ("refresh", STATE, Readers::Subject, true)
            }
            Self::Retried => ("refresh", LINK, Readers::Subject, false),
            Self::Revoked | Self::RevocationGivenUp => ("revocation", STATE, Readers::Subject, true),
            Self::RevocationSpared => ("revocation", STATE, Readers::Subject, false),
            Self::TokensServed => ("token", SERVED, Readers::Subject, false),
            Self::CallsRefused => ("call", REFUSED, Readers::System, false),
            Self::AuthenticationFailed => ("call", UNKNOWN, Readers::System, false),
            Self::LinksSearched | Self::AuditSearched => ("search", SEARCH, Readers::System, false),
            Self::KeyActivated | Self::KeyDropped => ("vault", KEY, Readers::System, true),
            Self::EventsReplayed => ("events", REPLAYED, Readers::System, false),
            Self::PersonErased => ("account", KEY, Readers::System, false),
            Self::DataExported => ("export", KEY, Readers::System, false),
        };
        Rule { process, fields, readers, is_told }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_nobody_is_for_the_system_alone() {
        for event in Event::ALL {
            let rule = event.rule();
            assert_eq!(rule.is_for_its_subject(), rule.has(Subject), "{event:?}");
            assert!(rule.has(Provider) || !rule.has(Sid), "{event:?}: an account is somewhere");
        }
    }

    #[test]
    fn names_go_there_and_back() {
        for event in Event::ALL {
            assert_eq!(Event::parse(event.as_str()), Some(*event));
        }
    }

    #[test]
    fn subscribers_hear_of_what_becomes_of_links_accounts_and_keys() {
        let told: Vec<_> = Event::ALL.iter().filter(|event| event.rule().is_told).map(|event| event.as_str()).collect();
        assert_eq!(
            told,
            [
                "FEDERATION_POINT_BOUND",
                "FEDERATION_POINT_UNBOUND",
                "FEDERATION_POINT_TAKEN_OVER",
                "ACCOUNT_DELETED",
                "ACCOUNT_DISABLED",
                "ACCOUNT_ENABLED",
                "SIGNED_IN",
                "FEDERATION_CONSENT_NEEDED",
                "FEDERATION_REFRESH_LOST",
                "VAULT_KEY_ACTIVATED",
                "VAULT_KEY_DROPPED",
                "FEDERATION_TOKENS_REVOKED",
                "FEDERATION_REVOCATION_GIVEN_UP",
                "FEDERATION_RECOVERED",
                "FEDERATION_SCOPES_MISSING",
                "FEDERATION_EXPIRES_SOON",
            ]
        );
    }
}
