//! The changes of a flow, each of which expects what it changes: of two requests that race one finds nothing to change. The
//! statements of `store::flows` do the same in the database. `read` is the flow as whoever changes it has read it.

use chrono::{DateTime, Utc};

use super::{Flow, FlowState, ProviderAccount, Stage, Visit};
use crate::ids::{ClientId, Sid, Subject};

/// One trip to the provider: what comes back, sealed what we compare it with.
#[derive(Clone, Copy, Debug)]
pub struct Leg<'a> {
    /// The owner of the future link, where it becomes known now.
    pub subject: Option<&'a Subject>,
    /// The hash of the OAuth `state`.
    pub state_hash: &'a [u8],
    /// The trip's own secrets; unlike any other trip's.
    pub sealed: &'a [u8],
    /// When it begins.
    pub now: DateTime<Utc>,
    /// When it runs out.
    pub expires: DateTime<Utc>,
}

/// The account that came of a trip, sealed its tokens.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The account's id.
    pub sid: Sid,
    /// The account's name.
    pub user_name: Option<String>,
    /// What was granted.
    pub sealed: Vec<u8>,
    /// The hash of the code that the app completes with. None: the account's owner is asked first.
    pub code_hash: Option<Vec<u8>>,
    /// When the stage that begins runs out.
    pub expires: DateTime<Utc>,
}

impl Arrival {
    /// The state that the flow comes to.
    pub fn state(&self) -> FlowState {
        if self.code_hash.is_some() { FlowState::Pending } else { FlowState::Confirming }
    }

    /// Whether this arrival is what the flow came to.
    pub fn is_in(&self, flow: &Flow) -> bool {
        flow.stage.state() == self.state() && flow.sealed.as_ref() == Some(&self.sealed)
    }
}

impl Flow {
    /// The first opening by a browser in which nobody is signed in: binds the flow to it until somebody is.
    pub fn await_sign_in(&self, cookie_hash: &[u8], now: DateTime<Utc>, expires: DateTime<Utc>) -> Option<Self> {
        let is_open = self.stage == Stage::Instructed && !self.is_late(now);
        let visit = Visit { cookie_hash: cookie_hash.to_vec(), opened: now };
        is_open.then(|| Self { expires, stage: Stage::SigningIn(visit), ..self.clone() })
    }

    /// The first opening: binds the flow to one browser and sends it to the provider.
    pub fn open(&self, cookie_hash: &[u8], leg: &Leg<'_>) -> Option<Self> {
        let is_open = self.stage == Stage::Instructed && !self.is_late(leg.now);
        is_open.then(|| self.leave(Visit { cookie_hash: cookie_hash.to_vec(), opened: leg.now }, leg))
    }

    /// A later opening by the same browser: starts the provider's leg afresh. Of the account the flow may have found, only the
    /// one that was read is forgotten.
    pub fn reopen(&self, read: &Self, cookie_hash: &[u8], leg: &Leg<'_>) -> Option<Self> {
        let is_same = match self.stage {
            Stage::AtProvider { .. } => true,
            Stage::SigningIn(_) | Stage::Confirming { .. } => self.sealed.is_none() || self.sealed == read.sealed,
            Stage::Instructed | Stage::Pending { .. } => false,
        };
        let is_as_read = self.stage.state() == read.stage.state();
        let visit = self.stage.visit().filter(|visit| visit.cookie_hash == cookie_hash)?;
        (is_same && is_as_read && !self.is_late(leg.now)).then(|| self.leave(visit.clone(), leg))
    }

    /// Uses up the provider's answer: of two requests with the same `state` one gets it.
    pub fn claim_answer(&self, state_hash: &[u8], now: DateTime<Utc>) -> Option<Self> {
        match &self.stage {
            Stage::AtProvider { visit, state_hash: Some(waits_for) }
                if waits_for == state_hash && !self.is_late(now) =>
            {
                Some(Self { stage: Stage::AtProvider { visit: visit.clone(), state_hash: None }, ..self.clone() })
            }
            _ => None,
        }
    }

    /// The answer was good: keeps the account and asks its owner, or waits for the app. Not if a reload has started another
    /// trip since the flow was read, even one whose own answer is used up by now.
    pub fn arrive(&self, read: &Self, arrival: &Arrival) -> Option<Self> {
        let Stage::AtProvider { visit, state_hash: None } = &self.stage else { return None };
        if self.sealed.is_none() || self.sealed != read.sealed {
            return None;
        }
        let account = ProviderAccount { sid: arrival.sid.clone(), user_name: arrival.user_name.clone() };
        let visit = visit.clone();
        let stage = match arrival.code_hash.clone() {
            None => Stage::Confirming { visit, account },
            Some(code_hash) => Stage::Pending { visit, account, code_hash },
        };
        Some(Self { sealed: Some(arrival.sealed.clone()), expires: arrival.expires, stage, ..self.clone() })
    }

    /// The owner said yes to the account that `read` names: the app gets a code.
    pub fn confirm(&self, read: &Self, code_hash: &[u8], now: DateTime<Utc>, expires: DateTime<Utc>) -> Option<Self> {
        match &self.stage {
            Stage::Confirming { visit, account } if Some(&account.sid) == read.sid() && !self.is_late(now) => {
                let (visit, account) = (visit.clone(), account.clone());
                let stage = Stage::Pending { visit, account, code_hash: code_hash.to_vec() };
                Some(Self { expires, stage, ..self.clone() })
            }
            _ => None,
        }
    }

    /// Whether this code takes the flow out, if this client brings it.
    pub fn is_taken_by(&self, code_hash: &[u8], client: &ClientId, now: DateTime<Utc>) -> bool {
        let is_code = matches!(&self.stage, Stage::Pending { code_hash: waits_for, .. } if waits_for == code_hash);
        is_code && self.client == *client && !self.is_late(now)
    }

    /// Whether the flow is as it was read, in the same state and on the same trip: only then it is ended for what went wrong.
    pub fn is_still(&self, read: &Self) -> bool {
        self.stage.state() == read.stage.state() && self.sealed == read.sealed
    }

    fn leave(&self, visit: Visit, leg: &Leg<'_>) -> Self {
        Self {
            subject: leg.subject.cloned().or_else(|| self.subject.clone()),
            sealed: Some(leg.sealed.to_vec()),
            expires: leg.expires,
            stage: Stage::AtProvider { visit, state_hash: Some(leg.state_hash.to_vec()) },
            ..self.clone()
        }
    }
}
