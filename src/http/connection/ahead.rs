//! Peers that come, that go, that ask again before they have heard, or that send a long head or more than a head: of a worker's, one
//! comes or is read at a time and one goes, and everybody else between any two; and of its time, half is left to everybody else.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use actix_web::rt::task::yield_now;
use tokio::sync::Notify;

use domain::clock::SharedClock;
use domain::pace;

/// Those of one worker's peers that wait for their turn.
#[derive(Default)]
pub(super) struct Queue {
    going: Line,
    // And being read.
    coming: Line,
    came: Notify,
}

/// In the order of their coming.
#[derive(Default)]
struct Line(RefCell<VecDeque<Weak<Ticket>>>);

/// What a connection waits with for its turn to do something.
#[derive(Default)]
struct Ticket {
    is_called: Cell<bool>,
    waits: RefCell<Option<Waker>>,
}

impl Queue {
    /// Lets one after another go on, for ever. Whatever else is ready on this thread runs between two of them, and what the network
    /// has brought is looked at. Who goes waits for nobody who comes, and makes room.
    pub(super) async fn run(self: Rc<Self>, clock: SharedClock) {
        let mut worked = Duration::ZERO;
        loop {
            if worked >= pace::STRETCH {
                clock.sleep(pace::RESPITE).await;
                worked = Duration::ZERO;
            }
            let began = clock.monotonic();
            let next = [&self.going, &self.coming].map(Line::next);
            if next.iter().all(Option::is_none) {
                self.came.notified().await;
                worked = worked.saturating_sub(clock.monotonic().saturating_sub(began));
                continue;
            }
            next.into_iter().flatten().for_each(|ticket| ticket.call());
            yield_now().await;
            worked = worked.saturating_add(clock.monotonic().saturating_sub(began).min(pace::TURN));
        }
    }

    /// The place of somebody who has just come, when it is their turn. What they have brought is read at once.
    pub(super) async fn admit(&self) -> Place {
        let comes = Rc::default();
        poll_fn(|cx| self.poll(cx, &self.coming, &comes)).await;
        let place = Place::default();
        place.reads.is_called.set(true);
        place
    }

    /// How many wait to end.
    #[cfg(test)]
    pub(super) fn going(&self) -> usize {
        self.going.0.borrow().len()
    }

    fn poll(&self, cx: &mut Context<'_>, line: &Line, ticket: &Rc<Ticket>) -> Poll<()> {
        if ticket.is_called.get() {
            return Poll::Ready(());
        }
        if ticket.waits.borrow_mut().replace(cx.waker().clone()).is_none() {
            line.0.borrow_mut().push_back(Rc::downgrade(ticket));
            self.came.notify_one();
        }
        Poll::Pending
    }
}

impl Line {
    /// The first who is still there.
    fn next(&self) -> Option<Rc<Ticket>> {
        let mut waiting = self.0.borrow_mut();
        std::iter::from_fn(|| waiting.pop_front()).find_map(|ticket| ticket.upgrade())
    }
}

impl Ticket {
    fn call(&self) {
        self.is_called.set(true);
        if let Some(waker) = self.waits.borrow_mut().take() {
            waker.wake();
        }
    }
}

/// A connection's place in the queue.
#[derive(Default)]
pub(super) struct Place {
    /// Requests that came with the last portion that was read.
    asked: Cell<usize>,
    is_ahead: Cell<bool>,
    reads: Rc<Ticket>,
    goes: Rc<Ticket>,
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

    /// Ready when it is this one's turn to be read, each time anew.
    pub(super) fn poll_turn(&self, cx: &mut Context<'_>, queue: &Queue) -> Poll<()> {
        queue.poll(cx, &queue.coming, &self.reads).map(|()| self.reads.is_called.set(false))
    }

    /// Ready when it is this one's turn to end, and from then on.
    pub(super) fn poll_end(&self, cx: &mut Context<'_>, queue: &Queue) -> Poll<()> {
        queue.poll(cx, &queue.going, &self.goes)
    }

    /// Whether its peer does not wait for its answers.
    pub(super) fn is_ahead(&self) -> bool {
        self.is_ahead.get() || self.asked.get() > 1
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::{LocalSet, spawn_local};

    use super::*;
    use domain::clock::MovableClock;

    /// Nothing here takes longer.
    const BOUND: Duration = Duration::from_mins(1);

    fn standing() -> SharedClock {
        MovableClock::frozen(chrono::DateTime::UNIX_EPOCH)
    }

    /// Reads portions of so many requests each, and says so.
    async fn peer(queue: Rc<Queue>, requests: usize, read: impl Fn()) {
        let place = Place::default();
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
            spawn_local(Rc::clone(&queue).run(standing()));
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
        assert!(queue.coming.0.borrow().is_empty());
    }

    fn poll_once(poll: impl FnOnce(&mut Context<'_>) -> Poll<()>) -> bool {
        poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[tokio::test]
    async fn who_goes_waits_for_nobody_who_comes() {
        let queue = Rc::<Queue>::default();
        let coming: Vec<_> = (0..1000).map(|_| Rc::<Ticket>::default()).collect();
        assert!(coming.iter().all(|ticket| !poll_once(|cx| queue.poll(cx, &queue.coming, ticket))));
        let going: Vec<_> = (0..2).map(|_| Place::default()).collect();
        assert!(going.iter().all(|place| !poll_once(|cx| place.poll_end(cx, &queue))));
        let set = LocalSet::new();
        set.run_until(async {
            spawn_local(Rc::clone(&queue).run(standing()));
            for (turn, place) in going.iter().enumerate() {
                yield_now().await;
                let came = coming.iter().filter(|ticket| ticket.is_called.get()).count();
                assert_eq!(came, turn + 1, "one after the other");
                assert!(poll_once(|cx| place.poll_end(cx, &queue)));
            }
        })
        .await;
    }

    /// Has so many turns, each of which takes so long, and waits so long for each. Gives how many it had before it was left alone.
    async fn turns(most: usize, (takes, waits): (Duration, Duration)) -> usize {
        let (queue, clock) = (Rc::<Queue>::default(), MovableClock::frozen(chrono::DateTime::UNIX_EPOCH));
        let set = LocalSet::new();
        set.run_until(async {
            spawn_local(Rc::clone(&queue).run(clock.clone()));
            for turn in 0..most {
                clock.advance(waits);
                let ticket = Rc::<Ticket>::default();
                assert!(!poll_once(|cx| queue.poll(cx, &queue.coming, &ticket)));
                yield_now().await;
                if !ticket.is_called.get() {
                    yield_now().await;
                    assert!(!ticket.is_called.get());
                    clock.advance(pace::RESPITE);
                    while !ticket.is_called.get() {
                        yield_now().await;
                    }
                    return turn;
                }
                clock.advance(takes);
                yield_now().await;
            }
            most
        })
        .await
    }

    #[tokio::test]
    async fn half_of_the_time_is_left_to_everybody_else() {
        let micros = Duration::from_micros;
        for (times, expected) in [
            ((micros(100), Duration::ZERO), 10),
            // What others take is not theirs.
            ((pace::STRETCH, Duration::ZERO), 8),
            ((micros(100), micros(50)), 19),
            ((micros(100), micros(100)), 1000),
        ] {
            assert_eq!(tokio::time::timeout(BOUND, turns(1000, times)).await.unwrap(), expected, "{times:?}");
        }
    }

    #[tokio::test]
    async fn who_comes_in_is_read_at_once() {
        let queue = Rc::<Queue>::default();
        let set = LocalSet::new();
        set.run_until(async {
            spawn_local(Rc::clone(&queue).run(standing()));
            let place = queue.admit().await;
            assert!(poll_once(|cx| place.poll_turn(cx, &queue)));
            assert!(!poll_once(|cx| place.poll_turn(cx, &queue)), "once");
        })
        .await;
    }

    #[tokio::test]
    async fn who_has_gone_is_passed_over() {
        let set = LocalSet::new();
        set.run_until(async {
            let queue = Rc::<Queue>::default();
            let gone = spawn_local(peer(Rc::clone(&queue), 2, || {}));
            yield_now().await;
            yield_now().await;
            assert_eq!(queue.coming.0.borrow().len(), 1);
            gone.abort();
            spawn_local(Rc::clone(&queue).run(standing()));
            peer(Rc::clone(&queue), 2, || {}).await;
        })
        .await;
    }
}
