//! Which addresses may be connected to for an address of somebody's choice: none that means something in this network alone.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// Whether to connect to `address`: everybody can reach it, or it is in one of the networks that the operator allows.
pub fn may_connect(address: IpAddr, allowed: &[IpNet]) -> bool {
    // `::ffff:10.0.0.1` connects to 10.0.0.1 and is judged as that.
    let address = address.to_canonical();
    is_public(address) || allowed.iter().any(|network| network.contains(&address))
}

/// Whether an address is one that the Internet routes (the registries of RFC 6890, and of IPv6 only what is unicast).
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// What the Internet doesn't route of IPv4: the network and the length of its prefix.
const SPECIAL_V4: [([u8; 4], u32); 16] = [
    // This host and this network, where 0.0.0.0 is 127.0.0.1 to many.
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    // Shared with the subscribers of a carrier.
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    // Link-local; the metadata of clouds.
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    // The relays of 6to4, which are no more.
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 4),
    // Reserved, and the broadcast.
    ([240, 0, 0, 0], 4),
    // The metadata of a cloud that has them at a public address.
    ([168, 63, 129, 16], 32),
];

fn is_public_v4(address: Ipv4Addr) -> bool {
    let address = u32::from(address);
    SPECIAL_V4.iter().all(|(network, length)| {
        let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
        address & mask != u32::from(Ipv4Addr::from(*network))
    })
}

/// What is not public though it is among what the Internet routes of IPv6, `2000::/3`.
const SPECIAL_V6: [(Ipv6Addr, u32); 5] = [
    // Protocol assignments; Teredo, which has an IPv4 address in it.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    // 6to4, the same.
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
    // 6bone, given back.
    (Ipv6Addr::new(0x3ffe, 0, 0, 0, 0, 0, 0, 0), 16),
];

/// What translates to an IPv4 address in its last four bytes (RFC 6052 §2.1), where a network has IPv6 alone.
const NAT64: Ipv6Addr = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0);
const UNICAST: Ipv6Addr = Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0);

fn is_public_v6(address: Ipv6Addr) -> bool {
    if is_in(address, NAT64, 96) {
        let [.., a, b, c, d] = address.octets();
        return is_public_v4(Ipv4Addr::new(a, b, c, d));
    }
    is_in(address, UNICAST, 3) && SPECIAL_V6.iter().all(|(network, length)| !is_in(address, *network, *length))
}

fn is_in(address: Ipv6Addr, network: Ipv6Addr, length: u32) -> bool {
    let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
    u128::from(address) & mask == u128::from(network)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap_or_else(|_wrong| panic!("{text}"))
    }

    #[test]
    fn what_means_something_in_this_network_alone_is_refused_however_it_is_written() {
        let odd = [
            // Both ends of each range of IPv4, and what lies in it.
            "0.0.0.0",
            "0.255.255.255",
            "10.0.0.0",
            "10.1.2.3",
            "10.255.255.255",
            "100.64.0.0",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.0.0",
            "169.254.169.254",
            "169.254.255.255",
            "172.16.0.0",
            "172.31.255.255",
            "192.0.0.0",
            "192.0.0.170",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.0",
            "192.168.255.255",
            "198.18.0.0",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "168.63.129.16",
            // IPv6: unspecified, loopback, compatible and mapped.
            "::",
            "::1",
            "::2",
            "::127.0.0.1",
            "::10.0.0.1",
            "::8.8.8.8",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:0.0.0.0",
            "::ffff:c0a8:0101",
            // Translated: SIIT, NAT64 well-known and local, 6to4, Teredo.
            "::ffff:0:10.0.0.1",
            "::ffff:0:8.8.8.8",
            "64:ff9b::10.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::169.254.169.254",
            "64:ff9b::0.0.0.0",
            "64:ff9b:1::8.8.8.8",
            "64:ff9b:0:0:0:1::1",
            "2002:7f00:1::",
            "2002:a00:1::1",
            "2002:808:808::1",
            "2001::1",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "2001:0:7f00:1::",
            // Local, link-local, site-local, multicast, documentation, benchmarks, ORCHID, discard, segment routing, 6bone.
            "fc00::1",
            "fd00:ec2::254",
            "fdff:ffff::",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "ff0e::1",
            "2001:db8::1",
            "3fff::1",
            "3fff:fff::1",
            "2001:2::1",
            "2001:10::1",
            "2001:20::1",
            "2001:1ff:ffff::",
            "100::1",
            "100:0:0:1::1",
            "5f00::1",
            "3ffe::1",
            "4000::1",
            "1fff::1",
            "fe00::1",
        ];
        for text in odd {
            assert!(!is_public(address(text)), "{text}");
            assert!(!may_connect(address(text), &[]), "{text}");
        }
    }

    #[test]
    fn what_everybody_can_reach_is_not() {
        let plain = [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.1",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.0.3.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "198.51.101.0",
            "203.0.112.255",
            "203.0.114.0",
            "223.255.255.255",
            "168.63.129.17",
            "2000::1",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2001:db7::1",
            "2001:db9::1",
            "2003::1",
            "2606:4700::1111",
            "2a00:1450::1",
            "3ffd::1",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
        ];
        for text in plain {
            assert!(is_public(address(text)), "{text}");
        }
    }

    #[test]
    fn what_is_allowed_is_so_however_it_is_written_and_nothing_else() {
        let allowed: Vec<IpNet> = ["10.1.0.0/16", "::1/128"].iter().map(|text| text.parse().unwrap()).collect();
        for (text, may) in [
            ("10.1.2.3", true),
            ("::ffff:10.1.2.3", true),
            ("10.2.0.0", false),
            ("::1", true),
            ("127.0.0.1", false),
            ("64:ff9b::10.1.2.3", false),
            ("2002:a01:203::1", false),
            ("1.1.1.1", true),
        ] {
            assert_eq!(may_connect(address(text), &allowed), may, "{text}");
        }
    }
}
