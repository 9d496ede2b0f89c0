//! A request's body as a handler reads it: no slower than it may be, and within the room there is.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_http::error::PayloadError;
use actix_http::h1;
use actix_web::web::Bytes;
use futures_util::Stream;

use super::turn::Turn;
use domain::clock::{SharedClock, Sleep};
use domain::pace;

/// Why a body is not read to its end, where that is not the peer's breaking off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Stopped {
    /// It came too slowly.
    TooSlow,
    /// There is no room for it.
    NoRoom,
}

impl Stopped {
    /// What a failed read of a body was stopped by.
    pub(in crate::http) fn by(error: &PayloadError) -> Option<Self> {
        let PayloadError::Io(error) = error else { return None };
        match error.kind() {
            io::ErrorKind::TimedOut => Some(Self::TooSlow),
            io::ErrorKind::QuotaExceeded => Some(Self::NoRoom),
            _ => None,
        }
    }

    fn error(self) -> PayloadError {
        PayloadError::Io(match self {
            Self::TooSlow => io::ErrorKind::TimedOut.into(),
            Self::NoRoom => io::ErrorKind::QuotaExceeded.into(),
        })
    }
}

/// A body on its way.
pub(super) struct Body {
    payload: h1::Payload,
    turn: Rc<Turn>,
    clock: SharedClock,
    began: Option<Duration>,
    received: u64,
    timer: Option<Sleep>,
}

impl Body {
    pub(super) fn new(payload: h1::Payload, turn: Rc<Turn>, clock: SharedClock) -> Self {
        Self { payload, turn, clock, began: None, received: 0, timer: None }
    }

    /// Waits on, until the time for what has come is over.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let began = *self.began.get_or_insert_with(|| self.clock.monotonic());
        let due = began.saturating_add(pace::body(self.received));
        loop {
            if let Some(timer) = &mut self.timer {
                ready!(timer.as_mut().poll(cx));
                // It may have been set when less had come.
                self.timer = None;
            }
            let now = self.clock.monotonic();
            let left = due.saturating_add(self.turn.waited(now)).saturating_sub(now);
            if left.is_zero() {
                return Poll::Ready(());
            }
            self.timer = Some(self.clock.sleep(left));
        }
    }
}

impl Stream for Body {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        match Pin::new(&mut this.payload).poll_next(cx) {
            Poll::Ready(Some(Ok(chunk))) => {
                this.received = this.received.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
                let has_room = this.turn.hold(chunk.len());
                Poll::Ready(Some(if has_room { Ok(chunk) } else { Err(Stopped::NoRoom.error()) }))
            }
            Poll::Ready(None) => {
                this.turn.body_ended();
                Poll::Ready(None)
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(error))),
            Poll::Pending => this.poll_late(cx).map(|()| Some(Err(Stopped::TooSlow.error()))),
        }
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        self.turn.body_left();
    }
}
