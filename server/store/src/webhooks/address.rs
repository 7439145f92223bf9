//! Where webhooks may lead: by default only where the public internet is, because the server reaches what its users
//! should not. Names are checked again when they are resolved, by whoever sends.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use crate::{Invalid, limits::WEBHOOK_URL_CHARS_MAX};

/// How far webhooks may lead.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reach {
    /// Only addresses of the public internet.
    #[default]
    Public,
    /// Also this machine and the networks it is in.
    Private,
}

/// An absolute http or https address without credentials, written as browsers write it.
pub(super) fn parse(text: &str, reach: Reach) -> Result<Url, Invalid> {
    let text = text.trim();
    let plain = text.chars().all(|c| c.is_ascii_graphic()) && text.len() <= WEBHOOK_URL_CHARS_MAX;
    let absolute = text.starts_with("https://") || text.starts_with("http://");
    let url = Url::parse(text).ok().filter(|url| plain && absolute && url.has_host());
    let url = url.filter(|url| url.username().is_empty() && url.password().is_none());
    let url = url.ok_or(Invalid::WebhookUrl)?;
    let public = match url.host() {
        Some(Host::Ipv4(address)) => is_public(address.into()),
        Some(Host::Ipv6(address)) => is_public(address.into()),
        Some(Host::Domain(name)) => !is_this_machine(name),
        None => false,
    };
    if public || reach == Reach::Private { Ok(url) } else { Err(Invalid::WebhookPrivate) }
}

fn is_this_machine(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

/// `https://hooks.example.org/…`: what may be shown. Paths and queries of webhooks often are secrets.
pub(super) fn shown(url: &str) -> String {
    let Ok(url) = Url::parse(url) else { return "an address that cannot be read".to_owned() };
    let rest = if url.path() == "/" && url.query().is_none() { "" } else { "/…" };
    format!("{}{rest}", url.origin().ascii_serialization())
}

/// Whether an address is one of the public internet: not this machine, not a network behind a door, nor one of the
/// ways to write such an address as an IPv6 one.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let within = |net: [u8; 4], bits: u32| {
        let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
        address.to_bits() & mask == u32::from_be_bytes(net) & mask
    };
    // The special-purpose registry of IANA, and what is reserved or for multicast.
    let special = [
        ([0, 0, 0, 0], 8),
        ([10, 0, 0, 0], 8),
        ([100, 64, 0, 0], 10),
        ([127, 0, 0, 0], 8),
        ([169, 254, 0, 0], 16),
        ([172, 16, 0, 0], 12),
        ([192, 0, 0, 0], 24),
        ([192, 0, 2, 0], 24),
        ([192, 88, 99, 0], 24),
        ([192, 168, 0, 0], 16),
        ([198, 18, 0, 0], 15),
        ([198, 51, 100, 0], 24),
        ([203, 0, 113, 0], 24),
        ([224, 0, 0, 0], 3),
    ];
    !special.into_iter().any(|(net, bits)| within(net, bits))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, middle @ .., high, low] = address.segments();
    let last = Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match (first, second) {
        // IPv4-mapped, and what NAT64 makes of an IPv4 address: as public as that is.
        (0, 0) if middle == [0, 0, 0, 0xffff] => is_public_v4(last),
        (0x64, 0xff9b) if middle == [0; 4] => is_public_v4(last),
        // Teredo and other protocols; documentation; 6to4, whose relays are gone and which names any IPv4 address.
        (0x2001, 0..0x200 | 0xdb8) | (0x2002, _) | (0x3fff, 0..0x1000) => false,
        // The one range that is given out. All else is unspecified, loopback, IPv4-compatible, unique-local, link-local,
        // site-local, multicast, or nothing yet.
        (0x2000..=0x3fff, _) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn public(text: &str) -> bool {
        is_public(text.parse().expect(text))
    }

    #[test]
    fn only_addresses_of_the_internet_are_public() {
        for good in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.0.1",
            "172.32.0.1",
            "192.169.0.1",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2a00:1450:4001::1",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
        ] {
            assert!(public(good), "{good}");
        }
        for bad in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.170",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::1.1.1.1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::10.0.0.1",
            "64:ff9b::127.0.0.1",
            "64:ff9b:1::1.1.1.1",
            "2002:7f00:1::",
            "2002:a00:1::1",
            "2002:101:101::",
            "2001::1",
            "2001:db8::1",
            "3fff::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "100::1",
            "5f00::1",
        ] {
            assert!(!public(bad), "{bad}");
        }
    }

    #[test]
    fn addresses_are_absolute_and_carry_no_credentials() {
        for good in ["https://hooks.example.test/fader?x=1", "http://1.1.1.1:9000/"] {
            assert_eq!(parse(good, Reach::Public).map(String::from).as_deref(), Ok(good));
        }
        for bad in [
            "",
            "hooks.example.test",
            "ftp://x",
            "https://",
            "https://me:pw@x.test/",
            "https://@x.test:pw@y/",
            "https://a b",
            "https:/x.test",
            "https:x.test",
        ] {
            assert_eq!(parse(bad, Reach::Private), Err(Invalid::WebhookUrl), "{bad}");
        }
    }

    #[test]
    fn private_places_are_refused_however_they_are_written() {
        for bad in [
            "http://127.0.0.1:9000",
            "http://2130706433/",
            "http://0x7f000001/",
            "http://0x7f.1/",
            "http://0177.0.0.1/",
            "http://127.1/",
            "http://[::1]/",
            "http://[::ffff:7f00:1]/",
            "http://[::ffff:10.0.0.1]/",
            "http://localhost/",
            "http://LOCALHOST./",
            "http://a.localhost:1/",
            "http://169.254.169.254/latest/meta-data",
            "http://0/",
            "http://%31%32%37.0.0.1/",
            "https://10.1.2.3/x",
        ] {
            assert_eq!(parse(bad, Reach::Public), Err(Invalid::WebhookPrivate), "{bad}");
            assert!(parse(bad, Reach::Private).is_ok(), "{bad}");
        }
    }

    #[test]
    fn only_scheme_and_host_are_shown() {
        for (url, shown) in [
            ("https://hooks.slack.test/services/T0/B0/secret", "https://hooks.slack.test/…"),
            ("https://x.test:8443/?token=secret", "https://x.test:8443/…"),
            ("https://me:secret@x.test/", "https://x.test"),
            ("https://x.test#secret", "https://x.test"),
            ("nonsense", "an address that cannot be read"),
        ] {
            assert_eq!(super::shown(url), shown);
        }
    }
}
