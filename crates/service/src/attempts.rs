//! How often something may be tried in a while: counted in the database, by all instances together, and before the try, so
//! that any number of tries at once get no further than as many one after the other.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Days, NaiveTime, TimeDelta, Utc};
use sha2::{Digest as _, Sha256};

use super::Parts;
use domain::ids::Subject;
use domain::networks::networks;
use domain::tries::wait;
use domain::{Error, Result};
use store::{self, Tx, at, attempts};

/// For how long tries are counted together: from the first on, not sliding. Who is refused knows when it ends, and trying on
/// doesn't put it off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Window {
    /// An hour.
    Hour,
    /// The rest of the calendar day, UTC.
    Day,
    /// A minute.
    Minute,
    /// A second.
    Second,
}

impl Window {
    /// When a window that begins at `now` ends.
    fn end(self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::Hour => now + TimeDelta::hours(1),
            Self::Day => (now.date_naive() + Days::new(1)).and_time(NaiveTime::MIN).and_utc(),
            Self::Minute => now + TimeDelta::minutes(1),
            Self::Second => now + TimeDelta::seconds(1),
        }
    }
}

/// The key of a rate-limit counter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key(String);

impl Key {
    /// The tries of one kind by, or upon, one party. The table is to hold no addresses, so it holds hashes.
    pub(super) fn new(kind: &str, party: &str) -> Self {
        let digest = Sha256::new().chain_update(kind).chain_update(b"\0").chain_update(party).finalize();
        Self(URL_SAFE_NO_PAD.encode(digest))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
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
pub(super) async fn count(parts: &Arc<Parts>, key: Key, limit: usize, window: Window) -> Result<Verdict> {
    parts
        .detached(async move |parts| {
            let now = parts.clock.now();
            let mut conn = parts.store.write().await?;
            let (count, expires) = attempts::count(&mut conn, &key.0, at(now), at(window.end(now))).await?;
            let count = usize::try_from(count).map_err(Error::internal)?;
            if count <= limit {
                return Ok(Verdict::Allowed);
            }
            let retry_after = (expires.0 - now).to_std().unwrap_or_default();
            Ok(Verdict::Refused { first: count == limit + 1, retry_after })
        })
        .await
}

/// Counts one attempt against a limit of `limit` per hour. Beyond the limit, one more attempt is allowed after each wait of
/// `domain::tries::wait`. A refused attempt postpones nothing.
pub(super) async fn count_spaced(parts: &Arc<Parts>, key: &Key, limit: usize) -> Result<Verdict> {
    let (counted, limit) = (key.clone(), i32::try_from(limit).unwrap_or(i32::MAX - 8));
    let opens = parts
        .detached(async move |parts| {
            let now = parts.clock.now();
            let openings = std::array::from_fn(|more| at(now + wait(more)));
            let mut conn = parts.store.write().await?;
            let window = at(now)..at(Window::Hour.end(now));
            if attempts::count_spaced(&mut conn, &counted.0, window, limit, openings).await? {
                return Ok(None);
            }
            // It may have been forgotten just now.
            let opens = attempts::find_opening(&mut conn, &counted.0, at(now)).await?;
            Ok(Some(opens.map_or(now, |opens| opens.0) - now))
        })
        .await?;
    let Some(opens) = opens else { return Ok(Verdict::Allowed) };
    let refusals = count(parts, Key::new("refused", &key.0), 0, Window::Hour).await?;
    let first = matches!(refusals, Verdict::Refused { first: true, .. });
    Ok(Verdict::Refused { first, retry_after: opens.to_std().unwrap_or_default() })
}

/// Whether the limit is reached. Counts nothing: for work that is counted after it is done.
pub(super) async fn is_used_up(parts: &Parts, key: &Key, limit: usize) -> Result<bool> {
    let now = at(parts.clock.now());
    let found = store::read!(parts.store, |conn| attempts::find(conn, &key.0, now))?;
    let count = found.map_or(Ok(0), |(count, _)| usize::try_from(count).map_err(Error::internal))?;
    Ok(count >= limit)
}

/// Counts one network's attempts across all sign-in methods.
pub(super) const SIGN_IN_FROM: &str = "sign-in from";

/// Counts one signed-in user's attempts across all sign-in methods.
pub(super) fn sign_in_by(user: &Subject) -> Key {
    Key::new("sign-in by", user.as_str())
}

/// Counts one attempt in each network of the address, the narrowest first. A network whose limit is reached uses up no wider
/// network's limit. `limit` is that of the narrowest network; a wider one has a multiple of it.
pub(super) async fn count_from(
    parts: &Arc<Parts>,
    kind: &str,
    ip: IpAddr,
    limit: usize,
    window: Window,
) -> Result<Verdict> {
    for (network, times) in networks(ip) {
        let verdict = count(parts, Key::new(kind, &network), limit.saturating_mul(times), window).await?;
        if verdict != Verdict::Allowed {
            return Ok(verdict);
        }
    }
    Ok(Verdict::Allowed)
}

/// Forgets the tries so far.
pub(super) async fn forget(tx: &mut Tx, key: &Key) -> Result<()> {
    attempts::delete(tx.conn(), &key.0).await
}

/// Sets a key for `lasts` from now on, also if it is set already. [`is_used_up`] with a limit of one reads it.
pub(super) async fn mark(parts: &Arc<Parts>, key: Key, lasts: TimeDelta) -> Result<()> {
    let marked = parts.detached(async move |parts| {
        attempts::mark(&mut parts.store.write().await?, &key.0, at(parts.clock.now() + lasts)).await
    });
    marked.await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_has_its_end() {
        let now = DateTime::parse_from_rfc3339("2026-02-28T23:59:59.5Z").unwrap().to_utc();
        let ends = [Window::Hour, Window::Day, Window::Minute, Window::Second].map(|window| window.end(now) - now);
        assert_eq!(ends, [3_600_000, 500, 60_000, 1_000].map(TimeDelta::milliseconds));
        let midnight = now + TimeDelta::milliseconds(500);
        assert_eq!(Window::Day.end(midnight) - midnight, TimeDelta::days(1), "a day that begins");
    }
}
