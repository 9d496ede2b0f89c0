//! What stands between fedlink and a Postgres, and fails as networks and machines do: in silence.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;

/// A way to a server that can be made to hang: connections stand and new ones are taken, and no byte passes. And one that can
/// lose a server's word: what was asked for gets there, and the connection ends before the answer is back.
pub(crate) struct Way {
    /// Where it listens on 127.0.0.1.
    pub(crate) port: u16,
    hangs: watch::Sender<bool>,
    loses: Arc<Losses>,
}

/// What a way is to lose.
#[derive(Default)]
struct Losses {
    /// The answers to so many commits.
    commits: AtomicU32,
    /// Whether the way hangs from the first of them on.
    then_hangs: AtomicBool,
    /// The answer to a statement that has this in it.
    statement: Mutex<Option<&'static str>>,
}

impl Losses {
    /// Whether this is the statement whose answer is to be lost; it is lost once.
    fn has(&self, said: &[u8]) -> bool {
        let mut statement = self.statement.lock().expect("nobody panicked");
        let is_it = |text: &&str| said.windows(text.len()).any(|part| part == text.as_bytes());
        statement.take_if(|text| is_it(&&**text)).is_some()
    }
}

impl Way {
    /// A way to the server at this port of 127.0.0.1.
    pub(crate) async fn to(port: u16) -> Self {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let here = listener.local_addr().expect("an address").port();
        let (hangs, hanging) = watch::channel(false);
        let loses = Arc::new(Losses::default());
        let (losing, hanged) = (Arc::clone(&loses), hangs.clone());
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let Ok(far) = tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await else { continue };
                let ((from_near, to_near), (from_far, to_far)) = (near.into_split(), far.into_split());
                let lost = Arc::new(AtomicBool::new(false));
                tokio::spawn(ask((from_near, to_far), hanging.clone(), (Arc::clone(&losing), Arc::clone(&lost))));
                let end = (Arc::clone(&losing), hanged.clone());
                tokio::spawn(answer((from_far, to_near), hanging.clone(), (lost, end)));
            }
        });
        Self { port: here, hangs, loses }
    }

    /// Loses the answers to the next so many commits.
    pub(crate) fn lose_commits(&self, number: u32) {
        self.loses.commits.store(number, Ordering::SeqCst);
    }

    /// Loses the answer to the next commit and lets nothing pass from then on, as if the client had died; waits until it has.
    pub(crate) async fn die_of_a_commit(&self) {
        self.loses.then_hangs.store(true, Ordering::SeqCst);
        self.lose_commits(1);
        self.hangs.subscribe().wait_for(|hangs| *hangs).await.expect("it is held");
    }

    /// Loses the answer to the next statement that has this in it. It is prepared first, and executed by what is said next.
    pub(crate) fn lose_answer_to(&self, text: &'static str) {
        *self.loses.statement.lock().expect("nobody panicked") = Some(text);
    }

    /// Whether that answer has been lost.
    pub(crate) fn has_lost_it(&self) -> bool {
        self.loses.statement.lock().expect("nobody panicked").is_none()
    }

    /// How many answers are still to be lost.
    pub(crate) fn to_lose(&self) -> u32 {
        self.loses.commits.load(Ordering::SeqCst)
    }

    /// Lets nothing pass from now on, or all that has waited.
    pub(crate) fn hang(&self, hangs: bool) {
        self.hangs.send_replace(hangs);
    }
}

type Halves = (OwnedReadHalf, OwnedWriteHalf);

/// What a client asks, from here to the server.
async fn ask(
    (mut from, mut to): Halves,
    mut hanging: watch::Receiver<bool>,
    (losing, lost): (Arc<Losses>, Arc<AtomicBool>),
) {
    let mut bytes = vec![0; 16 * 1024];
    let mut is_prepared = false;
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        if std::mem::replace(&mut is_prepared, losing.has(&bytes[..read])) {
            lost.store(true, Ordering::SeqCst);
        }
        let is_commit = bytes[..read].windows(7).any(|seen| seen == b"COMMIT\0");
        let one_less = |left: u32| left.checked_sub(1);
        if is_commit && losing.commits.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok() {
            // Before it is asked for, so that the answer can't come first.
            lost.store(true, Ordering::SeqCst);
        }
        if hanging.wait_for(|hangs| !hangs).await.is_err() || to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}

/// What the server answers, from there to the client.
async fn answer(
    (mut from, mut to): Halves,
    mut hanging: watch::Receiver<bool>,
    (lost, (losing, hangs)): (Arc<AtomicBool>, (Arc<Losses>, watch::Sender<bool>)),
) {
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        if lost.load(Ordering::SeqCst) {
            if losing.then_hangs.load(Ordering::SeqCst) {
                hangs.send_replace(true);
            }
            return;
        }
        if hanging.wait_for(|hangs| !hangs).await.is_err() || to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}

/// A server that speaks Postgres and no TLS, to one visitor: its port, and what it was told once it had said so.
pub(crate) fn without_tls() -> (u16, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let visit = std::thread::spawn(move || {
        let (mut visitor, _) = listener.accept().expect("a visitor");
        // SSLRequest: its length and its code; "N" is no.
        let mut request = [0; 8];
        visitor.read_exact(&mut request).expect("a request");
        assert_eq!(request, [0, 0, 0, 8, 4, 210, 22, 47], "it does not ask for TLS");
        visitor.write_all(b"N").expect("it listens");
        let mut said = Vec::new();
        visitor.read_to_end(&mut said).expect("its end");
        said
    });
    (port, visit)
}
