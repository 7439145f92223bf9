//! What an operator can set: parsed once, so that the rest of the server holds values that make sense.

use std::{
    net::{Ipv4Addr, SocketAddr},
    num::NonZeroU32,
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use app::site::Site;
use http::Uri;
use ipnet::IpNet;
use store::Reach;

use crate::{
    anchor::Signing,
    doors::{DOORS, metrics::MetricsToken},
    limits,
};

/// Where programs of this user keep what is theirs between two runs, if there is such a place.
pub fn state_folder() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|it| !it.is_empty()).map(PathBuf::from);
    // systemd names the folder of the service itself.
    folder("STATE_DIRECTORY")
        .or_else(|| folder("XDG_STATE_HOME").map(|it| it.join("fader")))
        .or_else(|| folder("HOME").map(|it| it.join(".local/state/fader")))
}

/// How the server behaves; where it listens and its database are not part of it.
#[derive(Debug, Clone)]
pub struct Config {
    pub public_url: Option<PublicUrl>,
    /// Where the server listens: what links begin with as long as nobody says how browsers reach it.
    pub listens_on: SocketAddr,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    pub evaluations_per_second: NonZeroU32,
    pub wrong_tokens_per_minute: NonZeroU32,
    pub streams_max: usize,
    /// Open connections.
    pub connections_max: usize,
    /// Of them, of one address; `None`: half. Trusted proxies may have all of them.
    pub connections_per_address_max: Option<usize>,
    /// Open event streams of one address; `None`: a quarter of all.
    pub streams_per_address_max: Option<usize>,
    /// How long a body may take.
    pub body_read_max: Duration,
    /// How long a request's head may take, and how long a connection may be idle.
    pub head_read_max: Duration,
    pub idle_max: Duration,
    /// Bodies of all callers together, as long as they are read and handled.
    pub bodies_bytes_max: usize,
    /// Exposures that may wait for the writer.
    pub events_waiting_max: usize,
    /// Items of feedback that one token may send, also as a burst.
    pub feedback_per_minute: NonZeroU32,
    /// The same for one address with a client token.
    pub feedback_per_address_per_minute: NonZeroU32,
    /// Events that one client token may send, also as a burst.
    pub client_events_per_second: NonZeroU32,
    /// The same for one address, over a minute.
    pub client_events_per_address_per_minute: NonZeroU32,
    /// Exposures that browsers may add to the ledger of one environment on one UTC day, for each copy of the server.
    pub client_exposures_per_day: u64,
    /// How often the guard looks.
    pub look_every: Duration,
    /// Who signs the head of the audit log.
    pub signing: Option<Signing>,
    /// How often new entries of the audit log are verified and signed.
    pub anchor_every: Duration,
    /// Where webhooks may lead.
    pub webhooks: Reach,
    /// How often old cells are merged, and a change of the retention is looked for.
    pub upkeep_every: Duration,
    /// What whoever collects metrics sends; without one, only programs on this machine get them, and nobody where there is a public URL.
    pub metrics_token: Option<MetricsToken>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            public_url: None,
            listens_on: SocketAddr::from((Ipv4Addr::LOCALHOST, 3000)),
            trusted_proxies: Vec::new(),
            evaluations_per_second: NonZeroU32::new(limits::EVALUATIONS_PER_SECOND)
                .unwrap_or(NonZeroU32::MIN),
            wrong_tokens_per_minute: NonZeroU32::new(limits::WRONG_TOKENS_PER_MINUTE)
                .unwrap_or(NonZeroU32::MIN),
            streams_max: limits::STREAMS_MAX,
            connections_max: limits::CONNECTIONS_MAX,
            connections_per_address_max: None,
            streams_per_address_max: None,
            body_read_max: limits::BODY_READ_MAX,
            head_read_max: limits::HEADER_READ_MAX,
            idle_max: limits::IDLE_MAX,
            bodies_bytes_max: limits::BODIES_BYTES_MAX,
            events_waiting_max: limits::EVENTS_WAITING_MAX,
            feedback_per_minute: NonZeroU32::new(limits::FEEDBACK_PER_MINUTE).unwrap_or(NonZeroU32::MIN),
            feedback_per_address_per_minute: NonZeroU32::new(limits::FEEDBACK_PER_ADDRESS_PER_MINUTE)
                .unwrap_or(NonZeroU32::MIN),
            client_events_per_second: NonZeroU32::new(limits::CLIENT_EVENTS_PER_SECOND)
                .unwrap_or(NonZeroU32::MIN),
            client_events_per_address_per_minute: NonZeroU32::new(
                limits::CLIENT_EVENTS_PER_ADDRESS_PER_MINUTE,
            )
            .unwrap_or(NonZeroU32::MIN),
            client_exposures_per_day: limits::CLIENT_EXPOSURES_PER_DAY,
            look_every: limits::LOOK_EVERY,
            signing: None,
            anchor_every: limits::ANCHOR_EVERY,
            webhooks: Reach::Public,
            upkeep_every: limits::UPKEEP_EVERY,
            metrics_token: None,
        }
    }
}

impl Config {
    pub fn connections_per_address_max(&self) -> usize {
        self.connections_per_address_max.unwrap_or(self.connections_max / 2).max(1)
    }

    pub fn streams_per_address_max(&self) -> usize {
        self.streams_per_address_max.unwrap_or(self.streams_max / 4).max(1)
    }

    /// One token never takes the last quarter of the streams: it belongs to the others.
    pub fn streams_per_token_max(&self) -> usize {
        (self.streams_max - self.streams_max / 4).max(1)
    }

    /// Streams of open pages: with those of clients, an eighth of the connections stays for decisions.
    pub fn live_max(&self) -> usize {
        (self.connections_max / 8).max(1)
    }

    /// As many connections as there are files for; a quarter of them is no event stream of a client.
    #[must_use]
    pub fn within(self, files_max: usize) -> Self {
        let for_clients = files_max.saturating_sub(limits::FILES_RESERVED).max(files_max / 2).max(1);
        let connections_max = self.connections_max.min(for_clients);
        let streams_max = self.streams_max.min(connections_max - connections_max / 4);
        Self { streams_max, connections_max, ..self }
    }

    /// Whether browsers reach the server through TLS: cookies are then `Secure`, and HSTS is sent.
    pub fn is_tls(&self) -> bool {
        self.public_url.as_ref().is_some_and(|url| url.tls)
    }

    /// What links begin with: `--public-url`, else the address that the server listens on, which works on this machine.
    /// Never the `Host` of a request: whoever sends a request writes it, and the link goes to somebody else.
    pub fn origin(&self) -> String {
        let local = || match self.listens_on {
            everywhere if everywhere.ip().is_unspecified() => {
                format!("http://localhost:{}", everywhere.port())
            }
            address => format!("http://{address}"),
        };
        self.public_url.as_ref().map_or_else(local, |url| url.origin.clone())
    }

    /// What stands before every path as browsers see it: empty, or a path like `/fader`.
    pub fn base(&self) -> &str {
        self.public_url.as_ref().map_or("", |url| &url.base)
    }

    /// Where browsers find the server.
    pub fn site(&self) -> Site {
        Site::new(&self.origin(), self.base(), self.is_tls())
    }

    /// Others can reach the server, and nobody said how: links then work on this machine only.
    pub fn links_lead_nowhere(&self) -> bool {
        self.public_url.is_none() && !self.listens_on.ip().is_loopback()
    }
}

/// The address under which browsers reach the server, such as `https://fader.example.org`, or below a path of a proxy:
/// `https://tools.example.org/fader`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    origin: String,
    /// Empty, or a path without a slash at its end.
    base: String,
    tls: bool,
}

/// What addresses of the dashboard begin with, and its files. Those of the other doors stand in [`DOORS`].
const OWN: [&str; 27] = [
    "account",
    "approvals",
    "audit",
    "call",
    "connect",
    "favicon.png",
    "favicon.svg",
    "feedback",
    "flags",
    "groups",
    "import",
    "inter-LICENSE.txt",
    "inter.woff2",
    "invite",
    "join",
    "live",
    "password",
    "people",
    "pkg",
    "search",
    "settings",
    "setup",
    "shared",
    "sign-in",
    "sign-out",
    "testers",
    "theme",
];

/// Whether an address of Fader itself begins with this part: below such a path nobody could tell one from the other.
fn is_own(part: &str) -> bool {
    let doors = DOORS.named.iter().flat_map(|door| door.below);
    OWN.contains(&part) || doors.map(|below| below.trim_matches('/')).any(|it| it == part)
}

/// The text is not such an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPublicUrl {
    #[error(
        "the public address is written like https://fader.example.org or https://tools.example.org/fader"
    )]
    Written,
    #[error(
        "the path of the public address begins like pages or interfaces of Fader itself; let the proxy show Fader \
         below another path, such as https://tools.example.org/fader"
    )]
    Own,
}

impl PublicUrl {
    /// `https://fader.example.org`: as browsers write it in `Origin`.
    pub fn origin(&self) -> &str {
        &self.origin
    }
}

impl FromStr for PublicUrl {
    type Err = InvalidPublicUrl;

    fn from_str(text: &str) -> Result<Self, InvalidPublicUrl> {
        let uri: Uri = text.parse().map_err(|_| InvalidPublicUrl::Written)?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            Some(_) | None => return Err(InvalidPublicUrl::Written),
        };
        let authority = uri.authority().ok_or(InvalidPublicUrl::Written)?;
        let base = uri.path().trim_end_matches('/');
        let is_plain = |part: &str| {
            let chars = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
            !part.is_empty() && !matches!(part, "." | "..") && part.bytes().all(chars)
        };
        let fits = base.is_empty() || base.split('/').skip(1).all(is_plain);
        if !fits || uri.query().is_some() || text.contains('#') || authority.as_str().contains('@') {
            return Err(InvalidPublicUrl::Written);
        }
        if base.split('/').nth(1).is_some_and(is_own) {
            return Err(InvalidPublicUrl::Own);
        }
        let scheme = if tls { "https" } else { "http" };
        Ok(Self {
            origin: format!("{scheme}://{}", authority.as_str().to_ascii_lowercase()),
            base: base.to_owned(),
            tls,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_files_leave_connections_that_are_no_streams() {
        let config = Config::default().within(1024);
        assert_eq!((config.connections_max, config.streams_max), (896, 672));
        assert_eq!((config.connections_per_address_max(), config.streams_per_address_max()), (448, 168));
        let plenty = Config::default().within(1_000_000);
        assert_eq!((plenty.connections_max, plenty.streams_max), (25_000, 18_750));
    }

    #[test]
    fn links_begin_with_what_the_operator_said() {
        let on = |listens_on: &str, public: Option<&str>| Config {
            listens_on: listens_on.parse().expect("an address"),
            public_url: public.map(|url| url.parse().expect("an address")),
            ..Config::default()
        };
        assert_eq!(on("127.0.0.1:8080", None).origin(), "http://127.0.0.1:8080");
        assert_eq!(on("0.0.0.0:8080", None).origin(), "http://localhost:8080");
        assert_eq!(on("[::]:8080", None).origin(), "http://localhost:8080");
        assert_eq!(on("[::1]:8080", None).origin(), "http://[::1]:8080");
        let public = on("0.0.0.0:8080", Some("https://fader.test"));
        assert_eq!((public.origin().as_str(), public.links_lead_nowhere()), ("https://fader.test", false));
        assert!(
            on("0.0.0.0:8080", None).links_lead_nowhere() && !on("127.0.0.1:1", None).links_lead_nowhere()
        );
    }

    #[test]
    fn a_public_address_is_an_origin_and_perhaps_a_path() {
        let url: PublicUrl = "https://Fader.example.org/".parse().expect("an address");
        assert_eq!((url.origin(), &*url.base, url.tls), ("https://fader.example.org", "", true));
        for (text, base) in [("https://x/fader", "/fader"), ("http://x:81/tools/f-1.x/", "/tools/f-1.x")] {
            assert_eq!(text.parse::<PublicUrl>().expect("an address").base, base);
        }
        for bad in [
            "fader.example.org",
            "ftp://x",
            "https://x/a//b",
            "https://x/../a",
            "https://x/a%20b",
            "https://x/?q",
            "https://x/a#b",
            "https://me@x",
            "",
        ] {
            assert_eq!(bad.parse::<PublicUrl>(), Err(InvalidPublicUrl::Written), "{bad}");
        }
        for own in [
            "https://x/flags",
            "https://x/api/fader/",
            "https://x/v1",
            "https://x/widget.js",
            "https://x/pkg",
        ] {
            assert_eq!(own.parse::<PublicUrl>(), Err(InvalidPublicUrl::Own), "{own}");
        }
        assert!("https://x/tools/flags".parse::<PublicUrl>().is_ok(), "only the beginning counts");
    }
}
