//! What stands between fedlink and a Postgres, and fails as networks and machines do: in silence.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::thread::JoinHandle;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;

/// A way to a server that can be made to hang: connections stand and new ones are taken, and no byte passes.
pub(crate) struct Way {
    /// Where it listens on 127.0.0.1.
    pub(crate) port: u16,
    hangs: watch::Sender<bool>,
}

impl Way {
    /// A way to the server at this port of 127.0.0.1.
    pub(crate) async fn to(port: u16) -> Self {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let here = listener.local_addr().expect("an address").port();
        let (hangs, hanging) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let Ok(far) = tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await else { continue };
                let ((from_near, to_near), (from_far, to_far)) = (near.into_split(), far.into_split());
                tokio::spawn(pass(from_near, to_far, hanging.clone()));
                tokio::spawn(pass(from_far, to_near, hanging.clone()));
            }
        });
        Self { port: here, hangs }
    }

    /// Lets nothing pass from now on, or all that has waited.
    pub(crate) fn hang(&self, hangs: bool) {
        self.hangs.send_replace(hangs);
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut hanging: watch::Receiver<bool>) {
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
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
