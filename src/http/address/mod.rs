//! Where a request comes from: the peer, or what proxies that the operator trusts tell of it.

mod proxy;
mod whoami;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderName, USER_AGENT};
use ipnet::IpNet;

use crate::app::App;
use crate::http::cookies;
use service::callers::wrongly_signed;
use service::door::Origin;

use proxy::Behind;
pub(super) use whoami::whoami;

/// The most of what a browser says it is that is kept, in characters.
const AGENT_LIMIT: usize = 255;

/// Where a browser's request comes from.
pub(super) fn origin(app: &App, request: &HttpRequest) -> Origin {
    let name = HeaderName::from_static("x-forwarded-for");
    let forwarded = request.headers().get_all(name).map(|value| value.to_str().unwrap_or_default());
    let peer = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
    let agent = request.headers().get(USER_AGENT).and_then(|value| value.to_str().ok());
    let settings = &app.parts.settings;
    let ip = client(peer, forwarded, &settings.trusted_proxies);
    let behind = match proxy::client(request, ip, &settings.ip_proxies, app.parts.clock.now()) {
        Behind::Client(client) => client,
        Behind::Nobody => ip,
        Behind::WronglySigned => {
            wrongly_signed(&app.parts, ip);
            ip
        }
    };
    Origin {
        ip: behind,
        agent: agent.map(|agent| agent.chars().filter(|c| !c.is_control()).take(AGENT_LIMIT).collect()),
        device: cookies::device(app, request),
    }
}

/// Each proxy adds on the right whom it was called by, so as far as each is trusted the next is believed: the first that is
/// not trusted is the client. What stands left of it anybody can have written.
fn client<'h>(peer: IpAddr, forwarded: impl Iterator<Item = &'h str>, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |ip: IpAddr| trusted.iter().any(|network| network.contains(&ip));
    let hops: Vec<&str> = forwarded.flat_map(|header| header.split(',')).collect();
    let mut hops = hops.into_iter().rev();
    let mut client = peer.to_canonical();
    while is_trusted(client) {
        // A hop that can't be read ends the chain: the proxy that passed it on is the last that is known.
        let Some(hop) = hops.next().and_then(read) else { break };
        client = hop.to_canonical();
    }
    client
}

/// An address, with or without a port.
fn read(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    let bare = hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(hop);
    bare.parse().ok().or_else(|| hop.parse().ok().map(|socket: SocketAddr| socket.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_trusted_proxy_tells_is_believed() {
        let trusted: Vec<IpNet> = ["10.0.0.0/8", "2001:db8:ffff::/48"].map(|network| network.parse().unwrap()).into();
        let rows: [(&str, &[&str], &str); 15] = [
            ("203.0.113.7", &[], "203.0.113.7"),
            ("203.0.113.7", &["198.51.100.1"], "203.0.113.7"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["1.1.1.1, 198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["1.1.1.1", "198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["198.51.100.1, 10.0.0.2 , 10.0.0.3"], "198.51.100.1"),
            ("10.0.0.1", &["198.51.100.1, 203.0.113.9, 10.0.0.3"], "203.0.113.9"),
            ("10.0.0.1", &["10.0.0.9, 10.0.0.8"], "10.0.0.9"),
            ("10.0.0.1", &["198.51.100.1, unknown"], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1:4711"], "198.51.100.1"),
            ("10.0.0.1", &["[2001:db8::1]:443"], "2001:db8::1"),
            ("::ffff:10.0.0.1", &["[2001:db8::1]"], "2001:db8::1"),
            ("2001:db8:ffff::1", &["::ffff:198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &[""], "10.0.0.1"),
        ];
        for (peer, forwarded, expected) in rows {
            let found = client(peer.parse().unwrap(), forwarded.iter().copied(), &trusted);
            assert_eq!(found.to_string(), expected, "{peer} {forwarded:?}");
        }
        assert_eq!(client("10.0.0.1".parse().unwrap(), ["1.1.1.1"].into_iter(), &[]).to_string(), "10.0.0.1");
    }
}
