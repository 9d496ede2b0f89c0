//! Peers that have just come, that ask again before they have heard, or that send more than a head: of a worker's, one goes on at a
//! time, and everybody else between any two.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};

use actix_web::rt::task::yield_now;
use tokio::sync::Notify;

/// Those of one worker's peers that wait for their turn to be read, in the order of their coming.
#[derive(Default)]
pub(super) struct Queue {
    waiting: RefCell<VecDeque<Weak<Place>>>,
    came: Notify,
}

impl Queue {
    /// Lets one after another go on, for ever. Whatever else is ready on this thread runs between two of them.
    pub(super) async fn run(self: Rc<Self>) {
        loop {
            let next = self.waiting.borrow_mut().pop_front();
            match next {
                Some(place) => {
                    if let Some(place) = place.upgrade() {
                        place.go();
                        yield_now().await;
                    }
                }
                None => self.came.notified().await,
            }
        }
    }
}

/// A connection's place in the queue.
#[derive(Default)]
pub(super) struct Place {
    /// Requests that came with the last portion that was read.
    asked: Cell<usize>,
    is_ahead: Cell<bool>,
    may_go: Cell<bool>,
    waits: RefCell<Option<Waker>>,
}

impl Place {
    /// A request came.
    pub(super) fn ask(&self) {
        self.asked.set(self.asked.get().saturating_add(1));
    }

    /// A portion has been read. One that held several requests makes its peer wait for the next.
    pub(super) fn read(&self) {
        self.is_ahead.set(self.asked.replace(0) > 1);
    }

    /// Ready when it is this one's turn.
    pub(super) fn poll_turn(self: &Rc<Self>, cx: &mut Context<'_>, queue: &Queue) -> Poll<()> {
        if self.may_go.take() {
            return Poll::Ready(());
        }
        if self.waits.borrow_mut().replace(cx.waker().clone()).is_none() {
            queue.waiting.borrow_mut().push_back(Rc::downgrade(self));
            queue.came.notify_one();
        }
        Poll::Pending
    }

    /// Whether its peer does not wait for its answers.
    pub(super) fn is_ahead(&self) -> bool {
        self.is_ahead.get() || self.asked.get() > 1
    }

    fn go(&self) {
        self.may_go.set(true);
        if let Some(waker) = self.waits.borrow_mut().take() {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::task::{LocalSet, spawn_local};

    use super::*;

    /// Reads portions of so many requests each, and says so.
    async fn peer(queue: Rc<Queue>, requests: usize, read: impl Fn()) {
        let place = Rc::<Place>::default();
        for _ in 0..100 {
            if place.is_ahead() {
                poll_fn(|cx| place.poll_turn(cx, &queue)).await;
            }
            place.read();
            read();
            for _ in 0..requests {
                place.ask();
            }
            yield_now().await;
        }
    }

    #[tokio::test]
    async fn between_two_that_ask_ahead_everybody_else_has_a_turn() {
        let set = LocalSet::new();
        set.run_until(async {
            let queue = Rc::<Queue>::default();
            spawn_local(Rc::clone(&queue).run());
            let since = Rc::new(Cell::new(0_usize));
            let peers: Vec<_> = (0..20)
                .map(|_| {
                    let since = Rc::clone(&since);
                    spawn_local(peer(Rc::clone(&queue), 2, move || since.set(since.get() + 1)))
                })
                .collect();
            // Each of them reads once before it is known.
            yield_now().await;
            since.set(0);
            while !peers.iter().all(tokio::task::JoinHandle::is_finished) {
                yield_now().await;
                assert!(since.replace(0) <= 2);
            }
        })
        .await;
    }

    #[tokio::test]
    async fn who_waits_for_answers_stands_in_no_line() {
        // Nobody lets anybody go on.
        let queue = Rc::<Queue>::default();
        peer(Rc::clone(&queue), 1, || {}).await;
        assert!(queue.waiting.borrow().is_empty());
    }

    #[tokio::test]
    async fn who_has_gone_is_passed_over() {
        let set = LocalSet::new();
        set.run_until(async {
            let queue = Rc::<Queue>::default();
            let gone = spawn_local(peer(Rc::clone(&queue), 2, || {}));
            yield_now().await;
            yield_now().await;
            assert_eq!(queue.waiting.borrow().len(), 1);
            gone.abort();
            spawn_local(Rc::clone(&queue).run());
            peer(Rc::clone(&queue), 2, || {}).await;
        })
        .await;
    }
}
