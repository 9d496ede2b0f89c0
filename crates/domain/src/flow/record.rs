//! A flow and its stages; each stage has exactly what is known then.

use chrono::{DateTime, Utc};

use super::FlowState;
use crate::ids::{ClientId, FlowId, ProviderId, Sid, Subject};

/// A bind in progress.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    /// The instruction's id.
    pub id: FlowId,
    /// The application that asked for it.
    pub client: ClientId,
    /// The owner of the future link, once known.
    pub subject: Option<Subject>,
    /// Where the account is.
    pub provider: ProviderId,
    /// Where the application's users come back to.
    pub callback: String,
    /// Who completes it.
    pub completer: Completer,
    /// Which key of the keyring wraps the flow's own.
    pub key_id: String,
    /// The flow's own key, under which its secrets are sealed.
    pub wrapped_key: Vec<u8>,
    /// What the stage keeps secret, bound to all that the flow is for. None only if somebody took it out of the database.
    pub sealed: Option<Vec<u8>>,
    /// Which account the provider is to offer its user.
    pub hint: Option<String>,
    /// Whether it is opened in a popup, whose last page tells its opener.
    pub popup: bool,
    /// When it was instructed.
    pub created: DateTime<Utc>,
    /// When the stage runs out.
    pub expires: DateTime<Utc>,
    /// How far it has come.
    pub stage: Stage,
}

/// Who completes a flow.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Completer {
    /// The person who is signed in, in the browser that opened it.
    Person,
    /// The application, with the verifier of this challenge (RFC 7636 §4.2).
    App {
        /// The challenge.
        challenge: String,
    },
}

/// How far a flow has come.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// No browser has opened it.
    Instructed,
    /// Its person is signing in at our own page.
    SigningIn(Visit),
    /// Its browser is at the provider.
    AtProvider {
        /// The browser.
        visit: Visit,
        /// The hash of the OAuth `state` that the provider's answer has to bring. None: an answer has used it up.
        state_hash: Option<Vec<u8>>,
    },
    /// The owner of the account is asked.
    Confirming {
        /// The browser.
        visit: Visit,
        /// What the provider proved.
        account: ProviderAccount,
    },
    /// The application holds a bind code.
    Pending {
        /// The browser.
        visit: Visit,
        /// What the provider proved.
        account: ProviderAccount,
        /// The hash of the code.
        code_hash: Vec<u8>,
    },
}

/// The one browser that may go on with a flow.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Visit {
    /// The hash of the flow's cookie, which that browser alone has.
    pub cookie_hash: Vec<u8>,
    /// When it opened the flow.
    pub opened: DateTime<Utc>,
}

/// An account at the provider, as the provider proved it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProviderAccount {
    /// Its id there.
    pub sid: Sid,
    /// Its name there.
    pub user_name: Option<String>,
}

impl Completer {
    /// The challenge; empty where no app completes the flow, and then no verifier fits it.
    pub fn challenge(&self) -> &str {
        match self {
            Self::Person => "",
            Self::App { challenge } => challenge,
        }
    }
}

impl Stage {
    /// The state under which the stage is stored.
    pub fn state(&self) -> FlowState {
        match self {
            Self::Instructed => FlowState::Instructed,
            Self::SigningIn(_) => FlowState::SigningIn,
            Self::AtProvider { .. } => FlowState::AtProvider,
            Self::Confirming { .. } => FlowState::Confirming,
            Self::Pending { .. } => FlowState::Pending,
        }
    }

    /// The browser, once one has opened the flow.
    pub fn visit(&self) -> Option<&Visit> {
        match self {
            Self::Instructed => None,
            Self::SigningIn(visit)
            | Self::AtProvider { visit, .. }
            | Self::Confirming { visit, .. }
            | Self::Pending { visit, .. } => Some(visit),
        }
    }

    /// The account, once the provider has proved one.
    pub fn account(&self) -> Option<&ProviderAccount> {
        match self {
            Self::Instructed | Self::SigningIn(_) | Self::AtProvider { .. } => None,
            Self::Confirming { account, .. } | Self::Pending { account, .. } => Some(account),
        }
    }
}

impl Flow {
    /// Whether the flow is completed in the browser, by the person who is signed in there, and not by the app.
    pub fn is_persons(&self) -> bool {
        self.completer == Completer::Person
    }

    /// When a browser opened it first.
    pub fn opened(&self) -> Option<DateTime<Utc>> {
        self.stage.visit().map(|visit| visit.opened)
    }

    /// The account's id, once the provider has proved one.
    pub fn sid(&self) -> Option<&Sid> {
        self.stage.account().map(|account| &account.sid)
    }
}
