//! A receiver of events: it checks each delivery's signature, keeps what it took, and gets into trouble when it is told to.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::Value;
use service::outbox;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::canaries;
use super::posted::{Posted, signature};
use super::world::World;

/// What deliveries are signed with, and what they were signed with before.
pub(crate) const NEW_SECRET: &str = "whsec_dGhlIG5ld2VzdCBrZXkgb2YgdGhlIHRlc3Rz";
/// The one before that.
pub(crate) const OLD_SECRET: &str = "whsec_dGhlIGtleSBvZiB0aGUgdGVzdHMgYmVmb3Jl";

/// How it behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// It answers with this status.
    Status(u16),
    /// It answers with this status to all of one account, and takes the others.
    Refuses(String, u16),
    /// It says nothing, and holds the connection.
    Silent,
    /// It takes, and its answer's body never ends.
    Endless,
    /// It takes and hangs up without a word.
    BreaksOff,
}

/// A delivery, as it came.
#[derive(Clone, Debug)]
pub(crate) struct Delivered {
    /// `webhook-id`.
    pub(crate) id: String,
    /// `webhook-timestamp`.
    pub(crate) timestamp: String,
    /// `webhook-signature`.
    pub(crate) signature: String,
    /// To the letter.
    pub(crate) text: String,
    /// Read.
    pub(crate) body: Value,
    /// Whether it was answered 2xx.
    pub(crate) taken: bool,
}

impl Delivered {
    /// The event, and a blank, and the account that it is of.
    pub(crate) fn what(&self) -> String {
        let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        format!("{} {}", text(&self.body["type"]), text(&self.body["data"]["sid"]))
    }
}

struct State {
    manner: Manner,
    tried: Vec<Delivered>,
}

/// A running receiver.
pub(crate) struct Receiver {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    arrivals: watch::Sender<usize>,
    /// Whether answers are given.
    open: watch::Sender<bool>,
    listening: Option<JoinHandle<()>>,
    /// Keeps its port while it is dead: bound, and nobody listens.
    grave: Option<TcpSocket>,
}

impl Receiver {
    /// One that takes all.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(Mutex::new(State { manner: Manner::Status(204), tried: Vec::new() }));
        let (arrivals, open) = (watch::Sender::new(0), watch::Sender::new(true));
        let mut receiver = Self { address, state, arrivals, open, listening: None, grave: None };
        receiver.listen(listener);
        receiver
    }

    fn listen(&mut self, listener: TcpListener) {
        let (state, arrivals, open) = (Arc::clone(&self.state), self.arrivals.clone(), self.open.clone());
        self.listening = Some(tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let (state, arrivals, open) = (Arc::clone(&state), arrivals.clone(), open.subscribe());
                tokio::spawn(serve(connection, state, arrivals, open));
            }
        }));
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/events", self.address)
    }

    /// The settings that tell it of all there is to be told.
    pub(crate) fn settings(&self, name: &str) -> String {
        self.settings_with(name, &format!("secrets = [\"{NEW_SECRET}\"]"))
    }

    /// The same with secrets of the test's, and what else it sets.
    pub(crate) fn settings_with(&self, name: &str, more: &str) -> String {
        format!("\n[[webhooks]]\nname = \"{name}\"\nurl = \"{}\"\nallow = [\"127.0.0.1\"]\n{more}\n", self.url())
    }

    /// Behaves so from now on.
    pub(crate) fn behave(&self, manner: Manner) {
        self.state().manner = manner;
    }

    /// Is killed: nobody listens any more.
    pub(crate) async fn die(&mut self) {
        let listening = self.listening.take().expect("it lives");
        listening.abort();
        drop(listening.await);
        let grave = TcpSocket::new_v4().expect("a socket");
        grave.set_reuseaddr(true).expect("an option");
        grave.bind(self.address).expect("its port is free");
        self.grave = Some(grave);
    }

    /// Is started again where it was.
    pub(crate) fn revive(&mut self) {
        let grave = self.grave.take().expect("it is dead");
        self.listen(grave.listen(1024).expect("it listens"));
    }

    /// Answers nobody from now on, until [`Receiver::release`].
    pub(crate) fn hold(&self) {
        self.open.send_replace(false);
    }

    /// Answers all who wait.
    pub(crate) fn release(&self) {
        self.open.send_replace(true);
    }

    /// Waits until so many deliveries have come in all.
    pub(crate) async fn wait_for(&self, deliveries: usize) {
        let mut arrivals = self.arrivals.subscribe();
        arrivals.wait_for(|arrived| *arrived >= deliveries).await.expect("it lives");
    }

    /// All that came, taken or not.
    pub(crate) fn tried(&self) -> Vec<Delivered> {
        self.state().tried.clone()
    }

    /// What it took, oldest first.
    pub(crate) fn taken(&self) -> Vec<Delivered> {
        self.tried().into_iter().filter(|delivered| delivered.taken).collect()
    }

    /// What it took, in words.
    pub(crate) fn took(&self) -> Vec<String> {
        self.taken().iter().map(Delivered::what).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody died")
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if let Some(listening) = &self.listening {
            listening.abort();
        }
    }
}

/// Delivers all that is due now, as the background does.
pub(crate) async fn deliver(world: &World) {
    outbox::run_due(&world.app.parts).await.expect("it is seen to");
}

async fn serve(
    connection: TcpStream,
    state: Arc<Mutex<State>>,
    arrivals: watch::Sender<usize>,
    mut open: watch::Receiver<bool>,
) -> Option<()> {
    let mut connection = BufReader::new(connection);
    let delivered = read(&mut connection).await?;
    canaries::search_for_people("an event", &format!("{delivered:?}"));
    // Both before anybody hears of it: who changes the manner then means what comes later.
    let (place, manner) = {
        let mut state = state.lock().ok()?;
        state.tried.push(delivered.clone());
        (state.tried.len() - 1, state.manner.clone())
    };
    arrivals.send_modify(|arrived| *arrived += 1);
    open.wait_for(|open| *open).await.ok()?;
    let status = match &manner {
        Manner::Status(status) => *status,
        Manner::Refuses(sid, status) if delivered.body["data"]["sid"] == **sid => *status,
        Manner::Refuses(..) => 204,
        Manner::Endless => 200,
        Manner::Silent => {
            // Until the other side hangs up.
            connection.read_u8().await.ok();
            return None;
        }
        Manner::BreaksOff => {
            state.lock().ok()?.tried[place].taken = true;
            return None;
        }
    };
    state.lock().ok()?.tried[place].taken = (200..300).contains(&status);
    if manner == Manner::Endless {
        connection.write_all(b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n").await.ok()?;
        while connection.write_all(b"5\r\nabcde\r\n").await.is_ok() {}
        return None;
    }
    let answer = format!("HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    connection.write_all(answer.as_bytes()).await.ok()
}

async fn read(connection: &mut BufReader<TcpStream>) -> Option<Delivered> {
    let posted = Posted::read(connection).await?;
    Some(Delivered {
        id: posted.header("webhook-id")?,
        timestamp: posted.header("webhook-timestamp")?,
        signature: posted.header("webhook-signature")?,
        body: serde_json::from_str(&posted.body).ok()?,
        text: posted.body,
        taken: false,
    })
}

/// Whether one of a delivery's signatures is of this secret.
pub(crate) fn is_signed(delivered: &Delivered, secret: &str) -> bool {
    let expected = signature(secret, [&delivered.id, &delivered.timestamp, &delivered.text]);
    delivered.signature.split(' ').any(|signature| signature == expected)
}
