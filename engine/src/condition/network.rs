//! Ranges of IP addresses, as networks are written: `10.0.0.0/8`, `2001:db8::/32`, or one address.

use std::net::IpAddr;

/// A range of addresses of one family.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Network {
    is_v4: bool,
    /// The bits that every address in it begins with, and which those are.
    bits: u128,
    mask: u128,
}

/// Reads an address; one of version 4 that is written as one of version 6 (`::ffff:192.0.2.7`) is of version 4.
pub(super) fn parse_address(text: &str) -> Option<IpAddr> {
    text.trim().parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

impl Network {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address.parse::<IpAddr>().ok()?, Some(length)),
            None => (parse_address(text)?, None),
        };
        let (is_v4, length_max) = (address.is_ipv4(), if address.is_ipv4() { 32 } else { 128 });
        let length = match length {
            Some(length) if length.bytes().all(|b| b.is_ascii_digit()) => length.parse::<u32>().ok()?,
            Some(_) => return None,
            None => length_max,
        };
        if length > length_max {
            return None;
        }
        // Within 128 bits, from the highest on; the bits of version 4 are the lowest.
        let mask = u128::MAX.checked_shl(length_max - length).unwrap_or_default();
        Some(Self { is_v4, bits: number(address) & mask, mask })
    }

    pub(super) fn has(self, address: IpAddr) -> bool {
        address.is_ipv4() == self.is_v4 && number(address) & self.mask == self.bits
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(network: &str, address: &str) -> bool {
        Network::parse(network).expect("a network").has(parse_address(address).expect("an address"))
    }

    #[test]
    fn a_network_has_the_addresses_that_begin_as_it_does() {
        for (network, address) in [
            ("10.0.0.0/8", "10.255.0.1"),
            ("10.1.2.3/8", "10.0.0.0"),
            ("192.0.2.7", "192.0.2.7"),
            ("192.0.2.0/31", "192.0.2.1"),
            ("0.0.0.0/0", "203.0.113.9"),
            ("192.0.2.0/24", "::ffff:192.0.2.7"),
            ("2001:db8::/32", "2001:db8:ffff::1"),
            ("2001:db8::1", "2001:0db8:0::1"),
            ("::/0", "2001:db8::1"),
            ("2001:db8::/127", "2001:db8::1"),
        ] {
            assert!(has(network, address), "{address} in {network}");
        }
        for (network, address) in [
            ("10.0.0.0/8", "11.0.0.0"),
            ("192.0.2.0/31", "192.0.2.2"),
            ("192.0.2.7", "192.0.2.8"),
            ("0.0.0.0/0", "2001:db8::1"),
            ("::/0", "192.0.2.7"),
            ("2001:db8::/32", "2001:db9::"),
            ("2001:db8::/127", "2001:db8::2"),
        ] {
            assert!(!has(network, address), "{address} not in {network}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in [
            "",
            "10",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/+8",
            "::/129",
            "10.0.0.0/8/8",
            "a/8",
            "10.0.0.256",
        ] {
            assert!(Network::parse(text).is_none(), "{text}");
        }
        for text in ["", "localhost", "10.0.0.1:443", "[::1]", "10.0.0"] {
            assert!(parse_address(text).is_none(), "{text}");
        }
    }
}
