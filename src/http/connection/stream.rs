//! A connection as the server sees it: what the peer sends when it is its turn, and no longer than it may take.

#[cfg(test)]
mod tests;

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf, Take};
use tokio::net::TcpStream;

use super::ahead::Queue;
use super::bare;
use super::turn::{Phase, Turn};
use domain::clock::{SharedClock, Sleep};
use domain::pace;

/// How long a timer runs at most: one that was set for a request long answered then costs a look, and none is set for each.
const TICK: Duration = Duration::from_secs(5);

/// A connection to a peer.
pub(super) struct Stream {
    /// Gives no more than a portion at a time.
    io: Take<TcpStream>,
    pub(super) turn: Rc<Turn>,
    queue: Rc<Queue>,
    clock: SharedClock,
    by_https: bool,
    /// Bytes handed on since there last were none, and the most that may be.
    burst: usize,
    most: usize,
    /// Bytes of the head that is read, or was last.
    head: usize,
    /// Since when the peer takes nothing of what is sent to it.
    stalled: Option<Duration>,
    /// An answer that was made below the application, as it is sent, and how much of it has been.
    dressed: Option<Dressed>,
    timer: Option<Sleep>,
    /// What it ends with when it is its turn.
    failed: Option<io::Error>,
}

struct Dressed {
    head: Vec<u8>,
    sent: usize,
}

/// The peer is late: with what it sends, or with taking what is sent to it.
enum Late {
    Asking,
    Taking,
}

impl Stream {
    pub(super) fn new(io: TcpStream, turn: Rc<Turn>, queue: Rc<Queue>, clock: SharedClock, by_https: bool) -> Self {
        Self {
            io: io.take(0),
            turn,
            queue,
            clock,
            by_https,
            burst: 0,
            most: 0,
            head: 0,
            stalled: None,
            dressed: None,
            timer: None,
            failed: None,
        }
    }

    /// Thousands may end in the same moment.
    fn poll_end(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.turn.poll_end(cx, &self.queue)
    }

    fn poll_failed(&mut self, cx: &mut Context<'_>, error: io::Error) -> Poll<io::Error> {
        if self.poll_end(cx).is_pending() {
            self.failed = Some(error);
            return Poll::Pending;
        }
        Poll::Ready(error)
    }

    /// Waits on, until the peer is late.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<Late> {
        let asking = self.turn.due(|| self.clock.monotonic());
        let taking = self.stalled.map(|since| since.saturating_add(pace::WRITE));
        let due = match (asking, taking) {
            (Some(asking), Some(taking)) => asking.min(taking),
            (Some(due), None) | (None, Some(due)) => due,
            (None, None) => return Poll::Pending,
        };
        self.poll_until(cx, due).map(|()| if taking == Some(due) { Late::Taking } else { Late::Asking })
    }

    fn poll_until(&mut self, cx: &mut Context<'_>, due: Duration) -> Poll<()> {
        loop {
            if let Some(timer) = &mut self.timer {
                ready!(timer.as_mut().poll(cx));
                self.timer = None;
            }
            let left = due.saturating_sub(self.clock.monotonic());
            if left.is_zero() {
                return Poll::Ready(());
            }
            self.timer = Some(self.clock.sleep(left.min(TICK)));
        }
    }

    /// Nothing has come: if that is so for too long, the connection ends.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let late = ready!(self.poll_late(cx));
        ready!(self.poll_end(cx));
        match late {
            Late::Taking => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Late::Asking => {
                match self.turn.phase() {
                    // It is told on a connection on which nothing else is sent: as much as fits, and it fits.
                    Phase::Head if self.stalled.is_none() => {
                        tracing::debug!("a head took too long");
                        drop(self.io.get_ref().try_write(&bare::too_slow(self.by_https)));
                    }
                    Phase::Rest => return Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
                    _ => {}
                }
                // As if the peer had ended it.
                Poll::Ready(Ok(()))
            }
        }
    }

    /// Reads nothing; whoever waits is woken when it is the peer's turn, if something has come by then.
    fn hold_back(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.io.get_ref().poll_read_ready(cx).is_ready() {
            self.turn.owe(cx.waker());
        }
        self.poll_silence(cx)
    }

    /// Reads what may be read at once.
    fn poll_portion(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.burst > 0 && self.burst >= self.most {
            // What has come is looked at first: it may be a request, and then it is our turn.
            self.burst = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.burst == 0 {
            self.most = match self.turn.phase() {
                Phase::Head => pace::HEAD_PORTION,
                Phase::Body | Phase::Rest => pace::BODY_PORTION,
                Phase::New | Phase::Idle | Phase::Answer => pace::PORTION,
            };
            if self.io.get_ref().poll_read_ready(cx).is_pending() {
                return self.poll_silence(cx);
            }
            let is_long = self.head >= pace::LONG_HEAD;
            ready!(self.turn.poll_go_on(cx, &self.queue, is_long, || self.clock.monotonic()));
        }
        let (room, before) = (self.most.saturating_sub(self.burst), buf.filled().len());
        self.io.set_limit(u64::try_from(room).unwrap_or(u64::MAX));
        match Pin::new(&mut self.io).poll_read(cx, buf) {
            Poll::Ready(Ok(())) => {
                let read = buf.filled().len().saturating_sub(before);
                self.burst = self.burst.saturating_add(read);
                if read > 0 {
                    self.head = match self.turn.phase() {
                        Phase::New | Phase::Idle => read,
                        Phase::Head => self.head.saturating_add(read),
                        Phase::Body | Phase::Rest | Phase::Answer => self.head,
                    };
                    self.turn.heard();
                }
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => self.poll_failed(cx, error).map(Err),
            Poll::Pending => {
                self.burst = 0;
                self.poll_silence(cx)
            }
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match Pin::new(self.io.get_mut()).poll_write(cx, bytes) {
            Poll::Ready(sent) => {
                if self.stalled.take().is_some() {
                    self.turn.settle();
                }
                Poll::Ready(sent)
            }
            Poll::Pending => {
                let since = *self.stalled.get_or_insert_with(|| self.clock.monotonic());
                // Whether it is late with what it asks is not for this to say: nobody may be reading any more.
                ready!(self.poll_until(cx, since.saturating_add(pace::WRITE)));
                ready!(self.poll_end(cx));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // Who takes no answers is asked for no more; and what has been asked for is done, whether its peer has gone or not.
        if this.stalled.is_some() || this.turn.phase() == Phase::Answer {
            return this.hold_back(cx);
        }
        if let Some(error) = this.failed.take() {
            return this.poll_failed(cx, error).map(Err);
        }
        this.poll_portion(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let mut dressed = match this.dressed.take() {
            Some(dressed) => dressed,
            None => match bare::at_end_of(bytes) {
                None => return this.poll_send(cx, bytes),
                Some(0) => Dressed { head: bare::dressed(&bare::named(bytes, this.head), this.by_https), sent: 0 },
                Some(from) => return this.poll_send(cx, bytes.get(..from).unwrap_or(bytes)),
            },
        };
        // All of it, before any of what it stands for counts as sent.
        while let Some(rest) = dressed.head.get(dressed.sent..).filter(|rest| !rest.is_empty()) {
            match this.poll_send(cx, rest) {
                Poll::Ready(Ok(sent)) if sent > 0 => dressed.sent = dressed.sent.saturating_add(sent),
                Poll::Ready(Ok(_)) => return Poll::Ready(Ok(0)),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    this.dressed = Some(dressed);
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.get_mut().io.get_mut()).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_end(cx));
        Pin::new(this.io.get_mut()).poll_shutdown(cx)
    }
}
