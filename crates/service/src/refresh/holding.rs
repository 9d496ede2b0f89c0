//! A lease in hand: given back in one of the ways it can end, or, when the refresh dies on the way, left on record as unended.

use std::sync::Arc;
use std::time::Duration;

use crate::Parts;
use domain::Result;
use domain::refresh::{Ending, LEASE};
use store::leases::{Attempt, Failure, end, fail};

/// When to try again to give a lease back while the database is away.
const GIVE_BACK_AGAIN: Duration = Duration::from_secs(1);

/// A lease that this process holds.
pub(super) struct Holding {
    parts: Arc<Parts>,
    attempt: Attempt,
    /// How it ends if nothing else is recorded.
    ending: Ending,
    is_over: bool,
}

impl Holding {
    pub(super) fn new(parts: &Arc<Parts>, attempt: Attempt) -> Self {
        Self { parts: Arc::clone(parts), attempt, ending: Ending::Open, is_over: false }
    }

    /// The attempt that holds it.
    pub(super) fn attempt(&self) -> Attempt {
        self.attempt
    }

    /// Takes note of how the attempt ended, in case the database is away and that is recorded only later.
    pub(super) fn ends(&mut self, ending: Ending) {
        self.ending = ending;
    }

    /// Takes note that the lease was never this attempt's.
    pub(super) fn has_none(&mut self) {
        self.is_over = true;
    }

    /// Takes note that the lease ended with the tokens that were written.
    pub(super) fn ended_with_tokens(mut self) {
        self.is_over = true;
    }

    /// Gives the lease back. One that is another's by now is left alone.
    pub(super) async fn end(mut self, ending: Ending) -> Result<()> {
        self.ends(ending);
        let ended = end(&mut self.parts.store.write().await?, &self.attempt, ending).await;
        self.is_over = ended.is_ok();
        ended
    }

    /// Gives the lease back and has the provider left alone for a while; says whether that was recorded.
    pub(super) async fn fail(mut self, failure: Failure<'_>) -> Result<bool> {
        self.ends(failure.ending);
        let now = store::now(self.parts.clock.now());
        let recorded = fail(&mut self.parts.store.write().await?, &self.attempt, now, failure).await?;
        if recorded {
            self.is_over = true;
        } else {
            self.end(failure.ending).await?;
        }
        Ok(recorded)
    }
}

impl Drop for Holding {
    /// A panic, and nobody knows how the attempt ended; or the database was away. Others need not wait for the lease to lapse.
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let (parts, attempt, ending) = (Arc::clone(&self.parts), self.attempt, self.ending);
        self.parts.runtime.spawn(async move {
            let began = parts.clock.monotonic();
            // Until it lapses by itself: nobody else gives it back.
            while let Err(error) = async { end(&mut parts.store.write().await?, &attempt, ending).await }.await {
                if parts.clock.monotonic().saturating_sub(began) > LEASE {
                    tracing::warn!(link = %attempt.link, %error, "a lease could not be given back; it lapses by itself");
                    return;
                }
                tokio::time::sleep(GIVE_BACK_AGAIN).await;
            }
        });
    }
}
