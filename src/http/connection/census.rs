//! Who is connected, and how much of what they send is held: nobody takes all the room there is.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpStream;

use domain::pace::PEERS;
use service::meters::Rooms;

/// From so many of ten connections on the house is crowded.
const CROWDED: usize = 8;

/// The connections of one listener, by whom they come from.
pub(in crate::http) struct Census {
    most: usize,
    /// What bodies may take together, in bytes.
    bodies: usize,
    /// Whether it is a proxy: whoever calls comes from its address.
    is_proxy: Box<dyn Fn(IpAddr) -> bool + Send + Sync>,
    connected: AtomicUsize,
    held: AtomicUsize,
    peers: Mutex<HashMap<IpAddr, Arc<Peer>>>,
    /// Connections that were refused.
    refused: AtomicUsize,
    /// Bodies that there was no room for.
    without_room: AtomicUsize,
}

#[derive(Default)]
struct Peer {
    connected: AtomicUsize,
    held: AtomicUsize,
}

impl Census {
    /// For up to `most` connections whose bodies take up to `bodies` bytes. Proxies and this machine may have all of
    /// both.
    pub(in crate::http) fn new(
        most: usize,
        bodies: usize,
        is_proxy: impl Fn(IpAddr) -> bool + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            most,
            bodies,
            is_proxy: Box::new(is_proxy),
            connected: AtomicUsize::new(0),
            held: AtomicUsize::new(0),
            peers: Mutex::default(),
            refused: AtomicUsize::new(0),
            without_room: AtomicUsize::new(0),
        })
    }

    /// Lets in whoever a connection comes from, unless they have gone: then it has no address any more.
    pub(super) fn let_in(self: &Arc<Self>, io: &TcpStream) -> io::Result<Guest> {
        let peer = io.peer_addr()?;
        self.admit(peer.ip()).ok_or_else(|| io::ErrorKind::ConnectionRefused.into())
    }

    /// Lets a peer in, unless it has its part of all connections already, or nobody gets one.
    fn admit(self: &Arc<Self>, ip: IpAddr) -> Option<Guest> {
        let key = network(ip);
        let admitted = {
            let mut peers = self.peers();
            let peer = peers.entry(key).or_default();
            let most = if self.is_neighbour(ip) { self.most } else { self.most / PEERS };
            let has_room =
                peer.connected.load(Ordering::Relaxed) < most && self.connected.load(Ordering::Relaxed) < self.most;
            if has_room {
                peer.connected.fetch_add(1, Ordering::Relaxed);
                self.connected.fetch_add(1, Ordering::Relaxed);
                Some(Arc::clone(peer))
            } else {
                forget_if_gone(&mut peers, key);
                None
            }
        };
        let Some(peer) = admitted else {
            let refused = self.refused.fetch_add(1, Ordering::Relaxed);
            tracing::debug!(refused, "a connection was refused: its peer has as many as one may have");
            return None;
        };
        let bodies = if self.is_neighbour(ip) { self.bodies } else { self.bodies / PEERS };
        Some(Guest { census: Arc::clone(self), peer, key, bodies })
    }

    /// How many are connected, how many were refused, and how many bytes of theirs are held.
    pub(in crate::http) fn rooms(&self) -> Rooms {
        Rooms {
            connections: self.connected.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            bodies_refused: self.without_room.load(Ordering::Relaxed),
            bytes: self.held.load(Ordering::Relaxed),
        }
    }

    /// This machine, or a proxy: many may stand behind it.
    fn is_neighbour(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        ip.is_loopback() || (self.is_proxy)(ip)
    }

    fn peers(&self) -> MutexGuard<'_, HashMap<IpAddr, Arc<Peer>>> {
        // Nobody panics with the lock; and counters have no half-done state.
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn forget_if_gone(peers: &mut HashMap<IpAddr, Arc<Peer>>, key: IpAddr) {
    if peers.get(&key).is_some_and(|peer| peer.connected.load(Ordering::Relaxed) == 0) {
        peers.remove(&key);
    }
}

/// Whom an address counts for: of IPv6, all of its /64, which one machine has for itself.
fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(ip) => IpAddr::V4(ip),
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64)),
    }
}

/// A connection that was let in. It is counted until it is dropped.
pub(super) struct Guest {
    census: Arc<Census>,
    peer: Arc<Peer>,
    key: IpAddr,
    /// What bodies of this peer may take together.
    bodies: usize,
}

impl Guest {
    /// Whether there is room for few connections more.
    pub(super) fn is_crowded(&self) -> bool {
        self.census.connected.load(Ordering::Relaxed) >= self.census.most / 10 * CROWDED
    }

    /// Takes bytes of a body in; false if there is no room for them.
    pub(super) fn hold(&self, bytes: usize) -> bool {
        let has_room = take(&self.peer.held, bytes, self.bodies) && {
            let has_room = take(&self.census.held, bytes, self.census.bodies);
            if !has_room {
                self.peer.held.fetch_sub(bytes, Ordering::Relaxed);
            }
            has_room
        };
        if !has_room {
            self.census.without_room.fetch_add(1, Ordering::Relaxed);
        }
        has_room
    }

    /// Gives them back.
    pub(super) fn release(&self, bytes: usize) {
        if bytes > 0 {
            self.peer.held.fetch_sub(bytes, Ordering::Relaxed);
            self.census.held.fetch_sub(bytes, Ordering::Relaxed);
        }
    }
}

fn take(counter: &AtomicUsize, bytes: usize, most: usize) -> bool {
    let before = counter.fetch_add(bytes, Ordering::Relaxed);
    let has_room = before.saturating_add(bytes) <= most;
    if !has_room {
        counter.fetch_sub(bytes, Ordering::Relaxed);
    }
    has_room
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut peers = self.census.peers();
        self.peer.connected.fetch_sub(1, Ordering::Relaxed);
        self.census.connected.fetch_sub(1, Ordering::Relaxed);
        forget_if_gone(&mut peers, self.key);
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    const BODIES: usize = 1000;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn admitted(census: &Arc<Census>, text: &str, times: usize) -> Vec<Guest> {
        (0..times).map_while(|_| census.admit(ip(text))).collect()
    }

    #[test]
    fn one_peer_gets_half_of_all_connections_and_neighbours_get_all() {
        let proxies: ipnet::IpNet = "10.0.0.0/8".parse().expect("a network");
        for (peer, gets) in [
            ("203.0.113.7", 10),
            ("::ffff:203.0.113.7", 10),
            ("2001:db8::7", 10),
            ("10.1.2.3", 20),
            ("127.0.0.1", 20),
            ("::1", 20),
        ] {
            let census = Census::new(20, 0, move |ip| proxies.contains(&ip));
            assert_eq!(admitted(&census, peer, 100).len(), gets, "{peer}");
            assert!(admitted(&census, peer, 100).len() == gets, "{peer}: all went, and come again");
        }
    }

    #[tokio::test]
    async fn who_has_gone_already_counts_for_nobody() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let census = Census::new(20, 0, |_| false);
        let peer = TcpStream::connect(listener.local_addr().expect("it is bound")).await.expect("it listens");
        let (io, _from) = listener.accept().await.expect("it came");
        assert!(census.let_in(&io).is_ok());
        peer.set_zero_linger().expect("a connection");
        drop(peer);
        io.readable().await.expect("it hears of it");
        assert!(census.let_in(&io).is_err());
        assert!(census.peers().is_empty());
    }

    #[test]
    fn all_of_a_slash_64_is_one_peer() {
        let census = Census::new(20, 0, |_| false);
        let first = admitted(&census, "2001:db8::1", 7);
        let second = admitted(&census, "2001:db8::ffff:2", 7);
        assert_eq!((first.len(), second.len()), (7, 3));
        assert_eq!(admitted(&census, "2001:db8:0:1::1", 7).len(), 7, "another's");
    }

    #[test]
    fn nobody_is_remembered_who_is_gone() {
        let census = Census::new(20, 0, |_| false);
        drop(admitted(&census, "203.0.113.7", 100));
        assert!(census.peers().is_empty());
        let full: Vec<_> = (0..4).flat_map(|host| admitted(&census, &format!("203.0.113.{host}"), 5)).collect();
        assert!(census.admit(ip("203.0.113.9")).is_none(), "there is no room at all");
        assert_eq!(census.peers().len(), 4);
        drop(full);
        assert!(census.peers().is_empty() && census.connected.load(Ordering::Relaxed) == 0);
    }

    #[test]
    fn the_bodies_of_one_peer_take_half_of_the_room_at_most() {
        let census = Census::new(20, BODIES, |_| false);
        let (greedy, other) = (census.admit(ip("203.0.113.7")), census.admit(ip("203.0.113.8")));
        let (greedy, other) = (greedy.expect("let in"), other.expect("let in"));
        assert!(greedy.hold(BODIES / 2) && !greedy.hold(1));
        assert!(other.hold(BODIES / 2) && !other.hold(1));
        greedy.release(BODIES / 2);
        assert!(greedy.hold(1));
        assert_eq!(census.held.load(Ordering::Relaxed), BODIES / 2 + 1);
    }
}
