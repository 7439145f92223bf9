//! What an operator can set: parsed once, so that the rest of the server holds values that make sense.

use std::{num::NonZeroU32, str::FromStr, time::Duration};

use http::Uri;
use ipnet::IpNet;

use crate::limits;

/// How the server behaves; where it listens and its database are not part of it.
#[derive(Debug, Clone)]
pub struct Config {
    pub public_url: Option<PublicUrl>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    pub evaluations_per_second: NonZeroU32,
    pub wrong_tokens_per_minute: NonZeroU32,
    pub streams_max: usize,
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
}

impl Default for Config {
    fn default() -> Self {
        Self {
            public_url: None,
            trusted_proxies: Vec::new(),
            evaluations_per_second: NonZeroU32::new(limits::EVALUATIONS_PER_SECOND)
                .unwrap_or(NonZeroU32::MIN),
            wrong_tokens_per_minute: NonZeroU32::new(limits::WRONG_TOKENS_PER_MINUTE)
                .unwrap_or(NonZeroU32::MIN),
            streams_max: limits::STREAMS_MAX,
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
        }
    }
}

impl Config {
    /// Whether browsers reach the server through TLS: cookies are then `Secure`, and HSTS is sent.
    pub fn is_tls(&self) -> bool {
        self.public_url.as_ref().is_some_and(|url| url.tls)
    }
}

/// The address under which browsers reach the server, such as `https://fader.example.org`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    origin: String,
    tls: bool,
}

/// The text is not such an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the public address is written like https://fader.example.org, without a path")]
pub struct InvalidPublicUrl;

impl PublicUrl {
    /// `https://fader.example.org`: as browsers write it in `Origin`.
    pub fn origin(&self) -> &str {
        &self.origin
    }
}

impl FromStr for PublicUrl {
    type Err = InvalidPublicUrl;

    fn from_str(text: &str) -> Result<Self, InvalidPublicUrl> {
        let uri: Uri = text.parse().map_err(|_| InvalidPublicUrl)?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            Some(_) | None => return Err(InvalidPublicUrl),
        };
        let authority = uri.authority().ok_or(InvalidPublicUrl)?;
        if uri.path() != "/" || uri.query().is_some() || authority.as_str().contains('@') {
            return Err(InvalidPublicUrl);
        }
        let scheme = if tls { "https" } else { "http" };
        Ok(Self { origin: format!("{scheme}://{}", authority.as_str().to_ascii_lowercase()), tls })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_address_is_an_origin() {
        let url: PublicUrl = "https://Fader.example.org/".parse().expect("an address");
        assert_eq!((url.origin(), url.tls), ("https://fader.example.org", true));
        for bad in ["fader.example.org", "ftp://x", "https://x/path", "https://x/?q", "https://me@x", ""] {
            assert_eq!(bad.parse::<PublicUrl>(), Err(InvalidPublicUrl), "{bad}");
        }
    }
}
