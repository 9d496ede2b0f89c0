//! Whose turn it is on a connection: the peer's, to ask, or ours, to answer. The stream and the requests on it share this.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::ahead::{Place, Queue};
use super::census::Guest;
use domain::pace;

/// What is awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The first byte of the connection.
    New,
    /// The first byte of a further request.
    Idle,
    /// The rest of a head.
    Head,
    /// The rest of a body, and our answer.
    Body,
    /// Our answer.
    Answer,
    /// The rest of a body that nobody reads any more: the answer is on its way.
    Rest,
}

/// What a connection's stream and the requests on it tell each other.
pub(super) struct Turn {
    phase: Cell<Phase>,
    /// When the stream first had to wait in this phase, in monotonic time.
    since: Cell<Option<Duration>>,
    /// Bytes of bodies that this request holds.
    held: Cell<usize>,
    /// How long what came in this phase has waited to be read, and since when something does, in monotonic time.
    waited: Cell<Duration>,
    waits: Cell<Option<Duration>>,
    /// Who is to look again when it is the peer's turn: something came before.
    owed: RefCell<Option<Waker>>,
    /// Whether the peer waits for its answers, and where it stands if not.
    place: Place,
    guest: Guest,
}

impl Turn {
    pub(super) fn new(guest: Guest, place: Place) -> Rc<Self> {
        Rc::new(Self {
            phase: Cell::new(Phase::New),
            since: Cell::new(None),
            held: Cell::new(0),
            waited: Cell::default(),
            waits: Cell::new(None),
            owed: RefCell::new(None),
            place,
            guest,
        })
    }

    pub(super) fn phase(&self) -> Phase {
        self.phase.get()
    }

    pub(super) fn enter(&self, phase: Phase) {
        self.phase.set(phase);
        self.since.set(None);
        self.waited.set(Duration::ZERO);
        self.waits.set(None);
    }

    /// Bytes came.
    pub(super) fn heard(&self) {
        self.place.read();
        if matches!(self.phase(), Phase::New | Phase::Idle) {
            self.enter(Phase::Head);
        }
    }

    /// A whole head has come.
    pub(super) fn begin(&self, has_body: bool) {
        self.place.ask();
        self.enter(if has_body { Phase::Body } else { Phase::Answer });
    }

    /// The whole body has come.
    pub(super) fn body_ended(&self) {
        if self.phase() == Phase::Body {
            self.enter(Phase::Answer);
        }
    }

    /// Nobody reads the body any more.
    pub(super) fn body_left(&self) {
        if self.phase() == Phase::Body {
            self.enter(Phase::Rest);
        }
    }

    /// The answer is made.
    pub(super) fn finish(&self) {
        self.release();
        self.enter(if matches!(self.phase(), Phase::New | Phase::Body | Phase::Rest) {
            Phase::Rest
        } else {
            Phase::Idle
        });
        self.settle();
    }

    /// Ready when a portion may be read: at once, but for those who have just come, those who ask ahead, for what is left of a body
    /// and of a head that is long already.
    pub(super) fn poll_go_on(
        &self,
        cx: &mut Context<'_>,
        queue: &Queue,
        is_long: bool,
        now: impl FnOnce() -> Duration,
    ) -> Poll<()> {
        let is_patient = match self.phase() {
            Phase::New | Phase::Body | Phase::Rest => true,
            Phase::Head => is_long || self.place.is_ahead(),
            Phase::Idle | Phase::Answer => self.place.is_ahead(),
        };
        if !is_patient {
            return Poll::Ready(());
        }
        let is_called = self.place.poll_turn(cx, queue);
        match (is_called, self.waits.get()) {
            (Poll::Pending, None) => self.waits.set(Some(now())),
            (Poll::Ready(()), Some(_)) => {
                self.waited.set(self.waited(now()));
                self.waits.set(None);
            }
            (Poll::Pending, Some(_)) | (Poll::Ready(()), None) => {}
        }
        is_called
    }

    /// How long what came in this phase has waited for its turn until `now`, as far as that counts: no fault of its peer.
    pub(super) fn waited(&self, now: Duration) -> Duration {
        let waits = self.waits.get().map_or(Duration::ZERO, |since| now.saturating_sub(since));
        self.waited.get().saturating_add(waits).min(pace::CREDIT)
    }

    /// Ready when the connection may end.
    pub(super) fn poll_end(&self, cx: &mut Context<'_>, queue: &Queue) -> Poll<()> {
        self.place.poll_end(cx, queue)
    }

    /// Who waits to read is woken when it is the peer's turn again.
    pub(super) fn owe(&self, waker: &Waker) {
        let mut owed = self.owed.borrow_mut();
        if !owed.as_ref().is_some_and(|owed| owed.will_wake(waker)) {
            *owed = Some(waker.clone());
        }
    }

    /// Wakes who has waited for the peer's turn.
    pub(super) fn settle(&self) {
        if let Some(waker) = self.owed.borrow_mut().take() {
            waker.wake();
        }
    }

    /// When the peer is late, in monotonic time. `None` while it is not the peer who is waited for; a body has its own time.
    pub(super) fn due(&self, now: impl FnOnce() -> Duration) -> Option<Duration> {
        let time = match self.phase() {
            Phase::New | Phase::Head => pace::HEAD,
            Phase::Idle => pace::between(self.guest.is_crowded()),
            Phase::Rest => pace::REST,
            Phase::Body | Phase::Answer => return None,
        };
        let since = self.since.get().unwrap_or_else(|| {
            let now = now();
            self.since.set(Some(now));
            now
        });
        Some(since.saturating_add(time).saturating_add(self.waited.get()))
    }

    /// Takes so many bytes more of a body in; false if there is no room for them.
    pub(super) fn hold(&self, bytes: usize) -> bool {
        let has_room = self.guest.hold(bytes);
        if has_room {
            self.held.set(self.held.get().saturating_add(bytes));
        }
        has_room
    }

    fn release(&self) {
        self.guest.release(self.held.replace(0));
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.release();
    }
}
