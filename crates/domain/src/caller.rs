//! Who calls, and what they may do.

use super::error::{Error, Result};
use super::ids::{ClientId, ProviderId, Subject};
use super::scope::Scope;

/// Whom a caller acts for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// For one user: it may touch only that subject.
    User(Subject),
    /// For itself: it may touch any subject, with the scopes that say so.
    System,
}

/// An authenticated application, perhaps on behalf of a user.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The application.
    pub client: ClientId,
    /// Whom it acts for.
    pub mode: Mode,
    /// Scopes that are in its token *and* granted to the application.
    pub scopes: Vec<Scope>,
}

/// What a caller wants to do, as the scope table knows it.
#[derive(Clone, Copy, Debug)]
pub enum Action<'a> {
    /// List a subject's links.
    ListLinks,
    /// Link by id, bind, unlink, complete a bind.
    ChangeLinks,
    /// Get access tokens of a provider.
    FetchToken(&'a ProviderId),
    /// Get access tokens of any provider at all: which ones, each entry decides.
    FetchTokens,
    /// Look for links across subjects.
    SearchLinks,
    /// Give a subject's dead link another try.
    RetryLink,
    /// Read the record of a subject.
    ReadRecord,
    /// Read the record across subjects.
    SearchRecord,
    /// List events that wait or were given up, and have them told again.
    SeeToEvents,
}

impl Caller {
    /// Refuses unless the caller may do `action` to `subject`.
    pub fn may(&self, action: Action<'_>, subject: &Subject) -> Result<()> {
        match &self.mode {
            Mode::User(own) if own != subject => Err(Error::Denied),
            Mode::User(_) | Mode::System => self.may_somewhere(action),
        }
    }

    /// Refuses unless the caller may do `action` to at least one subject: for calls that name no subject.
    pub fn may_somewhere(&self, action: Action<'_>) -> Result<()> {
        let system = self.mode == Mode::System;
        let opens = |scope: &Scope| match (action, scope) {
            (Action::ListLinks, Scope::ListOwn)
            | (Action::ChangeLinks, Scope::ChangeOwn)
            | (Action::ReadRecord, Scope::ReadOwn) => !system,
            (Action::ListLinks | Action::SearchLinks, Scope::ListAny)
            | (Action::ChangeLinks | Action::RetryLink, Scope::ChangeAny)
            | (Action::ReadRecord | Action::SearchRecord, Scope::ReadAny)
            | (Action::SeeToEvents, Scope::EventsOfAny) => system,
            (Action::FetchTokens, scope) => scope.is_of_tokens(),
            (Action::FetchToken(wanted), scope) => scope.opens_tokens_of(wanted),
            _ => false,
        };
        if self.scopes.iter().any(opens) { Ok(()) } else { Err(Error::Denied) }
    }

    /// What to answer about a subject that has no account: a user-mode caller must not learn that it has none.
    pub fn no_such_user(&self, subject: &Subject) -> Error {
        if self.subject().is_some() {
            return Error::Denied;
        }
        let hint = subject
            .false_hyphen()
            .map(|c| format!("the id has U+{:04X} where an id usually has the hyphen U+002D", u32::from(c)));
        Error::UserNotFound { hint }
    }

    /// The subject of a caller in user mode.
    pub fn subject(&self) -> Option<&Subject> {
        match &self.mode {
            Mode::User(subject) => Some(subject),
            Mode::System => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a caller with this scope alone may do `action` to the subject it is, or would be, for.
    fn may(mode: &Mode, scope: &str, action: Action<'_>) -> bool {
        let client = ClientId::parse("console").unwrap();
        let scopes = vec![Scope::parse(scope).unwrap()];
        let caller = Caller { client, mode: mode.clone(), scopes };
        caller.may(action, &Subject::parse("alice").unwrap()).is_ok()
    }

    #[test]
    fn what_concerns_many_users_is_for_applications_that_act_for_none() {
        let alice = Mode::User(Subject::parse("alice").unwrap());
        for scope in Scope::FIXED.map(|scope| scope.to_string()) {
            let scope = scope.as_str();
            for action in [Action::SearchLinks, Action::RetryLink, Action::SearchRecord, Action::SeeToEvents] {
                assert!(!may(&alice, scope, action), "{scope} {action:?}");
            }
            assert_eq!(may(&Mode::System, scope, Action::SeeToEvents), scope == "fed_evt_any", "{scope}");
            for action in [Action::ReadRecord, Action::SearchRecord] {
                assert_eq!(may(&Mode::System, scope, action), scope == "blitz_api_sys_uaud", "{scope} {action:?}");
            }
            assert_eq!(may(&alice, scope, Action::ReadRecord), scope == "blitz_api_uaud", "{scope}");
            assert_eq!(may(&Mode::System, scope, Action::SearchLinks), scope == "blitz_api_sys_ufa", "{scope}");
            assert_eq!(may(&Mode::System, scope, Action::RetryLink), scope == "blitz_api_sys_ufa_chg", "{scope}");
        }
    }

    #[test]
    fn who_may_have_tokens_of_one_provider_may_ask_for_many() {
        let (tcs, vk) = (ProviderId::parse("tcs", "tcs_1").unwrap(), ProviderId::parse("vk", "vk_1").unwrap());
        for mode in [Mode::User(Subject::parse("alice").unwrap()), Mode::System] {
            for (scope, many, [of_tcs, of_vk]) in [
                ("fed_tkn_any", true, [true, true]),
                ("fed_tkn_tcs_tcs_1", true, [true, false]),
                ("blitz_api_sys_ufa", false, [false, false]),
                ("blitz_api_ufa_chg", false, [false, false]),
            ] {
                assert_eq!(may(&mode, scope, Action::FetchTokens), many, "{scope}");
                assert_eq!(may(&mode, scope, Action::FetchToken(&tcs)), of_tcs, "{scope}");
                assert_eq!(may(&mode, scope, Action::FetchToken(&vk)), of_vk, "{scope}");
            }
        }
    }
}
