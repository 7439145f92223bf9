//! Who may read the metrics: whoever has the operator's token; where there is none, programs on this machine.

use std::{
    fmt, fs, io,
    net::{IpAddr, SocketAddr},
    path::Path,
    str::FromStr,
};

use http::{HeaderMap, HeaderName, header, uri::Authority};
use ipnet::IpNet;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

const TOKEN_CHARS_MIN: usize = 16;
/// What proxies add: a request with one of these comes from further away than its peer.
const FORWARDED: [HeaderName; 6] = [
    header::FORWARDED,
    header::VIA,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-real-ip"),
];

/// The secret that whoever collects metrics sends. Kept as its hash, and never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct MetricsToken([u8; 32]);

impl fmt::Debug for MetricsToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MetricsToken(…)")
    }
}

/// Why a token is of no use. Says nothing of what it is.
#[derive(Debug, thiserror::Error)]
pub enum MetricsTokenError {
    #[error(
        "the token for metrics is at least {TOKEN_CHARS_MIN} characters long, without spaces; for example: openssl rand -hex 24"
    )]
    Short,
    #[error("the token for metrics cannot be read: {0}")]
    File(io::Error),
}

impl FromStr for MetricsToken {
    type Err = MetricsTokenError;

    fn from_str(text: &str) -> Result<Self, MetricsTokenError> {
        let text = text.trim();
        if text.chars().count() < TOKEN_CHARS_MIN || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(MetricsTokenError::Short);
        }
        Ok(Self(Sha256::digest(text).into()))
    }
}

impl MetricsToken {
    pub fn read(file: &Path) -> Result<Self, MetricsTokenError> {
        fs::read_to_string(file).map_err(MetricsTokenError::File)?.parse()
    }

    /// Takes as long whatever was sent.
    fn is(&self, sent: &str) -> bool {
        let sent: [u8; 32] = Sha256::digest(sent).into();
        self.0.ct_eq(&sent).into()
    }
}

/// Who is let in.
pub struct Admission {
    pub token: Option<MetricsToken>,
    pub trusted_proxies: Vec<IpNet>,
    /// It is served to others than this machine, by whatever stands in front of it.
    pub has_public_url: bool,
}

/// Why the metrics are not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// With the token they would be.
    NoToken,
    /// There is no token, and the request comes from elsewhere, as far as anybody can tell.
    NotHere,
}

impl Admission {
    /// By the peer of the connection itself: what headers say of it only ever speaks against it.
    pub fn check(&self, peer: Option<SocketAddr>, headers: &HeaderMap) -> Result<(), Refused> {
        match &self.token {
            Some(token) if bearer(headers).is_some_and(|sent| token.is(sent)) => Ok(()),
            Some(_) => Err(Refused::NoToken),
            None if peer.is_some_and(|peer| self.is_here(peer, headers)) => Ok(()),
            None => Err(Refused::NotHere),
        }
    }

    fn is_here(&self, peer: SocketAddr, headers: &HeaderMap) -> bool {
        let address = peer.ip().to_canonical();
        address.is_loopback()
            && !self.has_public_url
            && names_here(headers)
            && !self.trusted_proxies.iter().any(|net| net.contains(&address))
            && !FORWARDED.iter().any(|name| headers.contains_key(name))
    }
}

/// Whether it was asked for by a name that is this machine wherever it is said: a page in a browser here reaches it by a name
/// of its own, and a proxy that adds no header often passes on the one that it was asked by.
fn names_here(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let Some(host) = host.to_str().ok().and_then(|it| it.parse::<Authority>().ok()) else { return false };
    let name = host.host();
    let address =
        name.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(name).parse::<IpAddr>();
    address.map_or_else(|_| name.eq_ignore_ascii_case("localhost"), |it| it.to_canonical().is_loopback())
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "a-secret-of-the-operator";

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), value.parse().expect("a header"))
        };
        pairs.iter().map(pair).collect()
    }

    fn check(token: Option<&str>, proxy: Option<&str>, peer: &str, sent: &HeaderMap) -> Result<(), Refused> {
        let token = token.map(|it| it.parse().expect("a token"));
        let trusted_proxies = proxy.into_iter().map(|it| it.parse().expect("a network")).collect();
        let admission = Admission { token, trusted_proxies, has_public_url: false };
        admission.check(Some(peer.parse().expect("an address")), sent)
    }

    #[test]
    fn without_a_token_only_programs_on_this_machine_are_let_in() {
        let plain = headers(&[("host", "localhost:3000")]);
        for (peer, expected) in [
            ("127.0.0.1:9", Ok(())),
            ("[::1]:9", Ok(())),
            ("[::ffff:127.0.0.1]:9", Ok(())),
            ("10.0.0.1:9", Err(Refused::NotHere)),
            ("203.0.113.7:9", Err(Refused::NotHere)),
        ] {
            assert_eq!(check(None, None, peer, &plain), expected, "{peer}");
        }
        assert_eq!(check(None, Some("127.0.0.0/8"), "127.0.0.1:9", &plain), Err(Refused::NotHere));
        for name in
            ["x-forwarded-for", "forwarded", "via", "x-real-ip", "x-forwarded-host", "x-forwarded-proto"]
        {
            let sent = headers(&[("host", "127.0.0.1"), (name, "127.0.0.1")]);
            assert_eq!(check(None, None, "127.0.0.1:9", &sent), Err(Refused::NotHere), "{name}");
            assert_eq!(check(None, None, "203.0.113.7:9", &sent), Err(Refused::NotHere), "{name}");
        }
    }

    #[test]
    fn without_a_token_it_is_asked_by_a_name_of_this_machine() {
        for host in
            ["localhost", "LOCALHOST:3000", "127.0.0.1:3000", "127.1.2.3", "[::1]:3000", "[::ffff:127.0.0.1]"]
        {
            assert_eq!(check(None, None, "127.0.0.1:9", &headers(&[("host", host)])), Ok(()), "{host}");
        }
        for host in [
            "fader.test",
            "localhost.fader.test:80",
            "127.0.0.1.fader.test",
            "10.0.0.1",
            "[::2]:80",
            "0.0.0.0",
            "",
            "a b",
        ] {
            let refused = check(None, None, "127.0.0.1:9", &headers(&[("host", host)]));
            assert_eq!(refused, Err(Refused::NotHere), "{host}");
        }
        assert_eq!(check(None, None, "127.0.0.1:9", &headers(&[])), Err(Refused::NotHere));
        let public = Admission { token: None, trusted_proxies: Vec::new(), has_public_url: true };
        let peer = Some("127.0.0.1:9".parse().expect("an address"));
        assert_eq!(public.check(peer, &headers(&[("host", "localhost")])), Err(Refused::NotHere));
    }

    #[test]
    fn with_a_token_it_is_asked_of_everybody() {
        for (sent, expected) in [
            (headers(&[("authorization", "Bearer a-secret-of-the-operator")]), Ok(())),
            (headers(&[("authorization", "bearer a-secret-of-the-operator")]), Ok(())),
            (headers(&[("authorization", "Bearer a-secret-of-the-operator2")]), Err(Refused::NoToken)),
            (headers(&[("authorization", "Basic a-secret-of-the-operator")]), Err(Refused::NoToken)),
            (headers(&[("x-api-key", SECRET)]), Err(Refused::NoToken)),
            (headers(&[]), Err(Refused::NoToken)),
        ] {
            for peer in ["127.0.0.1:9", "203.0.113.7:9"] {
                assert_eq!(check(Some(SECRET), None, peer, &sent), expected, "{peer} {sent:?}");
            }
        }
    }

    #[test]
    fn a_token_is_long_and_never_shown() {
        for bad in ["", "short", "a secret with spaces in it", "0123456789abcde"] {
            assert!(bad.parse::<MetricsToken>().is_err(), "{bad}");
        }
        let token: MetricsToken = format!("{SECRET}\n").parse().expect("a token");
        assert!(token.is(SECRET));
        assert_eq!(format!("{token:?}"), "MetricsToken(…)");
    }
}
