//! How much each application does in a minute, where that is limited: tokens that it fetches (`[[clients]] tokens_per_minute`), binds
//! that it begins (`binds_per_minute`). A runaway job is one application's trouble.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use domain::clock::Clock;
use domain::ids::ClientId;
use domain::points::Spent;
use domain::{Error, Result};
use settings::Client;

/// Addresses to link again by that one application is given in a minute.
const RECONNECTS: usize = 60;
/// Tokens that one application reports as refused by an API in a minute: each asks a provider.
const REPORTS: usize = 60;

/// Counted in this process: what they guard is this process's own, and a read must not cost a write.
#[derive(Default)]
pub struct Quotas(Mutex<HashMap<Counted, Spent>>);

/// What is counted, and whose it is.
type Counted = (Kind, ClientId);

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Tokens,
    Binds,
    Reconnects,
    Reports,
}

impl Quotas {
    /// Counts `tokens` more of a client's; [`Error::TooManyAttempts`] if that is more than it may fetch in a minute, and then none is.
    #[inline]
    pub(super) fn charge_tokens(&self, client: &Client, tokens: usize, clock: &dyn Clock) -> Result<()> {
        let Some(budget) = client.tokens_per_minute else { return Ok(()) };
        self.charge((Kind::Tokens, client.id.clone()), tokens, budget, clock.now())
    }

    /// Counts one more bind that a client begins.
    pub(super) fn charge_bind(&self, client: &Client, now: DateTime<Utc>) -> Result<()> {
        self.charge((Kind::Binds, client.id.clone()), 1, client.binds_per_minute, now)
    }

    /// Counts one more address to link again by that a client is given.
    pub(super) fn charge_reconnect(&self, client: &ClientId, now: DateTime<Utc>) -> Result<()> {
        self.charge((Kind::Reconnects, client.clone()), 1, RECONNECTS, now)
    }

    /// Counts one more token that a client reports as refused.
    pub(super) fn charge_report(&self, client: &ClientId, now: DateTime<Utc>) -> Result<()> {
        self.charge((Kind::Reports, client.clone()), 1, REPORTS, now)
    }

    fn charge(&self, of: Counted, times: usize, budget: usize, now: DateTime<Utc>) -> Result<()> {
        // As many as there are applications in the settings.
        let mut spent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let nothing = || Spent::nothing_within(now, TimeDelta::minutes(1));
        let spent = spent.entry(of).or_insert_with(nothing);
        spent.charge(now, times, budget).map_err(|retry_after| Error::TooManyAttempts { retry_after })
    }
}
