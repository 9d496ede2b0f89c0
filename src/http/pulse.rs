//! Whether every worker gets to its work: each says so again and again, and one that hangs doesn't.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::clock::SharedClock;
use domain::pace;

/// The workers' stamps, in milliseconds of monotonic time.
pub(super) struct Pulse {
    clock: SharedClock,
    stamps: Mutex<Vec<Arc<AtomicU64>>>,
}

impl Pulse {
    pub(super) fn new(clock: SharedClock) -> Arc<Self> {
        Arc::new(Self { clock, stamps: Mutex::default() })
    }

    /// Stamps for a worker from now on, whenever it gets to it. To be called, and awaited, on its own thread.
    pub(super) fn beat(&self) -> impl Future<Output = ()> + use<> {
        let (clock, stamp) = (SharedClock::clone(&self.clock), Arc::new(AtomicU64::new(self.now())));
        self.stamps.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&stamp));
        async move {
            loop {
                stamp.store(millis(clock.monotonic()), Ordering::Relaxed);
                give_back();
                clock.sleep(pace::BEAT).await;
            }
        }
    }

    /// Whether all have stamped lately.
    pub(super) fn is_regular(&self) -> bool {
        let now = self.now();
        let stamps = self.stamps.lock().unwrap_or_else(PoisonError::into_inner);
        stamps
            .iter()
            .all(|stamp| pace::is_at_work(Duration::from_millis(now.saturating_sub(stamp.load(Ordering::Relaxed)))))
    }

    fn now(&self) -> u64 {
        millis(self.clock.monotonic())
    }
}

/// Takes so much memory that it gets a page of its own, and gives it back: only when pages come or go does the allocator return
/// those to the system that nobody needs any more, and where nothing is asked none do.
fn give_back() {
    const A_PAGE: usize = 1024 * 1024;
    drop(std::hint::black_box(Vec::<u8>::with_capacity(A_PAGE)));
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::clock::MovableClock;

    #[tokio::test(flavor = "current_thread")]
    async fn one_worker_that_hangs_is_enough() {
        let clock = MovableClock::frozen(chrono::DateTime::UNIX_EPOCH);
        let pulse = Pulse::new(clock.clone());
        assert!(pulse.is_regular(), "there are none yet");
        let working = tokio::spawn(pulse.beat());
        let hanging = pulse.beat();
        clock.advance(Duration::from_secs(1));
        tokio::task::yield_now().await;
        assert!(pulse.is_regular(), "for a second that is nothing");
        clock.advance(Duration::from_secs(1));
        tokio::task::yield_now().await;
        assert!(!pulse.is_regular(), "the other works on");
        let hanging = tokio::spawn(hanging);
        tokio::task::yield_now().await;
        assert!(pulse.is_regular(), "it got to it");
        working.abort();
        hanging.abort();
    }
}
