//! Who is at the other end: the peer, or, behind proxies that the operator named, whom they say it is.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use ipnet::IpNet;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The address of the client; in the extensions of every request.
#[derive(Debug, Clone, Copy)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// Walks `X-Forwarded-For` from the right for as long as the one who wrote it is trusted: what stands left of
    /// that, anybody can have written.
    pub fn find(peer: SocketAddr, headers: &HeaderMap, trusted: &[IpNet]) -> Self {
        let is_trusted = |address: IpAddr| trusted.iter().any(|net| net.contains(&address));
        let mut address = peer.ip().to_canonical();
        if !is_trusted(address) {
            return Self(address);
        }
        let entries = headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok());
        let entries: Vec<_> = entries.flat_map(|value| value.split(',')).collect();
        for entry in entries.into_iter().rev() {
            let Ok(forwarded) = entry.trim().parse::<IpAddr>() else { break };
            address = forwarded.to_canonical();
            if !is_trusted(address) {
                break;
            }
        }
        Self(address)
    }

    /// What a limit per address counts: one IPv6 customer has a whole /64.
    pub fn counted(self) -> IpAddr {
        match self.0 {
            IpAddr::V4(_) => self.0,
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments();
                IpAddr::from([a, b, c, d, 0, 0, 0, 0])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(peer: &str, forwarded: &str, trusted: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(FORWARDED_FOR, forwarded.parse().expect("a header"));
        let trusted: Vec<IpNet> = trusted.split(' ').filter_map(|net| net.parse().ok()).collect();
        ClientAddress::find(peer.parse().expect("an address"), &headers, &trusted).0.to_string()
    }

    #[test]
    fn only_named_proxies_are_believed() {
        assert_eq!(find("9.9.9.9:1", "1.2.3.4", ""), "9.9.9.9");
        assert_eq!(find("10.0.0.1:1", "1.2.3.4", "10.0.0.0/8"), "1.2.3.4");
        assert_eq!(find("10.0.0.1:1", "6.6.6.6, 1.2.3.4, 10.0.0.2", "10.0.0.0/8"), "1.2.3.4");
        assert_eq!(find("10.0.0.1:1", "nonsense", "10.0.0.0/8"), "10.0.0.1");
    }
}
