//! How a connection comes in, is read and ends; each on loopback.

use actix_http::h1;
use domain::clock::{MovableClock, SystemClock};
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::task::{LocalSet, spawn_local, yield_now};

use super::*;
use crate::http::connection::ahead::Place;
use crate::http::connection::body::{Body, Stopped};
use crate::http::connection::census::Census;

/// Nothing here takes longer.
const BOUND: Duration = Duration::from_mins(1);

/// A connection that has not been read yet, and its peer.
async fn connected(queue: &Rc<Queue>, clock: &SharedClock, place: Place) -> (Stream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (io, _from) = listener.accept().await.unwrap();
    let guest = Census::new(2, 0, |_| false).let_in(&io).unwrap();
    (Stream::new(io, Turn::new(guest, place), Rc::clone(queue), SharedClock::clone(clock), false), peer)
}

/// Runs a test on one thread.
async fn alone(test: impl Future<Output = ()>) {
    tokio::time::timeout(BOUND, LocalSet::new().run_until(test)).await.unwrap();
}

/// Ends for one reason or another.
async fn end(mut stream: Stream) -> io::Result<usize> {
    match stream.turn.phase() {
        Phase::Idle => stream.shutdown().await.map(|()| 0),
        _ => stream.read(&mut [0; 8]).await,
    }
}

// Thousands may end in one moment: those whom one peer has, and all that were late together.
#[tokio::test]
async fn however_a_connection_ends_it_waits_for_its_turn() {
    let clock = MovableClock::running();
    let shared: SharedClock = clock.clone();
    let queue = Rc::<Queue>::default();
    // Its peer takes too long over a head; it is over; its peer breaks it off in the middle of a head.
    let (late, _other) = connected(&queue, &shared, Place::default()).await;
    late.turn.enter(Phase::Head);
    let (over, _peer) = connected(&queue, &shared, Place::default()).await;
    over.turn.enter(Phase::Idle);
    let (broken_off, peer) = connected(&queue, &shared, Place::default()).await;
    broken_off.turn.enter(Phase::Head);
    peer.set_zero_linger().unwrap();
    drop(peer);
    broken_off.io.get_ref().readable().await.unwrap();
    alone(async {
        let ends = [late, over, broken_off].map(|stream| spawn_local(end(stream)));
        for (waiting, advance) in [(2, pace::HEAD), (3, Duration::ZERO)] {
            while queue.going() < waiting {
                yield_now().await;
            }
            clock.advance(advance);
        }
        assert!(!ends.iter().any(tokio::task::JoinHandle::is_finished), "nobody lets them");
        spawn_local(Rc::clone(&queue).run(SystemClock::shared()));
        let [late, over, broken_off] = ends;
        assert_eq!(late.await.unwrap().unwrap(), 0, "as if its peer had ended it");
        assert_eq!(over.await.unwrap().unwrap(), 0);
        assert_eq!(broken_off.await.unwrap().unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    })
    .await;
}

// In a crowded house it is late with its next request before it is late with taking its answers.
#[tokio::test]
async fn who_takes_no_answer_is_let_go_even_when_nobody_reads() {
    let clock = MovableClock::running();
    let shared: SharedClock = clock.clone();
    let queue = Rc::<Queue>::default();
    let (mut stream, _peer) = connected(&queue, &shared, Place::default()).await;
    stream.turn.enter(Phase::Idle);
    alone(async {
        spawn_local(Rc::clone(&queue).run(SystemClock::shared()));
        let written = spawn_local(async move {
            loop {
                if let Err(error) = stream.write(&[0; 16 * 1024]).await {
                    return error.kind();
                }
            }
        });
        while !written.is_finished() {
            clock.advance(pace::WRITE);
            yield_now().await;
        }
        assert_eq!(written.await.unwrap(), io::ErrorKind::TimedOut);
    })
    .await;
}

#[tokio::test]
async fn who_brings_nothing_waits_to_be_read() {
    let clock = SystemClock::shared();
    for brings in [true, false] {
        let queue = Rc::<Queue>::default();
        alone(async {
            let run = spawn_local(Rc::clone(&queue).run(SystemClock::shared()));
            let place = queue.admit().await;
            run.abort();
            let (mut stream, mut peer) = connected(&queue, &clock, place).await;
            let mut head = [0; 8];
            if !brings {
                assert!(stream.read(&mut head).now_or_never().is_none());
            }
            peer.write_all(b"GET").await.unwrap();
            stream.io.get_ref().readable().await.unwrap();
            assert_eq!(stream.read(&mut head).now_or_never().is_some(), brings);
        })
        .await;
    }
}

// Among thousands of others it may wait longer than a body may take.
#[tokio::test]
async fn a_body_that_waits_to_be_read_is_not_late() {
    let clock = MovableClock::running();
    let shared: SharedClock = clock.clone();
    let queue = Rc::<Queue>::default();
    let (mut stream, mut peer) = connected(&queue, &shared, Place::default()).await;
    let (silent, _peer) = connected(&queue, &shared, Place::default()).await;
    let [(_sender, mut body), (_other, mut silence)] = [&stream, &silent].map(|stream| {
        stream.turn.begin(true);
        let (sender, payload) = h1::Payload::create(false);
        (sender, Body::new(payload, Rc::clone(&stream.turn), SharedClock::clone(&shared)))
    });
    peer.write_all(b"{").await.unwrap();
    stream.io.get_ref().readable().await.unwrap();
    alone(async {
        let mut portion = [0; 8];
        let is_late = |error| Stopped::by(&error) == Some(Stopped::TooSlow);
        assert!(body.next().now_or_never().is_none());
        assert!(silence.next().now_or_never().is_none());
        assert!(stream.read(&mut portion).now_or_never().is_none(), "it waits for its turn");
        clock.advance(2 * pace::body(0));
        assert!(is_late(silence.next().await.unwrap().unwrap_err()), "it sent nothing");
        assert!(body.next().now_or_never().is_none());
        spawn_local(Rc::clone(&queue).run(SystemClock::shared()));
        assert_eq!(stream.read(&mut portion).await.unwrap(), 1);
        assert!(body.next().now_or_never().is_none());
        clock.advance(pace::body(0));
        assert!(is_late(body.next().await.unwrap().unwrap_err()));
    })
    .await;
}

#[tokio::test]
async fn not_all_of_a_long_wait_counts_for_nothing() {
    let clock = MovableClock::frozen(chrono::DateTime::UNIX_EPOCH);
    let shared: SharedClock = clock.clone();
    let (mut stream, mut peer) = connected(&Rc::default(), &shared, Place::default()).await;
    peer.write_all(b"G").await.unwrap();
    stream.io.get_ref().readable().await.unwrap();
    assert!(stream.read(&mut [0; 8]).now_or_never().is_none(), "it waits for its turn");
    let second = Duration::from_secs(1);
    for (passes, counted) in [(second, second), (pace::CREDIT, pace::CREDIT), (second, pace::CREDIT)] {
        clock.advance(passes);
        assert_eq!(stream.turn.waited(shared.monotonic()), counted);
    }
}

#[tokio::test]
async fn a_head_waits_to_be_read_once_it_is_longer_than_most_and_is_not_late_for_that() {
    let clock = MovableClock::frozen(chrono::DateTime::UNIX_EPOCH);
    let shared: SharedClock = clock.clone();
    let queue = Rc::<Queue>::default();
    let (mut stream, mut peer) = connected(&queue, &shared, Place::default()).await;
    stream.turn.enter(Phase::Idle);
    alone(async {
        let mut head = vec![0; 64 * 1024];
        peer.write_all(b"G").await.unwrap();
        assert_eq!(stream.read(&mut head).await.unwrap(), 1);
        assert!(stream.read(&mut head).now_or_never().is_none(), "nothing is there, and its time runs");
        peer.write_all(&vec![b'a'; 2 * pace::HEAD_PORTION + 1]).await.unwrap();
        for _ in 0..2 {
            assert_eq!(stream.read(&mut head).await.unwrap(), pace::HEAD_PORTION);
            assert!(stream.read(&mut head).now_or_never().is_none(), "it is looked at first");
        }
        for _ in 0..2 {
            assert!(stream.read(&mut head).now_or_never().is_none(), "it waits for its turn");
            clock.advance(pace::HEAD);
        }
        spawn_local(Rc::clone(&queue).run(SystemClock::shared()));
        assert_eq!(stream.read(&mut head).await.unwrap(), 1);
        assert_eq!(stream.turn.due(|| shared.monotonic()), Some(3 * pace::HEAD));
        assert!(stream.read(&mut head).now_or_never().is_none());
        clock.advance(pace::HEAD);
        assert_eq!(stream.read(&mut head).await.unwrap(), 0, "as if its peer had ended it");
    })
    .await;
}

// What has been asked for is done: a handler is not broken off in the middle by a peer that has gone.
#[tokio::test]
async fn who_breaks_off_after_asking_is_heard_of_when_it_is_answered() {
    let clock = SystemClock::shared();
    let queue = Rc::<Queue>::default();
    let (mut stream, peer) = connected(&queue, &clock, Place::default()).await;
    stream.turn.enter(Phase::Head);
    peer.set_zero_linger().unwrap();
    drop(peer);
    stream.io.get_ref().readable().await.unwrap();
    alone(async {
        assert!(stream.read(&mut [0; 8]).now_or_never().is_none(), "it waits for its turn");
        spawn_local(Rc::clone(&queue).run(SystemClock::shared()));
        stream.turn.enter(Phase::Answer);
        while queue.going() > 0 {
            yield_now().await;
        }
        assert!(stream.read(&mut [0; 8]).now_or_never().is_none(), "it is answered first");
        stream.turn.enter(Phase::Idle);
        assert_eq!(stream.read(&mut [0; 8]).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    })
    .await;
}
