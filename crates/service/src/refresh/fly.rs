//! One refresh of one link, from the stored refresh token to the stored answer (docs/refresh.md). The decisions are
//! [`domain::refresh`]'s; here they meet the database and the provider.

use std::sync::Arc;
use std::time::Duration;

use super::answer::{self, Replaced, Stored};
use super::at_work::{Read, Refresh};
use super::chain::Chain;
use super::exchange::{Asked, Exchange};
use super::flights::Landing;
use super::holding::Holding;
use super::turn;
use super::verdict::Attempted;
use crate::Parts;
use crate::token_sets::{open_key, open_resent, owner};
use domain::ids::{LinkId, ProviderId};
use domain::refresh::{Ending, Errand, Next, SEND_WITHIN};
use domain::{Error, Result};
use store::leases::Attempt;
use store::token_sets::find;
use upstream::{Outcome, Passing, Whose};
use vault::Column;

/// When to ask a provider again that could not even be prepared for.
const UNPREPARED: Duration = Duration::from_secs(1);

/// Refreshes a link and says how it ended; whatever went wrong is in the log.
pub(super) async fn fly(
    parts: &Arc<Parts>,
    provider: &ProviderId,
    link: LinkId,
    version: i64,
    errand: Errand,
) -> Landing {
    let Some(client) = parts.upstream.provider(provider) else { return Landing::Gone };
    let lane = parts.flights.lane(provider, parts.settings.tokens.max_concurrency);
    let refresh = Refresh { parts, provider, client, lane, link, version, errand };
    match refresh.until_landed().await {
        Ok(landing) => landing,
        Err(Error::StorageUnavailable(error)) => {
            tracing::warn!(%link, %error, "a refresh could not use the database");
            Landing::StorageAway
        }
        Err(error) => {
            tracing::error!(%link, %provider, error = %Chain(&error), "a refresh failed");
            Landing::Broken
        }
    }
}

/// How one try ended.
enum Try {
    Landed(Landing),
    /// Another attempt has the lease.
    Held,
    /// Too much time passed between taking the lease and asking.
    Late,
}

impl Refresh<'_> {
    async fn until_landed(&self) -> Result<Landing> {
        let mut outlived = None;
        loop {
            match self.try_once(outlived).await? {
                Try::Landed(landing) => return Ok(landing),
                Try::Late => {}
                Try::Held => {
                    self.parts.meters.waits_for_a_lease();
                    let turn = turn::turn(self.parts, self.link, self.version, self.errand).await?;
                    outlived = turn.outlived;
                    match turn.next {
                        Next::Again | Next::Wait => {}
                        Next::Read => return Ok(Landing::Read),
                        Next::Gone => return Ok(Landing::Gone),
                        Next::Rest(wait) => return Ok(self.rest(wait)),
                    }
                }
            }
        }
    }

    async fn try_once(&self, outlived: Option<uuid::Uuid>) -> Result<Try> {
        if let Some(wait) = self.lane.guard().pause(self.parts.clock.monotonic(), self.link, self.errand) {
            return Ok(Try::Landed(self.rest(wait)));
        }
        // The permit comes before the lease, and before the row is read: a queue must not age either.
        let Ok(permit) = self.lane.permits.acquire().await else { return Ok(Try::Landed(Landing::Broken)) };
        let read = match self.read().await? {
            Ok(read) => read,
            Err(landing) => return Ok(Try::Landed(landing)),
        };
        // Nothing but the one call is left to do once the lease is taken.
        let prepared = match self.client.prepare().await {
            Ok(prepared) => prepared,
            Err(passing) => return Ok(Try::Landed(self.unprepared(&passing))),
        };
        if self.parts.flights.are_ending() {
            return Ok(Try::Landed(self.rest(UNPREPARED)));
        }
        let began = self.parts.clock.monotonic();
        if let Err(wait) = self.lane.guard().may_ask(began, self.link, self.errand) {
            return Ok(Try::Landed(self.rest(wait)));
        }
        let attempt = Attempt { link: self.link, version: self.version, id: self.parts.entropy.uuid() };
        let Some((before, holding)) = self.lease(attempt, outlived, began).await? else { return Ok(Try::Held) };
        if self.since(began) > SEND_WITHIN {
            tracing::warn!(link = %self.link, "a refresh was held up before it asked; it starts over");
            let _at_database = self.at_database();
            holding.end(Ending::Closed).await?;
            return Ok(Try::Late);
        }
        // The permit is for asking; an answer that waits for the database holds up nobody else's.
        let asked = Exchange::new(self, attempt, permit).ask(&prepared, &read, before).await;
        self.settle(asked, read, holding).await.map(Try::Landed)
    }

    /// What there is to refresh with; otherwise how the flight ends. While we waited for the permit, or before we were
    /// called, somebody else may have written, or been refused.
    async fn read(&self) -> Result<std::result::Result<Read, Landing>> {
        let _at_database = self.at_database();
        let Some((of, set)) = store::read!(self.parts.store, |conn| find(conn, self.link))? else {
            return Ok(Err(Landing::Gone));
        };
        if set.version != self.version || (set.health.is_dead() && self.errand == Errand::Renew) {
            return Ok(Err(Landing::Read));
        }
        let Some(sealed) = &set.sealed_refresh else { return Ok(Err(Landing::Read)) };
        let place = owner(self.link, &of).place(Column::Refresh);
        let spent = self.parts.vault.open(&open_key(self.parts, &set)?, &place, sealed)?;
        let params = open_resent(self.parts, owner(self.link, &of), &set)?;
        Ok(Ok(Read { owner: of, set, spent, params }))
    }

    async fn settle(&self, asked: Asked, read: Read, holding: Holding) -> Result<Landing> {
        let Asked { outcome, before, was_slow } = asked;
        match outcome {
            Outcome::Granted(answer) => {
                let _at_database = self.at_database();
                self.lane.guard().granted(self.parts.clock.monotonic(), self.link);
                tracing::info!(link = %self.link, provider = %self.provider, "refreshed");
                let there = Replaced { link: self.link, of: read.owner, set: read.set };
                let stored = answer::land(self.parts, there, &read.spent, answer.grant).await;
                let (landing, ending) = match stored {
                    Stored::Written => {
                        holding.ended_with_tokens();
                        return Ok(Landing::Read);
                    }
                    Stored::Dropped => (Landing::Read, Ending::Closed),
                    Stored::Gone => (Landing::Gone, Ending::Closed),
                    // What the provider gave is lost, and the next to be refused has to know that.
                    Stored::Failed => (Landing::Broken, Ending::Open),
                };
                holding.end(ending).await?;
                Ok(landing)
            }
            Outcome::Refused(_) => {
                let _at_database = self.at_database();
                self.refused(before, &read.set, holding).await
            }
            Outcome::TryLater(passing) => {
                self.passed(&passing, Attempted { before, was_slow }, &read.set, holding).await
            }
        }
    }

    fn unprepared(&self, passing: &Passing) -> Landing {
        tracing::warn!(
            link = %self.link, provider = %self.provider, reason = passing.reason, "a refresh could not be prepared"
        );
        if passing.whose != Whose::Ours {
            self.lane.guard().unprepared(self.parts.clock.monotonic(), passing.retry_after);
        }
        self.rest(passing.retry_after.unwrap_or(UNPREPARED))
    }
}
