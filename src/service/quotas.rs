//! How many tokens each application has fetched in this minute, where the operator says how many it may
//! (`[[clients]] tokens_per_minute`): a runaway job is one application's trouble.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use domain::ids::ClientId;
use domain::points::Spent;
use domain::{Error, Result};
use settings::Client;

/// Counted in this process: what they guard is this process's own, and a read must not cost a write.
#[derive(Default)]
pub struct Quotas(Mutex<HashMap<ClientId, Spent>>);

impl Quotas {
    /// Counts `tokens` more of a client's; [`Error::TooManyAttempts`] if that is more than it may fetch in a minute, and then none is.
    pub(super) fn charge(&self, client: &Client, tokens: usize, now: DateTime<Utc>) -> Result<()> {
        let Some(budget) = client.tokens_per_minute else { return Ok(()) };
        // As many as there are applications in the settings.
        let mut spent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let nothing = || Spent::nothing_within(now, TimeDelta::minutes(1));
        let spent = spent.entry(client.id.clone()).or_insert_with(nothing);
        spent.charge(now, tokens, budget).map_err(|retry_after| Error::TooManyAttempts { retry_after })
    }
}
