//! What is worth a line in the audit record; what a line holds, who reads it and who is told stands in [`Event::rule`].

mod line;
mod rule;

pub use line::{About, Actor, AuditLine};
pub use rule::{Field, Readers, Rule};

use super::link::stored_as;

/// What happened. `FEDERATION_POINT_BOUND` and `…_UNBOUND` are the names Blitz uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// A link was made or proven anew.
    Linked,
    /// A link was removed on request.
    Unlinked,
    /// An asserted link was removed because its account's owner linked it elsewhere.
    TakenOver,
    /// An account was made.
    AccountCreated,
    /// An account was deleted, with its links.
    AccountDeleted,
    /// An account got a password: the old one, its sessions and the tokens made for it are over.
    PasswordSet,
    /// An account may not sign in any more.
    AccountDisabled,
    /// A disabled account may sign in again.
    AccountEnabled,
    /// An administrator changed an account, or its user their name.
    AccountChanged,
    /// An organization was made or changed.
    OrganizationChanged,
    /// A role was made or changed.
    RoleChanged,
    /// An employee was made or changed.
    EmployeeChanged,
    /// A rights set was made or changed.
    RightsSetChanged,
    /// An account lost an address that it never showed to be its own, to a user for whom a partner vouches.
    AddressTaken,
    /// A person signed in: at our own page, or as the detail says.
    SignedIn,
    /// A person signed out.
    SignedOut,
    /// A sign-in at our own page was refused.
    SignInRefused,
    /// An authorization code or a refresh token of ours came a second time: all that came of it is over.
    TokenReused,
    /// An authorization code came from its application with a wrong verifier or redirect URI: it may be stolen, and is used up.
    CodeRefused,
    /// A provider refused a refresh token for good.
    ConsentNeeded,
    /// A refresh token is dead, and an answer that carried the next one never came.
    RefreshLost,
    /// An operator, or an application for its support, gives a link marked dead another try.
    Retried,
    /// An application looked for links across users.
    LinksSearched,
    /// A bind instruction was refused, expired or abandoned at the provider.
    BindRefused,
    /// A key of the keyring became the one that seals.
    KeyActivated,
    /// A key of the keyring is no more.
    KeyDropped,
    /// Tokens that no link needs any more are dead at their provider.
    Revoked,
    /// Such tokens were left alone, since the account holds tokens again: many providers revoke all of an account's at once.
    RevocationSpared,
    /// Such tokens could not be revoked, and will not be.
    RevocationGivenUp,
    /// A link that needed its user gives tokens again.
    Recovered,
    /// A link has fewer scopes than it was to have.
    ScopesMissing,
    /// A refresh token ends soon, and its user will have to consent again.
    ExpiresSoon,
    /// Access tokens were handed out: so many to one application, of one link, in one hour.
    TokensServed,
    /// Calls of an application were refused: so many of one kind in one minute.
    CallsRefused,
    /// Applications failed to say who they are: so many times from one network in one minute.
    AuthenticationFailed,
    /// The record was read across users.
    AuditSearched,
    /// Events that were given up are told again.
    EventsReplayed,
    /// What tells a deleted person apart is out of the record.
    PersonErased,
    /// An operator had all accounts and links written out, with their secrets.
    DataExported,
    /// An operator had all that is kept of a person written out.
    AccountExported,
}

stored_as!(all Event {
    Linked => "FEDERATION_POINT_BOUND",
    Unlinked => "FEDERATION_POINT_UNBOUND",
    TakenOver => "FEDERATION_POINT_TAKEN_OVER",
    AccountCreated => "ACCOUNT_CREATED",
    AccountDeleted => "ACCOUNT_DELETED",
    PasswordSet => "ACCOUNT_PASSWORD_SET",
    AccountDisabled => "ACCOUNT_DISABLED",
    AccountEnabled => "ACCOUNT_ENABLED",
    AccountChanged => "ACCOUNT_CHANGED",
    OrganizationChanged => "ORGANIZATION_CHANGED",
    RoleChanged => "EMPLOYEE_ROLE_CHANGED",
    EmployeeChanged => "EMPLOYEE_CHANGED",
    RightsSetChanged => "RIGHTS_SET_CHANGED",
    AddressTaken => "ACCOUNT_ADDRESS_TAKEN",
    SignedIn => "SIGNED_IN",
    SignedOut => "SIGNED_OUT",
    SignInRefused => "SIGN_IN_REFUSED",
    TokenReused => "OAUTH_TOKEN_REUSED",
    CodeRefused => "OAUTH_CODE_REFUSED",
    ConsentNeeded => "FEDERATION_CONSENT_NEEDED",
    RefreshLost => "FEDERATION_REFRESH_LOST",
    Retried => "FEDERATION_REFRESH_RETRIED",
    LinksSearched => "FEDERATION_POINTS_SEARCHED",
    BindRefused => "FEDERATION_BIND_REFUSED",
    KeyActivated => "VAULT_KEY_ACTIVATED",
    KeyDropped => "VAULT_KEY_DROPPED",
    Revoked => "FEDERATION_TOKENS_REVOKED",
    RevocationSpared => "FEDERATION_REVOCATION_SPARED",
    RevocationGivenUp => "FEDERATION_REVOCATION_GIVEN_UP",
    Recovered => "FEDERATION_RECOVERED",
    ScopesMissing => "FEDERATION_SCOPES_MISSING",
    ExpiresSoon => "FEDERATION_EXPIRES_SOON",
    TokensServed => "FEDERATION_TOKENS_SERVED",
    CallsRefused => "CALLS_REFUSED",
    AuthenticationFailed => "CLIENT_AUTHENTICATION_FAILED",
    AuditSearched => "AUDIT_SEARCHED",
    EventsReplayed => "EVENTS_REPLAYED",
    PersonErased => "PERSON_ERASED",
    DataExported => "DATA_EXPORTED",
    AccountExported => "ACCOUNT_EXPORTED",
});
