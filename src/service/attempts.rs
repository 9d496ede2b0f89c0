//! How often something may be tried in an hour: counted in the database, by all instances together, and before the try, so
//! that any number of tries at once get no further than as many one after the other.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use sha2::{Digest as _, Sha256};

use super::Parts;
use crate::domain::{Error, Result};
use crate::store::{Tx, at, attempts};

/// From the first try on, not sliding: who is refused knows when it ends, and trying on doesn't put it off.
const WINDOW: TimeDelta = TimeDelta::hours(1);

/// Whose tries are counted together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key(String);

impl Key {
    /// The tries of one kind by, or upon, one party. The table is to hold no addresses, so it holds hashes.
    pub(super) fn new(kind: &str, party: &str) -> Self {
        let digest = Sha256::new().chain_update(kind).chain_update(b"\0").chain_update(party).finalize();
        Self(URL_SAFE_NO_PAD.encode(digest))
    }
}

/// Whether a try may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It may.
    Allowed,
    /// There were as many as may be. `first`: none was refused before in this window.
    Refused { first: bool, retry_after: Duration },
}

/// Counts one more try; at most `limit` in a window are allowed.
pub(super) async fn count(parts: &Arc<Parts>, key: Key, limit: usize) -> Result<Verdict> {
    parts
        .detached(async move |parts| {
            let now = parts.clock.now();
            let mut conn = parts.store.write().await?;
            let (count, expires) = attempts::count(&mut conn, &key.0, (at(now), at(now + WINDOW))).await?;
            let count = usize::try_from(count).map_err(Error::internal)?;
            if count <= limit {
                return Ok(Verdict::Allowed);
            }
            let retry_after = (expires.0 - now).to_std().unwrap_or_default();
            Ok(Verdict::Refused { first: count == limit + 1, retry_after })
        })
        .await
}

/// Forgets the tries so far.
pub(super) async fn forget(tx: &mut Tx, key: &Key) -> Result<()> {
    attempts::delete(tx.conn(), &key.0).await
}
