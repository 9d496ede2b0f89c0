//! One refresh of one link, from the stored refresh token to the stored answer (DESIGN 10). The decisions are
//! [`crate::domain::refresh`]'s; here they meet the database and the provider.

mod ahead;
mod answer;
mod holding;
mod notices;
mod retry;
mod waiting;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;

pub use ahead::{round as ahead, run};
pub use notices::{forget as forget_dead, round as see_to_marked};
pub use retry::{Asked, retry};
pub(super) use waiting::Waiting;

use super::Parts;
use super::flights::{Landing, Lane};
use super::token_sets::{open_key, open_params, owner};
use crate::domain::guard::Belief;
use crate::domain::ids::{LinkId, ProviderId};
use crate::domain::link::Health;
use crate::domain::params::Params;
use crate::domain::refresh::{Before, Ending, Errand, Next, SEND_WITHIN, verdict};
use crate::domain::token::backoff;
use crate::domain::{Error, Result};
use crate::store;
use crate::store::leases::{Attempt, Mark, mark, release_all, take, undo_marks};
use crate::store::token_sets::{OwnerRow, TokenRow, find};
use crate::upstream::{Outcome, Passing, PassingKind, Prepared, Provider};
use crate::vault::Column;
use answer::Stored;
use holding::Holding;

/// A mark that is believed is told after this time, unless a late answer undoes it.
const NOTICE: Duration = Duration::from_mins(1);
/// Where too few refreshes were heard of to tell a refusal from an outage, the provider is asked once more after this time.
const SECOND_LOOK: Duration = Duration::from_mins(10);
/// When a provider turns out to refuse everybody, the marks of this time are undone: those of the minute in which refusals
/// count, and what it took to write them.
const UNDONE: Duration = Duration::from_secs(75);
/// When to ask a provider again that could not even be prepared for.
const UNPREPARED: Duration = Duration::from_secs(1);

/// Refreshes a link and says how it ended; whatever went wrong is in the log.
pub(super) async fn fly(
    parts: &Arc<Parts>,
    provider: &ProviderId,
    (link, version): (LinkId, i64),
    errand: Errand,
) -> Landing {
    let Some(client) = parts.upstream.provider(provider) else { return Landing::Gone };
    let lane = parts.flights.lane(provider);
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

/// Ends the leases that a server which died left behind, where only one process serves: call it with the lock in hand. In a
/// fleet they lapse by themselves. The attempts stay on record as unended.
pub async fn clear_after_a_crash(parts: &Parts) -> Result<()> {
    if parts.store.sqlite_path().is_some() {
        let left = release_all(&mut parts.store.write().await?).await?;
        if left > 0 {
            tracing::warn!(left, "refreshes were under way when the service last ended");
        }
    }
    Ok(())
}

/// One refresh at work.
struct Refresh<'a> {
    parts: &'a Arc<Parts>,
    provider: &'a ProviderId,
    client: Arc<Provider>,
    lane: Arc<Lane>,
    link: LinkId,
    version: i64,
    errand: Errand,
}

/// How one try ended.
enum Try {
    Landed(Landing),
    /// Another attempt has the lease.
    Held,
    /// Too much time passed between taking the lease and asking.
    Late,
}

/// What was read before asking.
struct Read {
    owner: OwnerRow,
    row: TokenRow,
    spent: SecretString,
    /// Sent with it, where the provider wants that.
    params: Params,
}

impl Refresh<'_> {
    async fn until_landed(&self) -> Result<Landing> {
        loop {
            match self.try_once().await? {
                Try::Landed(landing) => return Ok(landing),
                Try::Late => {}
                Try::Held => match waiting::turn(self.parts, self.link, self.version, self.errand).await? {
                    Next::Again | Next::Wait => {}
                    Next::Read => return Ok(Landing::Read),
                    Next::Gone => return Ok(Landing::Gone),
                    Next::Rest(wait) => return Ok(self.rest(wait)),
                },
            }
        }
    }

    async fn try_once(&self) -> Result<Try> {
        if let Some(wait) = self.lane.guard().pause(self.parts.clock.monotonic()) {
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
        if let Err(wait) = self.lane.guard().may_ask(began) {
            return Ok(Try::Landed(self.rest(wait)));
        }
        let attempt = Attempt { link: self.link, version: self.version, id: self.parts.entropy.uuid() };
        let Some((before, holding)) = self.lease(attempt).await? else { return Ok(Try::Held) };
        if self.since(began) > SEND_WITHIN {
            tracing::warn!(link = %self.link, "a refresh was held up before it asked; it starts over");
            holding.end(Ending::Closed).await?;
            return Ok(Try::Late);
        }
        let (outcome, before) = self.ask(&prepared, &read, (before, began)).await;
        // The permit is for asking; an answer that waits for the database holds up nobody else's.
        drop(permit);
        self.settle(outcome, before, read, holding).await.map(Try::Landed)
    }

    /// What there is to refresh with; otherwise how the flight ends. While we waited for the permit, or before we were
    /// called, somebody else may have written, or been refused.
    async fn read(&self) -> Result<std::result::Result<Read, Landing>> {
        let Some((owner_row, row)) = store::read!(self.parts.store, |conn| find(conn, self.link))? else {
            return Ok(Err(Landing::Gone));
        };
        let is_dead = Health::parse(&row.health).is_some_and(Health::is_dead);
        if row.version != self.version || (is_dead && self.errand == Errand::Renew) {
            return Ok(Err(Landing::Read));
        }
        let Some(sealed) = &row.sealed_refresh else { return Ok(Err(Landing::Read)) };
        let place = owner(self.link, &owner_row).place(Column::Refresh);
        let spent = self.parts.vault.open(&open_key(self.parts, &row)?, &place, sealed)?;
        let params = open_params(self.parts, owner(self.link, &owner_row), &row)?;
        Ok(Ok(Read { owner: owner_row, row, spent, params }))
    }

    async fn lease(&self, attempt: Attempt) -> Result<Option<(Before, Holding)>> {
        let now = store::now(self.parts.clock.now());
        let mut conn = self.parts.store.write().await?;
        let taken = take(&mut conn, &attempt, now, self.errand, self.parts.store.takeover()).await?;
        Ok(taken.map(|before| (before, Holding::new(self.parts, attempt))))
    }

    /// Asks the provider; where a spent token works on for a while, once more if the answer was lost within that time.
    /// From then on an attempt is unended, this one: what the second answer says counts accordingly.
    async fn ask(&self, prepared: &Prepared, read: &Read, (before, began): (Before, Duration)) -> (Outcome, Before) {
        let sent = self.parts.clock.monotonic();
        let outcome = self.client.refresh(prepared, &read.spent, &read.params).await;
        let Outcome::TryLater(Passing { kind: PassingKind::Ambiguous, reason, .. }) = &outcome else {
            return (outcome, before);
        };
        let window = self.client.settings().reuse_window;
        let may_ask_again =
            || window.is_some_and(|window| self.since(sent) < window) && self.since(began) <= SEND_WITHIN;
        if !may_ask_again() {
            return (outcome, before);
        }
        tracing::warn!(link = %self.link, %reason, "the answer was lost; the provider takes the token once more");
        // An assertion is good for one request. To prepare may take long, if the metadata is asked for anew.
        let again = match self.client.prepare().await {
            Ok(prepared) if may_ask_again() => self.client.refresh(&prepared, &read.spent, &read.params).await,
            Ok(_) | Err(_) => outcome,
        };
        (again, Before::Unclosed)
    }

    async fn settle(&self, outcome: Outcome, before: Before, read: Read, holding: Holding) -> Result<Landing> {
        match outcome {
            Outcome::Granted(answer) => {
                self.lane.guard().granted(self.parts.clock.monotonic());
                tracing::info!(link = %self.link, provider = %self.provider, "refreshed");
                let read_row = (read.owner, read.row);
                let stored = answer::land(self.parts, self.link, read_row, &read.spent, answer.grant).await;
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
            Outcome::Refused(_) => self.refused(before, &read.row, holding).await,
            Outcome::TryLater(passing) => {
                tracing::warn!(
                    link = %self.link, provider = %self.provider, reason = passing.reason, "a refresh failed in passing"
                );
                self.lane.guard().failed(self.parts.clock.monotonic());
                let ending = match passing.kind {
                    PassingKind::Definite => before.ending(),
                    PassingKind::Ambiguous => Ending::Open,
                };
                self.failed(&read.row, holding, ending, passing.retry_after).await
            }
        }
    }

    /// Marks the link, if the refusal is to be believed and its tokens are still those that were refused.
    async fn refused(&self, before: Before, row: &TokenRow, mut holding: Holding) -> Result<Landing> {
        holding.ends(before.ending());
        let (belief, lost_belief) = {
            let (mut guard, now) = (self.lane.guard(), self.parts.clock.monotonic());
            let belief = match self.errand {
                Errand::SecondLook => guard.refused_again(now),
                Errand::Renew => guard.refused(now),
            };
            (belief, guard.lost_belief())
        };
        let is_sure = match belief {
            Belief::Believed { is_sure } => is_sure,
            Belief::LosesBelief => {
                self.undo_marks().await?;
                return self.failed(row, holding, before.ending(), None).await;
            }
            Belief::Doubted => return self.failed(row, holding, before.ending(), None).await,
        };
        let verdict = verdict(before, self.client.settings().rotates);
        let notice_in = match (self.errand, is_sure) {
            (Errand::SecondLook, _) => Duration::ZERO,
            (Errand::Renew, true) => NOTICE,
            (Errand::Renew, false) => SECOND_LOOK,
        };
        let now = store::now(self.parts.clock.now());
        let what = Mark { verdict, notice_in, second_look: !is_sure };
        if mark(&mut self.parts.store.write().await?, &holding.attempt(), now, what).await? {
            tracing::warn!(
                link = %self.link, provider = %self.provider, health = verdict.as_str(),
                "the provider refused the refresh token for good"
            );
            // Another refusal was one too many while this one was on its way to the row: its undoing may have come first.
            if self.lane.guard().lost_belief() != lost_belief {
                self.undo_marks().await?;
            }
        }
        holding.end(before.ending()).await?;
        Ok(Landing::Read)
    }

    /// DESIGN 10.5: a provider that refuses everybody has a problem of its own.
    async fn undo_marks(&self) -> Result<()> {
        let now = store::now(self.parts.clock.now());
        let undone = undo_marks(&mut self.parts.store.write().await?, self.provider, now, UNDONE).await?;
        tracing::error!(
            provider = %self.provider, undone,
            "the provider refuses refresh tokens in masses; it is left alone for a minute, and none is taken for dead"
        );
        Ok(())
    }

    /// Records a failure that may pass, and when to ask again.
    async fn failed(
        &self,
        row: &TokenRow,
        holding: Holding,
        ending: Ending,
        retry_after: Option<Duration>,
    ) -> Result<Landing> {
        let [jitter] = self.parts.entropy.bytes::<1>();
        let wait = backoff(row.failures.saturating_add(1), jitter).max(retry_after.unwrap_or_default());
        // Somebody linked again while we asked, or took over: their tokens are no part of this failure.
        Ok(if holding.fail(ending, wait).await? { self.rest(wait) } else { Landing::Read })
    }

    fn unprepared(&self, passing: &Passing) -> Landing {
        tracing::warn!(
            link = %self.link, provider = %self.provider, reason = passing.reason, "a refresh could not be prepared"
        );
        self.lane.guard().failed(self.parts.clock.monotonic());
        self.rest(passing.retry_after.unwrap_or(UNPREPARED))
    }

    fn since(&self, moment: Duration) -> Duration {
        self.parts.clock.monotonic().saturating_sub(moment)
    }

    fn rest(&self, wait: Duration) -> Landing {
        Landing::Rest(later(self.parts.clock.now(), wait))
    }
}

/// `moment` and `wait` more; a wait beyond the calendar is a day.
fn later(moment: DateTime<Utc>, wait: Duration) -> DateTime<Utc> {
    moment + TimeDelta::from_std(wait).unwrap_or(TimeDelta::days(1)).min(TimeDelta::days(1))
}

/// An error with its causes, on one line.
struct Chain<'a>(&'a dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
