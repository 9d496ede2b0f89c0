//! The only place that asks for the time, so that a test (and the demo) can hold it still or move it on.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;

/// What waits until a clock has moved on.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Tells the time. Wall-clock time is UTC; monotonic time counts from an arbitrary start and never goes back.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The wall-clock time, for expiries and records.
    fn now(&self) -> DateTime<Utc>;
    /// Time since an arbitrary start, for measuring how long something took.
    fn monotonic(&self) -> Duration;
    /// Waits until so much monotonic time has passed.
    fn sleep(&self, time: Duration) -> Sleep;
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

    fn sleep(&self, time: Duration) -> Sleep {
        Box::pin(tokio::time::sleep(time))
    }
}

/// A clock that runs with the machine's and can be moved forward by hand: for the demo and the tests.
#[derive(Debug)]
pub struct MovableClock {
    system: SystemClock,
    offset_micros: Arc<AtomicI64>,
    wall_offset_micros: AtomicI64,
    frozen_at_micros: Option<i64>,
    /// Wakes those who sleep, when it is moved.
    moved: watch::Sender<()>,
}

impl MovableClock {
    /// A clock that runs from now on, until it is moved.
    pub fn running() -> Arc<Self> {
        Arc::new(Self {
            system: SystemClock { started: Instant::now() },
            offset_micros: Arc::default(),
            wall_offset_micros: AtomicI64::default(),
            frozen_at_micros: None,
            moved: watch::Sender::default(),
        })
    }

    /// A clock that stands at `at` and changes only by [`MovableClock::advance`].
    pub fn frozen(at: DateTime<Utc>) -> Arc<Self> {
        Arc::new(Self {
            system: SystemClock { started: Instant::now() },
            offset_micros: Arc::default(),
            wall_offset_micros: AtomicI64::default(),
            frozen_at_micros: Some(at.timestamp_micros()),
            moved: watch::Sender::default(),
        })
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        self.offset_micros.fetch_add(micros, Ordering::SeqCst);
        self.moved.send_replace(());
    }

    /// Sets the wall-clock time forward or back, as an operator or NTP does: no time has passed.
    pub fn set(&self, by: TimeDelta) {
        self.wall_offset_micros.fetch_add(by.num_microseconds().unwrap_or(0), Ordering::SeqCst);
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
        base + TimeDelta::microseconds(self.offset() + self.wall_offset_micros.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        let moved = Duration::from_micros(u64::try_from(self.offset()).unwrap_or(0));
        if self.frozen_at_micros.is_some() { moved } else { self.system.monotonic() + moved }
    }

    fn sleep(&self, time: Duration) -> Sleep {
        let (stands_still, offset, mut moved) =
            (self.stands_still(), Arc::clone(&self.offset_micros), self.moved.subscribe());
        let passed_by_hand = move || Duration::from_micros(u64::try_from(offset.load(Ordering::SeqCst)).unwrap_or(0));
        let (began, at_first) = (tokio::time::Instant::now(), passed_by_hand());
        Box::pin(async move {
            loop {
                let left = time.saturating_sub(passed_by_hand().saturating_sub(at_first));
                // By itself such a clock does not get there.
                let until = if stands_still && !left.is_zero() { None } else { Some(began + left) };
                let itself = async {
                    match until {
                        Some(until) => tokio::time::sleep_until(until).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    () = itself => return,
                    // A clock that is gone moves no more.
                    Ok(()) = moved.changed() => {}
                    else => return,
                }
            }
        })
    }
}
