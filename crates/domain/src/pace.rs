//! How long a peer may take over each part of a request and its answer, and how much of it we hold meanwhile.

use std::time::Duration;

/// A request's head, from its first byte; and a new connection until that byte comes.
pub const HEAD: Duration = Duration::from_secs(10);
/// What is left of a body that nobody reads any more.
pub const REST: Duration = Duration::from_secs(10);
/// An answer, from one byte that the peer takes to the next.
pub const WRITE: Duration = Duration::from_secs(10);
/// A connection between two requests. Longer than pools of clients and proxies keep theirs, so that they close first.
const BETWEEN: Duration = Duration::from_secs(75);
/// The same while there is room for few connections more.
const BETWEEN_WHEN_CROWDED: Duration = Duration::from_secs(5);

/// A body, before its size counts.
const BODY: Duration = Duration::from_secs(10);
/// What a body has to bring each second beyond that, in bytes.
const BODY_RATE: u64 = 16 * 1024;

/// How often a worker says that it is at work.
pub const BEAT: Duration = Duration::from_millis(250);
/// One that has not said so for this long hangs.
const HANGS: Duration = Duration::from_secs(2);

/// Whether a worker is at work that last said so this long ago.
pub fn is_at_work(silent: Duration) -> bool {
    silent < HANGS
}

/// What is read at once from a peer whose turn it is to ask, in bytes: it may hold many requests, each of which takes a hundred
/// times its size.
pub const PORTION: usize = 2 * 1024;
/// The same of a head of which that was not all: it is looked at from its start each time, so not in portions without number.
pub const HEAD_PORTION: usize = 8 * 1024;
/// A head that is longer than most, in bytes.
pub const LONG_HEAD: usize = PORTION + HEAD_PORTION;
/// What is read at once of a body, in bytes.
pub const BODY_PORTION: usize = 16 * 1024;

/// How long a worker goes on, in one stretch, with peers that come, that go, that ask ahead, or whose bodies or long heads it reads.
pub const STRETCH: Duration = Duration::from_millis(1);
/// How long it leaves them alone after that, so that however many there are, half of its time is left: to everybody else, and to
/// what else needs the processor, such as the database that these wait for.
pub const RESPITE: Duration = Duration::from_millis(1);
/// The most that one turn of theirs counts for: what took longer was everybody else's.
pub const TURN: Duration = Duration::from_micros(125);
/// How much of the time for which what a peer sent has waited for its turn is not counted against it.
pub const CREDIT: Duration = Duration::from_secs(30);

/// What the bodies that are being read may take together, in bytes.
pub const BODIES: usize = 64 * 1024 * 1024;
/// One peer's part of the room for bodies, and of all connections: one in so many.
pub const PEERS: usize = 2;

/// The most connections that are served at once, whatever descriptors there are: each takes some 20 KiB.
const CONNECTIONS: u64 = 10_000;
/// The descriptors that are left for the database, providers and files: one in so many, but for [`RESERVE`] where that is less.
const RESERVED: u64 = 4;
const RESERVE: u64 = 512;

/// How many connections are served at once by a process that may have so many descriptors open.
pub fn connections(descriptors: u64) -> usize {
    let reserve = (descriptors / RESERVED).min(RESERVE);
    usize::try_from(descriptors.saturating_sub(reserve).clamp(1, CONNECTIONS)).unwrap_or(usize::MAX)
}

/// How long a connection may stay between two requests.
pub const fn between(is_crowded: bool) -> Duration {
    if is_crowded { BETWEEN_WHEN_CROWDED } else { BETWEEN }
}

/// How long a body may have taken that has brought so many bytes.
pub const fn body(received: u64) -> Duration {
    BODY.saturating_add(Duration::from_millis(received.saturating_mul(1000) / BODY_RATE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_has_ten_seconds_and_a_second_more_for_each_16_kib() {
        for (received, seconds) in [(0, 10), (16 * 1024, 11), (160 * 1024, 20), (1024 * 1024, 74)] {
            assert_eq!(body(received), Duration::from_secs(seconds), "{received}");
        }
        assert!(body(u64::MAX) > Duration::from_hours(1), "no overflow");
    }

    #[test]
    fn connections_leave_descriptors_for_what_serves_them() {
        for (descriptors, most) in [(0, 1), (64, 48), (1024, 768), (4096, 3584), (1 << 20, 10_000), (u64::MAX, 10_000)]
        {
            assert_eq!(connections(descriptors), most, "{descriptors}");
        }
    }

    #[test]
    fn a_crowded_house_keeps_no_idle_connection_for_long() {
        assert!(between(false) > Duration::from_mins(1), "longer than the pools of proxies keep theirs");
        assert!(between(true) < HEAD);
    }
}
