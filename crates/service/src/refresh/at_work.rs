//! One refresh at work, and what it read before it asked.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use super::flights::{AtDatabase, Landing, Lane};
use crate::Parts;
use domain::ids::{LinkId, ProviderId};
use domain::params::Texts;
use domain::refresh::Errand;
use domain::token_set::{LinkOwner, TokenSet};
use upstream::Provider;

/// One refresh at work.
pub(super) struct Refresh<'a> {
    pub(super) parts: &'a Arc<Parts>,
    pub(super) provider: &'a ProviderId,
    pub(super) client: Arc<Provider>,
    pub(super) lane: Arc<Lane>,
    pub(super) link: LinkId,
    pub(super) version: i64,
    pub(super) errand: Errand,
}

/// What was read before asking.
pub(super) struct Read {
    pub(super) owner: LinkOwner,
    pub(super) set: TokenSet,
    pub(super) spent: SecretString,
    /// Sent with it, where the provider wants that.
    pub(super) params: Texts,
}

impl Refresh<'_> {
    pub(super) fn since(&self, moment: Duration) -> Duration {
        self.parts.clock.monotonic().saturating_sub(moment)
    }

    /// See [`super::flights::Flights::at_database`].
    pub(super) fn at_database(&self) -> AtDatabase<'_> {
        self.parts.flights.at_database(self.link)
    }

    pub(super) fn rest(&self, wait: Duration) -> Landing {
        Landing::Rest(self.parts.clock.monotonic() + wait)
    }
}
