//! Who is at the other end: the peer, or, behind proxies that the operator named, whom they say it is.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use ipnet::IpNet;

const FORWARDED_FOR: &str = "x-forwarded-for";
/// RFC 7239.
const FORWARDED: &str = "forwarded";

/// The address of the client; in the extensions of every request.
#[derive(Debug, Clone, Copy)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// Walks `X-Forwarded-For`, or `Forwarded` where nobody wrote that, from the right for as long as the one who wrote it
    /// is trusted: what stands left of that, anybody can have written. Never both: a proxy that writes one may pass on
    /// whatever its client wrote into the other.
    pub fn find(peer: SocketAddr, headers: &HeaderMap, trusted: &[IpNet]) -> Self {
        let is_trusted = |address: IpAddr| trusted.iter().any(|net| net.contains(&address));
        let mut address = peer.ip().to_canonical();
        if !is_trusted(address) {
            return Self(address);
        }
        for node in nodes(headers).into_iter().rev() {
            let Some(forwarded) = address_of(node) else { break };
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

/// Whom proxies say they forward for, first to last, as they wrote it.
fn nodes(headers: &HeaderMap) -> Vec<&str> {
    let entries = |name| {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value: &str| value.split(','))
    };
    if headers.contains_key(FORWARDED_FOR) {
        return entries(FORWARDED_FOR).collect();
    }
    // What does not say whom it is for ends the walk, as everything does that cannot be read.
    entries(FORWARDED).map(|entry| entry.split(';').find_map(named_for).unwrap_or_default()).collect()
}

fn named_for(pair: &str) -> Option<&str> {
    let (name, node) = pair.split_once('=')?;
    name.trim().eq_ignore_ascii_case("for").then_some(node)
}

/// `203.0.113.10`, `203.0.113.10:51234`, `2001:db8::8`, `[2001:db8::8]`, `[2001:db8::8]:443`, each in quotes or not.
fn address_of(node: &str) -> Option<IpAddr> {
    let node = node.trim().trim_matches('"');
    let bracketed = || node.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    node.parse().ok().or_else(|| Some(node.parse::<SocketAddr>().ok()?.ip())).or_else(bracketed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(peer: &str, forwarded: &str, trusted: &str) -> String {
        found(peer, &[(FORWARDED_FOR, forwarded)], trusted)
    }

    fn found(peer: &str, sent: &[(&'static str, &str)], trusted: &str) -> String {
        let mut headers = HeaderMap::new();
        for (name, value) in sent {
            headers.append(*name, value.parse().expect("a header"));
        }
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

    #[test]
    fn proxies_name_ports_too() {
        assert_eq!(find("10.0.0.1:1", "203.0.113.10:51234", "10.0.0.0/8"), "203.0.113.10");
        assert_eq!(find("10.0.0.1:1", "[2001:db8::8]:443", "10.0.0.0/8"), "2001:db8::8");
        assert_eq!(find("10.0.0.1:1", "[2001:db8::8], [::ffff:10.0.0.2]:80", "10.0.0.0/8"), "2001:db8::8");
        assert_eq!(find("10.0.0.1:1", "6.6.6.6, 2001:db8::8", "10.0.0.0/8"), "2001:db8::8");
    }

    #[test]
    fn the_standard_header_is_read_where_the_other_is_not_sent() {
        let forwarded = |value| found("10.0.0.1:1", &[(FORWARDED, value)], "10.0.0.0/8");
        assert_eq!(forwarded("for=192.0.2.43;proto=https;by=10.0.0.1"), "192.0.2.43");
        assert_eq!(
            forwarded("for=6.6.6.6, proto=http; For=\"[2001:db8:cafe::17]:4711\""),
            "2001:db8:cafe::17"
        );
        assert_eq!(forwarded("for=6.6.6.6, for=_hidden, for=10.0.0.2"), "10.0.0.2");
        assert_eq!(forwarded("for=6.6.6.6, proto=https"), "10.0.0.1");
        let both = [(FORWARDED, "for=6.6.6.6"), (FORWARDED_FOR, "1.2.3.4")];
        assert_eq!(found("10.0.0.1:1", &both, "10.0.0.0/8"), "1.2.3.4");
    }
}
