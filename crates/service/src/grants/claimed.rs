//! A code or a refresh token of ours that this call has claimed: its tokens go out, or it is given back, whatever becomes of
//! the call.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::{Granting, Issued, Refused};
use crate::Parts;
use domain::presented::CLAIM;
use domain::{Error, Result};
use store::{self, Claim, ClaimSeen, oauth_codes, oauth_refresh_tokens};

/// When to try again to record how a claim ended while the database is away.
const AGAIN: Duration = Duration::from_millis(250);
/// When to look again at what another call is about to hand out.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// What a call brought: tokens, and the claim that they came of.
pub(super) type Brought = std::result::Result<(Issued, Claimed), Refused>;

/// One call that presents a code or a refresh token: its id, and when it began.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt {
    id: Uuid,
    began: Duration,
}

impl Attempt {
    pub(super) fn new(parts: &Parts) -> Self {
        Self { id: parts.entropy.uuid(), began: parts.clock.monotonic() }
    }

    /// What it claims, where this was seen before.
    pub(super) fn claim(&self, seen: &ClaimSeen) -> Claim {
        Claim { id: self.id, void: seen.id() }
    }

    /// Waits before another look, unless it has waited for long enough.
    pub(super) async fn wait(&self, parts: &Parts) -> Result<()> {
        if self.is_over(parts) {
            return Err(Error::StorageUnavailable("what another call has claimed stays open".into()));
        }
        tokio::time::sleep(LOOK_AGAIN).await;
        Ok(())
    }

    fn is_over(&self, parts: &Parts) -> bool {
        parts.clock.monotonic().saturating_sub(self.began) >= CLAIM
    }
}

/// Does the work whatever becomes of the caller, and hands out what it brought if the caller is there, and in time: later, the
/// next to present the same may have made it void.
pub(super) async fn hand_out<F>(
    parts: &Arc<Parts>,
    attempt: &Attempt,
    work: impl FnOnce(Arc<Parts>) -> F,
) -> Result<Granting>
where
    F: Future<Output = Result<Brought>> + Send + 'static,
{
    let (issued, claimed) = match parts.detached(work).await? {
        Ok(brought) => brought,
        Err(refused) => return Ok(Err(refused)),
    };
    if attempt.is_over(parts) {
        return Err(Error::StorageUnavailable("a commit took too long".into()));
    }
    claimed.goes_out();
    Ok(Ok(issued))
}

/// What was presented, by its hash.
#[derive(Clone, Copy, Debug)]
pub(super) enum Held {
    Code([u8; 32]),
    RefreshToken([u8; 32]),
}

/// How a claim ended.
#[derive(Clone, Copy, Debug)]
enum End {
    Out,
    Back,
}

/// A claim of this call. Dropped, it is given back: the caller is gone, or the outcome of the claim was never heard.
pub(super) struct Claimed {
    parts: Arc<Parts>,
    held: Held,
    id: Uuid,
    end: End,
}

impl Claimed {
    pub(super) fn new(parts: &Arc<Parts>, held: Held, id: Uuid) -> Self {
        Self { parts: Arc::clone(parts), held, id, end: End::Back }
    }

    /// Takes note that the tokens go out, now.
    pub(super) fn goes_out(mut self) {
        self.end = End::Out;
    }
}

impl Drop for Claimed {
    fn drop(&mut self) {
        let (parts, held, id, end) = (Arc::clone(&self.parts), self.held, self.id, self.end);
        self.parts.runtime.spawn(async move {
            let began = parts.clock.monotonic();
            while let Err(error) = record(&parts, held, id, end).await {
                // By then the claim is over by itself.
                if parts.clock.monotonic().saturating_sub(began) > CLAIM {
                    tracing::warn!(%error, ?end, "how a code or refresh token of ours ended could not be recorded");
                    return;
                }
                tokio::time::sleep(AGAIN).await;
            }
        });
    }
}

async fn record(parts: &Parts, held: Held, id: Uuid, end: End) -> Result<()> {
    let now = store::now(parts.clock.now());
    let mut conn = parts.store.write().await?;
    match (held, end) {
        (Held::Code(hash), End::Out) => oauth_codes::go_out(&mut conn, &hash, id).await,
        (Held::Code(hash), End::Back) => oauth_codes::give_back(&mut conn, &hash, id, now).await,
        (Held::RefreshToken(hash), End::Out) => oauth_refresh_tokens::go_out(&mut conn, &hash, id).await,
        (Held::RefreshToken(hash), End::Back) => oauth_refresh_tokens::give_back(&mut conn, &hash, id, now).await,
    }
}
