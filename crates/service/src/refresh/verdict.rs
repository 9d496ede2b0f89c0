//! What an answer without tokens leaves on record: of the link in its row, of the provider in what this process has heard of it.

use std::time::Duration;

use super::at_work::Refresh;
use super::flights::Landing;
use super::holding::Holding;
use crate::Parts;
use domain::Result;
use domain::failure::Whose;
use domain::guard::Belief;
use domain::ids::ProviderId;
use domain::kin::kin_of;
use domain::link::Health;
use domain::refresh::{Before, Ending, Errand, SECOND_LOOK, is_our_doing, verdict};
use domain::standstill::Refused;
use domain::token::backoff;
use domain::token_set::TokenSet;
use store::leases::{self, Attempt, Failure, Mark, mark};
use store::refusals;
use store::{self, at};
use upstream::{Passing, PassingKind};

/// A mark that is believed is told after this time, unless a late answer undoes it.
pub(super) const NOTICE: Duration = Duration::from_mins(1);
/// When a provider turns out to refuse everybody, the marks of this time are undone: those of the minute in which refusals
/// count, and what it took to write them.
pub(super) const UNDONE: Duration = Duration::from_secs(75);
/// A failure that may pass, as it was heard.
struct Failed<'a> {
    ending: Ending,
    retry_after: Option<Duration>,
    word: Option<&'a str>,
}

/// An attempt that failed.
#[derive(Clone, Copy)]
pub(super) struct Attempted {
    /// What was on record before it.
    pub(super) before: Before,
    /// Whether its answer took so long that it has been counted as a failure already.
    pub(super) was_slow: bool,
}

impl Refresh<'_> {
    /// Takes note of a failure that may pass: of the provider, if it is its own; of the link in any case.
    pub(super) async fn passed(
        &self,
        passing: &Passing,
        attempt: Attempted,
        set: &TokenSet,
        mut holding: Holding,
    ) -> Result<Landing> {
        let word = passing.word.as_deref();
        tracing::warn!(
            link = %self.link, provider = %self.provider, reason = passing.reason, word, "a refresh failed in passing"
        );
        let now = self.parts.clock.monotonic();
        match passing.whose {
            Whose::Token => self.lane.guard().answered(now, self.link),
            Whose::Ours => {}
            // It has been counted.
            Whose::Provider if attempt.was_slow && passing.retry_after.is_none() => {}
            Whose::Provider => self.lane.guard().failed(now, self.link, passing.retry_after),
        }
        let ending = match passing.kind {
            PassingKind::Definite => attempt.before.ending(),
            PassingKind::Ambiguous => Ending::Open,
        };
        holding.ends(ending);
        if let Some(word) = word
            && self.is_over(word).await?
        {
            tracing::warn!(
                link = %self.link, provider = %self.provider, word,
                "the provider has refused this token for days with the same word, and granted others"
            );
            let what = Mark { verdict: Health::NeedsConsent, notice_in: NOTICE, second_look: false, is_by_word: true };
            self.mark(&holding.attempt(), what).await?;
            holding.end(attempt.before.ending()).await?;
            return Ok(Landing::Read);
        }
        self.failed(set, holding, Failed { ending, retry_after: passing.retry_after, word }).await
    }

    /// Whether a word that is not known to be final has been said for so long that it is.
    async fn is_over(&self, word: &str) -> Result<bool> {
        let now = store::now(self.parts.clock.now());
        let found = store::read!(self.parts.store, |conn| refusals::find(conn, self.link, word, now))?;
        // This time is not on record yet.
        let refused = found.map(|refused| Refused { times: refused.times.saturating_add(1), ..refused });
        let Some(refused) = refused.filter(Refused::is_enough) else { return Ok(false) };
        let entries: Vec<_> = self.parts.settings.grant_sources().collect();
        for kin in kin_of(self.provider, &entries).ids {
            if store::read!(self.parts.store, |conn| refusals::has_granted_since(conn, &kin, at(refused.since)))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Marks the link, if the refusal is to be believed and its tokens are still those that were refused.
    pub(super) async fn refused(&self, before: Before, set: &TokenSet, mut holding: Holding) -> Result<Landing> {
        holding.ends(before.ending());
        let rotates = self.client.settings().rotates;
        let (belief, lost_belief) = self.believed(is_our_doing(before, rotates));
        let doubted = Failed { ending: before.ending(), retry_after: None, word: None };
        let (notice_in, second_look) = match belief {
            Belief::Believed { is_sure } => match (self.errand, is_sure) {
                (Errand::SecondLook, _) => (Duration::ZERO, false),
                (Errand::Renew, true) => (NOTICE, false),
                (Errand::Renew, false) => (SECOND_LOOK, true),
            },
            Belief::OurDoing => (Duration::ZERO, false),
            Belief::LosesBelief => {
                undo_marks(self.parts, self.provider).await?;
                return self.failed(set, holding, doubted).await;
            }
            Belief::Doubted => return self.failed(set, holding, doubted).await,
        };
        let what = Mark { verdict: verdict(before, rotates), notice_in, second_look, is_by_word: false };
        if self.mark(&holding.attempt(), what).await? && self.lane.guard().lost_belief() != lost_belief {
            // Another refusal was one too many while this one was on its way to the row: its undoing may have come first.
            undo_marks(self.parts, self.provider).await?;
        }
        holding.end(before.ending()).await?;
        Ok(Landing::Read)
    }

    /// What to make of a final refusal, and how often belief had been lost then.
    fn believed(&self, is_our_doing: bool) -> (Belief, u64) {
        let (mut guard, now) = (self.lane.guard(), self.parts.clock.monotonic());
        let belief = match self.errand {
            _ if is_our_doing => guard.explained(now, self.link),
            Errand::SecondLook => guard.refused_again(now, self.link),
            Errand::Renew => guard.refused(now, self.link),
        };
        (belief, guard.lost_belief())
    }

    async fn mark(&self, attempt: &Attempt, what: Mark) -> Result<bool> {
        let now = store::now(self.parts.clock.now());
        let is_marked = mark(&mut self.parts.store.write().await?, attempt, now, what).await?;
        if is_marked {
            tracing::warn!(
                link = %self.link, provider = %self.provider, health = what.verdict.as_str(),
                "the provider refused the refresh token for good"
            );
        }
        Ok(is_marked)
    }

    /// Records a failure that may pass, and when to ask again.
    async fn failed(&self, set: &TokenSet, holding: Holding, failed: Failed<'_>) -> Result<Landing> {
        let [jitter] = self.parts.entropy.bytes::<1>();
        let wait = backoff(set.failures.saturating_add(1), jitter).max(failed.retry_after.unwrap_or_default());
        let failure = Failure { ending: failed.ending, wait, word: failed.word };
        // Somebody linked again while we asked, or took over: their tokens are no part of this failure.
        Ok(if holding.fail(failure).await? { self.rest(wait) } else { Landing::Read })
    }
}

/// docs/refresh.md: a provider that refuses everybody has a problem of its own.
async fn undo_marks(parts: &Parts, provider: &ProviderId) -> Result<()> {
    let now = store::now(parts.clock.now());
    let undone = leases::undo_marks(&mut parts.store.write().await?, provider, now, UNDONE).await?;
    tracing::error!(
        %provider, undone,
        "the provider refuses refresh tokens in masses; it is left alone for a minute, and none is taken for dead"
    );
    Ok(())
}
