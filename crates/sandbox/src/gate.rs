//! Holds calls until a test lets them go on, so that it forces an interleaving without waiting for time.

use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use super::lock::lock;

/// Where calls are held. Each one that passes takes the next number and waits until that many are let through.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    arrived: Arc<watch::Sender<usize>>,
    released: watch::Receiver<usize>,
}

impl Gate {
    /// Puts a closed gate into `place`; one that stood there lets its calls go when its `Hold` does.
    pub(super) fn close(place: &Mutex<Option<Self>>) -> Hold {
        let (release, released) = watch::channel(0);
        let arrived = Arc::new(watch::Sender::new(0));
        *lock(place) = Some(Self { arrived: Arc::clone(&arrived), released });
        Hold { arrivals: arrived.subscribe(), release }
    }

    /// Reports a call and waits until it may go on.
    pub(super) async fn pass(mut self) {
        let mut number = 0;
        self.arrived.send_modify(|count| {
            *count += 1;
            number = *count;
        });
        // An error says that the `Hold` is gone, and then nothing is held.
        self.released.wait_for(|released| *released >= number).await.ok();
    }
}

/// Calls are held until this lets them go on or is dropped.
#[derive(Debug)]
pub struct Hold {
    arrivals: watch::Receiver<usize>,
    release: watch::Sender<usize>,
}

impl Hold {
    /// Waits until `calls` calls in all have arrived, those already let go included.
    pub async fn wait_for_arrivals(&self, calls: usize) {
        // An error says that the provider has replaced this gate: nothing can arrive any more.
        self.arrivals.clone().wait_for(|arrived| *arrived >= calls).await.ok();
    }

    /// How many calls have arrived.
    pub fn arrivals(&self) -> usize {
        *self.arrivals.borrow()
    }

    /// Lets the earliest call that is still held go on; without one, the next to come passes.
    pub fn release_next(&self) {
        self.release.send_modify(|released| *released = released.saturating_add(1));
    }

    /// Lets all calls go on, those to come included.
    pub fn release(&self) {
        self.release.send_modify(|released| *released = usize::MAX);
    }
}
