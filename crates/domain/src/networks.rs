//! The networks that an address is in, by which tries are counted.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The networks that an address is in, the narrowest first, and how many times the allowance of one subscriber each has: who
/// holds a prefix has any number of narrower ones (RFC 6177: a site gets a /48 to a /56).
pub fn networks(ip: IpAddr) -> Vec<(String, usize)> {
    match ip.to_canonical() {
        IpAddr::V4(address) => {
            let neighbours = u32::from(address) & !0xff;
            vec![(address.to_string(), 1), (format!("{}/24", Ipv4Addr::from(neighbours)), 16)]
        }
        IpAddr::V6(address) => [(64, 1), (56, 4), (48, 16)]
            .map(|(length, times)| {
                let prefix = u128::from(address) >> (128 - length) << (128 - length);
                (format!("{}/{length}", Ipv6Addr::from(prefix)), times)
            })
            .into(),
    }
}

/// The narrowest of an address's networks: what one subscriber has at least.
pub fn subscriber(ip: IpAddr) -> String {
    networks(ip).into_iter().next().map(|(network, _)| network).unwrap_or_default()
}

/// The widest of an address's networks: what one subscriber has at most, or some neighbours together.
pub fn site(ip: IpAddr) -> String {
    networks(ip).pop().map(|(network, _)| network).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wider_network_has_several_times_the_allowance() {
        let rows: [(&str, &[(&str, usize)]); 3] = [
            ("203.0.113.7", &[("203.0.113.7", 1), ("203.0.113.0/24", 16)]),
            ("::ffff:203.0.113.7", &[("203.0.113.7", 1), ("203.0.113.0/24", 16)]),
            ("2001:db8:1:2:3::4", &[("2001:db8:1:2::/64", 1), ("2001:db8:1::/56", 4), ("2001:db8:1::/48", 16)]),
        ];
        for (ip, expected) in rows {
            let found = networks(ip.parse().unwrap());
            let found: Vec<(&str, usize)> = found.iter().map(|(network, times)| (network.as_str(), *times)).collect();
            assert_eq!(found, expected, "{ip}");
            let ip = ip.parse().unwrap();
            assert_eq!((subscriber(ip).as_str(), site(ip).as_str()), (found[0].0, found[found.len() - 1].0));
        }
    }
}
