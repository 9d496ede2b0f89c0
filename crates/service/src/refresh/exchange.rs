//! The wait for a provider's answer. Where refresh tokens rotate it may be the only token there is, so it is waited for as long
//! as [`domain::patience`] says; and who waits long must not keep others waiting: neither the lease's next holder nor
//! the links that are asked for meanwhile.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{SemaphorePermit, oneshot};

use super::at_work::{Read, Refresh};
use crate::Parts;
use domain::patience::{SLOW, patience};
use domain::refresh::{Before, RENEW_EVERY, SEND_WITHIN};
use store::leases::{Attempt, renew};
use upstream::{Outcome, Passing, PassingKind, Prepared};

/// What came of asking.
pub(super) struct Asked {
    pub(super) outcome: Outcome,
    /// What the attempt has before it by now.
    pub(super) before: Before,
    /// The provider was slow, which counted as a failure of its.
    pub(super) was_slow: bool,
}

/// One attempt's asking, while it holds the lease.
pub(super) struct Exchange<'a> {
    refresh: &'a Refresh<'a>,
    attempt: Attempt,
    /// Among those that ask, until it is slow; then among as many that wait.
    permit: SemaphorePermit<'a>,
    was_slow: bool,
    is_in_reserve: bool,
}

impl<'a> Exchange<'a> {
    pub(super) fn new(refresh: &'a Refresh<'a>, attempt: Attempt, permit: SemaphorePermit<'a>) -> Self {
        Self { refresh, attempt, permit, was_slow: false, is_in_reserve: false }
    }

    /// Asks the provider; where a spent token works on for a while, once more if the answer was lost within that time.
    /// From then on an attempt is unended, this one: what the second answer says counts accordingly.
    pub(super) async fn ask(mut self, prepared: &Prepared, read: &Read, before: Before) -> Asked {
        let _renewing = Renewing::start(self.refresh.parts, self.attempt);
        let client = &self.refresh.client;
        let settings = client.settings();
        let patience = patience(settings.rotates, settings.reuse_window, settings.answer_within);
        let sent = self.refresh.parts.clock.monotonic();
        let outcome = self.wait_for(client.refresh(prepared, &read.spent, &read.params, patience.first)).await;
        let Outcome::TryLater(Passing { kind: PassingKind::Ambiguous, reason, .. }) = &outcome else {
            return self.came_to(outcome, before, sent);
        };
        let works_still = || settings.reuse_window.is_some_and(|window| self.refresh.since(sent) < window);
        if !works_still() {
            return self.came_to(outcome, before, sent);
        }
        tracing::warn!(link = %self.attempt.link, %reason, "the answer was lost; the provider takes the token once more");
        // An assertion is good for one request. To prepare may take long, if the metadata is asked for anew; and by then the
        // lease has to be ours, or another may have asked.
        let outcome = match client.prepare().await {
            Ok(prepared) if self.is_still_ours().await && works_still() => {
                self.wait_for(client.refresh(&prepared, &read.spent, &read.params, patience.second)).await
            }
            Ok(_) | Err(_) => outcome,
        };
        self.came_to(outcome, before.after_silence(), sent)
    }

    fn came_to(&self, outcome: Outcome, before: Before, sent: Duration) -> Asked {
        let word = match &outcome {
            Outcome::Granted(_) => "granted",
            Outcome::Refused(_) => "refused",
            Outcome::TryLater(_) => "failed",
        };
        let parts = self.refresh.parts;
        parts.meters.refreshed(parts.clock.now(), self.refresh.provider, word, self.refresh.since(sent));
        Asked { outcome, before, was_slow: self.was_slow }
    }

    async fn wait_for(&mut self, answer: impl Future<Output = Outcome>) -> Outcome {
        let lane = &self.refresh.lane;
        let mut slow = self.refresh.parts.clock.sleep(SLOW);
        let mut answer = std::pin::pin!(answer);
        loop {
            tokio::select! {
                biased;
                outcome = &mut answer => return outcome,
                () = &mut slow, if !self.was_slow => {
                    self.was_slow = true;
                    let (link, provider) = (self.attempt.link, self.refresh.provider);
                    tracing::warn!(%link, %provider, "the provider is slow to answer");
                    lane.guard().failed(self.refresh.parts.clock.monotonic(), link, None);
                }
                Ok(permit) = lane.reserve.acquire(), if self.was_slow && !self.is_in_reserve => {
                    self.permit = permit;
                    self.is_in_reserve = true;
                }
            }
        }
    }

    /// Whether the lease is this attempt's, for long enough to ask.
    async fn is_still_ours(&self) -> bool {
        let began = self.refresh.parts.clock.monotonic();
        let is_renewed = renew_once(self.refresh.parts, &self.attempt).await;
        is_renewed == Some(true) && self.refresh.since(began) <= SEND_WITHIN
    }
}

/// Renews the lease; says whether it is still the attempt's, if the database says.
async fn renew_once(parts: &Parts, attempt: &Attempt) -> Option<bool> {
    let now = store::now(parts.clock.now());
    let renewed = async { renew(&mut parts.store.write().await?, attempt, now).await }.await;
    match renewed {
        Ok(is_ours) => Some(is_ours),
        Err(error) => {
            tracing::warn!(link = %attempt.link, %error, "a lease could not be renewed");
            None
        }
    }
}

/// Renews an attempt's lease for as long as it lives. A lease that is lost stays lost: what the provider grants is stored all the
/// same, and what it refuses is not marked.
struct Renewing {
    /// Gone when this is.
    _stop: oneshot::Sender<()>,
}

impl Renewing {
    fn start(parts: &Arc<Parts>, attempt: Attempt) -> Self {
        let (stop, mut stopped) = oneshot::channel();
        let renewer = Arc::clone(parts);
        let mut next = parts.clock.monotonic() + RENEW_EVERY;
        parts.runtime.spawn(async move {
            loop {
                let left = next.saturating_sub(renewer.clock.monotonic());
                tokio::select! {
                    _ = &mut stopped => return,
                    () = renewer.clock.sleep(left) => {}
                }
                if renew_once(&renewer, &attempt).await == Some(false) {
                    return;
                }
                next = (next + RENEW_EVERY).max(renewer.clock.monotonic());
            }
        });
        Self { _stop: stop }
    }
}
