//! Who may go on with a flow, and with which answer. A rule is one function; [`Flow::receive`] says in which order they are asked.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::{Ended, Flow, Stage};
use crate::ids::{ProviderId, Subject};
use crate::session::Session;
use crate::{Error, Result, pkce};

/// Why a flow goes no further for this request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stop {
    /// It is over, or another browser's. It stays as it is.
    Nothing,
    /// It ends here.
    Ended(Ended),
}

impl From<Ended> for Stop {
    fn from(ended: Ended) -> Self {
        Self::Ended(ended)
    }
}

/// How an opening finds the flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Opening {
    /// No browser has opened it: this one becomes the flow's.
    First,
    /// The flow's own browser opens it again.
    Again,
}

/// How a browser stands to a flow, by who is signed in there.
#[derive(Clone, Debug)]
pub enum Standing {
    /// It doesn't matter: the app completes the flow, with a verifier that only it holds.
    Apps,
    /// Whose flow it is, or whose it becomes.
    Theirs(Session),
    /// Nobody is signed in.
    Nobody,
    /// Somebody else is.
    Anothers,
}

impl Standing {
    /// Whether the flow may go on past the provider: who is signed in, where that matters.
    pub fn person(&self) -> std::result::Result<Option<&Session>, Ended> {
        match self {
            Self::Apps => Ok(None),
            Self::Theirs(session) => Ok(Some(session)),
            Self::Nobody => Err(Ended::SignedOut),
            Self::Anothers => Err(Ended::WrongUser),
        }
    }
}

/// What came back from the provider with the browser.
#[derive(Debug)]
pub struct Answer {
    /// The provider whose redirect URI it came to; none if the path names none.
    pub provider: Option<ProviderId>,
    /// The OAuth `state`.
    pub state: SecretString,
    /// The authorization code.
    pub code: Option<SecretString>,
    /// The OAuth error.
    pub error: Option<String>,
    /// RFC 9207: who says it is answering.
    pub iss: Option<String>,
    /// All that came, by name: a provider may want some of it again.
    pub params: HashMap<String, SecretString>,
}

impl Answer {
    /// The code that is to be exchanged. An error comes first: what else such an answer brings is not looked at.
    pub fn granted(&self) -> std::result::Result<&SecretString, Ended> {
        match &self.error {
            Some(error) => Err(Ended::by_provider(error)),
            None => self.code.as_ref().ok_or(Ended::NoCode),
        }
    }
}

/// Whether an answer can be the provider's; `P` is the provider to redeem its code at.
#[derive(Clone, Copy, Debug)]
pub enum Issuer<P> {
    /// It can.
    Right(P),
    /// It names another issuer, or none where the provider promises to name itself.
    Wrong,
    /// What the provider says of itself can't be had.
    Unavailable,
    /// The provider is configured no more.
    Gone,
}

impl<P> Issuer<P> {
    /// The provider, if the answer can be its own.
    pub fn provider(&self) -> std::result::Result<&P, Ended> {
        match self {
            Self::Right(provider) => Ok(provider),
            Self::Wrong => Err(Ended::WrongIssuer),
            Self::Unavailable => Err(Ended::ProviderUnavailable),
            Self::Gone => Err(Ended::ProviderGone),
        }
    }
}

/// What has to be looked up before an answer can be judged any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// Whether the answer can be the provider's.
    Issuer,
    /// Who is signed in, in the browser that brought it.
    Standing,
}

/// What has been looked up so far.
#[derive(Debug)]
pub struct Facts<P> {
    /// Whether the answer can be the provider's.
    pub issuer: Option<Issuer<P>>,
    /// Who is signed in.
    pub standing: Option<Standing>,
}

impl<P> Default for Facts<P> {
    fn default() -> Self {
        Self { issuer: None, standing: None }
    }
}

/// What an answer asks for.
#[derive(Debug)]
pub enum Next<'a, P> {
    /// Look this up, and ask again.
    Learn(Fact),
    /// Use the answer up, and redeem its code there.
    Redeem {
        /// The authorization code.
        code: &'a SecretString,
        /// Whose it is.
        provider: &'a P,
    },
}

/// What is kept of a secret that is to be recognised.
pub fn hash(secret: &SecretString) -> Vec<u8> {
    Sha256::digest(secret.expose_secret().as_bytes()).to_vec()
}

impl Flow {
    /// The flow's cookie, if this is that of the browser which opened it; compared in constant time.
    pub fn opened_by<'c>(&self, cookie: Option<&'c SecretString>) -> Option<&'c SecretString> {
        let expected = &self.stage.visit()?.cookie_hash;
        cookie.filter(|cookie| bool::from(hash(cookie).ct_eq(expected)))
    }

    /// Whether the stage has run out.
    pub fn is_late(&self, now: DateTime<Utc>) -> bool {
        self.expires <= now
    }

    /// How a browser stands to the flow in which this session is. Asked anew at every step: who is signed in may have changed.
    pub fn standing(&self, session: Option<Session>) -> Standing {
        match session {
            _ if !self.is_persons() => Standing::Apps,
            None => Standing::Nobody,
            Some(session) if self.subject.as_ref().is_none_or(|subject| *subject == session.subject) => {
                Standing::Theirs(session)
            }
            Some(_) => Standing::Anothers,
        }
    }

    /// What an opening of the instruction by this browser is.
    pub fn opening(&self, cookie: Option<&SecretString>, now: DateTime<Utc>) -> std::result::Result<Opening, Stop> {
        let is_its_browsers = self.opened_by(cookie).is_some();
        match self.stage {
            Stage::Instructed if !self.is_late(now) => Ok(Opening::First),
            _ if !is_its_browsers => Err(Stop::Nothing),
            _ if self.is_late(now) => Err(Ended::Expired.into()),
            Stage::SigningIn(_) | Stage::AtProvider { .. } | Stage::Confirming { .. } => Ok(Opening::Again),
            Stage::Instructed | Stage::Pending { .. } => Err(Stop::Nothing),
        }
    }

    /// Judges an answer of the provider's that this browser brought, as far as the facts go. The order is part of the rules: a
    /// browser that is not the flow's touches nothing, and nobody is asked about an answer that is late or mixed up.
    pub fn receive<'a, P>(
        &self,
        answer: &'a Answer,
        cookie: Option<&SecretString>,
        now: DateTime<Utc>,
        facts: &'a Facts<P>,
    ) -> std::result::Result<Next<'a, P>, Stop> {
        self.opened_by(cookie).ok_or(Stop::Nothing)?;
        self.in_time(now)?;
        self.came_to(answer.provider.as_ref())?;
        let Some(issuer) = &facts.issuer else { return Ok(Next::Learn(Fact::Issuer)) };
        let provider = issuer.provider()?;
        let code = answer.granted()?;
        // Before the code is exchanged: whoever is signed in now may not be who began this.
        let Some(standing) = &facts.standing else { return Ok(Next::Learn(Fact::Standing)) };
        standing.person()?;
        Ok(Next::Redeem { code, provider })
    }

    /// Whether the owner of the account is to be asked in this browser now; gives its cookie.
    pub fn asks<'c>(
        &self,
        cookie: Option<&'c SecretString>,
        now: DateTime<Utc>,
    ) -> std::result::Result<&'c SecretString, Stop> {
        let cookie = self.opened_by(cookie).ok_or(Stop::Nothing)?;
        self.in_time(now)?;
        matches!(self.stage, Stage::Confirming { .. }).then_some(cookie).ok_or(Stop::Nothing)
    }

    /// Whether an app may complete the flow for this subject with this verifier.
    pub fn is_completed_by(&self, verifier: &SecretString, subject: &Subject) -> Result<()> {
        if !pkce::proves(verifier, self.completer.challenge()) {
            return Err(Error::BindCode);
        }
        if self.subject.as_ref().is_some_and(|fixed| fixed != subject) {
            return Err(Error::Denied);
        }
        Ok(())
    }

    fn in_time(&self, now: DateTime<Utc>) -> std::result::Result<(), Ended> {
        if self.is_late(now) { Err(Ended::Expired) } else { Ok(()) }
    }

    /// RFC 9700 §4.4: an answer at another provider's redirect URI is a mix-up.
    fn came_to(&self, provider: Option<&ProviderId>) -> std::result::Result<(), Ended> {
        if provider == Some(&self.provider) { Ok(()) } else { Err(Ended::MixedUp) }
    }
}
