//! The only place that asks for the time, so that a test (and the demo) can hold it still or move it on.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};

/// Tells the time. Wall-clock time is UTC; monotonic time counts from an arbitrary start and never goes back.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The wall-clock time, for expiries and records.
    fn now(&self) -> DateTime<Utc>;
    /// Time since an arbitrary start, for measuring how long something took.
    fn monotonic(&self) -> Duration;
}

/// A clock as the parts of the program share it.
pub type SharedClock = Arc<dyn Clock>;

/// The machine's clock.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// The machine's clock, shared.
    pub fn shared() -> SharedClock {
        Arc::new(Self { started: Instant::now() })
    }
}

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        #[expect(clippy::disallowed_methods, reason = "this is the one door to the machine's clock")]
        Utc::now()
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}

/// A clock that runs with the machine's and can be moved forward by hand: for the demo and the tests.
#[derive(Debug)]
pub struct MovableClock {
    system: SystemClock,
    offset_micros: AtomicI64,
    frozen_at_micros: Option<i64>,
}

impl MovableClock {
    /// A clock that runs from now on, until it is moved.
    pub fn running() -> Arc<Self> {
        Arc::new(Self {
            system: SystemClock { started: Instant::now() },
            offset_micros: AtomicI64::new(0),
            frozen_at_micros: None,
        })
    }

    /// A clock that stands at `at` and changes only by [`MovableClock::advance`].
    pub fn frozen(at: DateTime<Utc>) -> Arc<Self> {
        Arc::new(Self {
            system: SystemClock { started: Instant::now() },
            offset_micros: AtomicI64::new(0),
            frozen_at_micros: Some(at.timestamp_micros()),
        })
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        self.offset_micros.fetch_add(micros, Ordering::SeqCst);
    }

    /// Whether it changes only by [`MovableClock::advance`].
    pub fn stands_still(&self) -> bool {
        self.frozen_at_micros.is_some()
    }

    fn offset(&self) -> i64 {
        self.offset_micros.load(Ordering::SeqCst)
    }
}

impl Clock for MovableClock {
    fn now(&self) -> DateTime<Utc> {
        let base = match self.frozen_at_micros {
            Some(micros) => DateTime::from_timestamp_micros(micros).unwrap_or(DateTime::UNIX_EPOCH),
            None => self.system.now(),
        };
        base + TimeDelta::microseconds(self.offset())
    }

    fn monotonic(&self) -> Duration {
        let moved = Duration::from_micros(u64::try_from(self.offset()).unwrap_or(0));
        if self.frozen_at_micros.is_some() { moved } else { self.system.monotonic() + moved }
    }
}
