//! How often something may be tried in a while: counted in the database, by all instances together, and before the try, so
//! that any number of tries at once get no further than as many one after the other.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Days, NaiveTime, TimeDelta, Utc};
use sha2::{Digest as _, Sha256};

use super::Parts;
use crate::domain::ids::Subject;
use crate::domain::{Error, Result};
use crate::store::{self, Tx, at, attempts};

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
pub(super) async fn count(parts: &Arc<Parts>, key: Key, limit: usize, window: Window) -> Result<Verdict> {
    parts
        .detached(async move |parts| {
            let now = parts.clock.now();
            let mut conn = parts.store.write().await?;
            let (count, expires) = attempts::count(&mut conn, &key.0, (at(now), at(window.end(now)))).await?;
            let count = usize::try_from(count).map_err(Error::internal)?;
            if count <= limit {
                return Ok(Verdict::Allowed);
            }
            let retry_after = (expires.0 - now).to_std().unwrap_or_default();
            Ok(Verdict::Refused { first: count == limit + 1, retry_after })
        })
        .await
}

/// Whether there were as many as may be, without counting one: for what is counted only once it is done.
pub(super) async fn is_used_up(parts: &Parts, key: &Key, limit: usize) -> Result<bool> {
    let now = at(parts.clock.now());
    let found = store::read!(parts.store, |conn| attempts::find(conn, &key.0, now))?;
    let count = found.map_or(Ok(0), |(count, _)| usize::try_from(count).map_err(Error::internal))?;
    Ok(count >= limit)
}

/// The key of all that a network tries, to sign in by whichever way.
pub(super) fn sign_in_from(ip: IpAddr) -> Key {
    Key::new("sign-in from", &network(ip))
}

/// The key of all that somebody tries who is signed in, by whichever way; our own page counts it who names them by their id.
pub(super) fn sign_in_by(user: &Subject) -> Key {
    Key::new("sign-in as", user.as_str())
}

/// The network whose tries are counted together: a subscriber has one IPv4 address, and 2^64 of IPv6 (RFC 6177).
pub(super) fn network(ip: IpAddr) -> String {
    match ip.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let prefix = u128::from(address) & !u128::from(u64::MAX);
            format!("{}/64", Ipv6Addr::from(prefix))
        }
    }
}

/// Forgets the tries so far.
pub(super) async fn forget(tx: &mut Tx, key: &Key) -> Result<()> {
    attempts::delete(tx.conn(), &key.0).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscriber_is_one_network() {
        let rows = [
            ("203.0.113.7", "203.0.113.7"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:db8:1:2::", "2001:db8:1:2::/64"),
            ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ];
        for (ip, expected) in rows {
            assert_eq!(network(ip.parse().unwrap()), expected, "{ip}");
        }
    }

    #[test]
    fn a_window_has_its_end() {
        let now = DateTime::parse_from_rfc3339("2026-02-28T23:59:59.5Z").unwrap().to_utc();
        let ends = [Window::Hour, Window::Day, Window::Minute, Window::Second].map(|window| window.end(now) - now);
        assert_eq!(ends, [3_600_000, 500, 60_000, 1_000].map(TimeDelta::milliseconds));
        let midnight = now + TimeDelta::milliseconds(500);
        assert_eq!(Window::Day.end(midnight) - midnight, TimeDelta::days(1), "a day that begins");
    }
}
