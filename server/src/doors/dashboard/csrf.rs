//! Refuses writes that another site makes in a signed-in person's name.

use std::sync::Arc;

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderMap, Method, Uri, header};

use crate::{Config, config::PublicUrl, edge::fault::Fault};

/// Lets reads through, and writes that the browser says come from our own pages. What is no page at all is not found, whoever
/// asks.
pub async fn check(State(config): State<Arc<Config>>, request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS)
        || request.extensions().get::<MatchedPath>().is_none();
    if reads || is_own(request.headers(), request.uri(), config.public_url.as_ref()) {
        return next.run(request).await;
    }
    Fault::CrossSite.page()
}

/// `Sec-Fetch-Site` cannot be set by scripts and needs no knowledge of our own address, so it decides where it is
/// sent. Browsers leave it out on plain HTTP: there `Origin` has to name the host that the request came to.
fn is_own(headers: &HeaderMap, uri: &Uri, public_url: Option<&PublicUrl>) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin";
    }
    let Some(origin) = headers.get(header::ORIGIN).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    if let Some(public_url) = public_url {
        return origin.eq_ignore_ascii_case(public_url.origin());
    }
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok());
    let host = host.or_else(|| uri.authority().map(http::uri::Authority::as_str));
    origin.split_once("://").is_some_and(|(_, authority)| {
        host.is_some_and(|host| !host.is_empty() && authority.eq_ignore_ascii_case(host))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(pairs: &[(&'static str, &str)], public: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().expect("a header"));
        }
        let public = public.map(|url| url.parse().expect("an address"));
        is_own(&headers, &Uri::from_static("/flags"), public.as_ref())
    }

    #[test]
    fn a_write_has_to_come_from_our_own_pages() {
        let host = ("host", "fader.test:3000");
        assert!(allowed(&[("sec-fetch-site", "same-origin")], None));
        assert!(allowed(&[host, ("origin", "http://fader.test:3000")], None));
        assert!(allowed(&[("origin", "https://fader.test")], Some("https://fader.test")));
        for site in ["cross-site", "same-site", "none"] {
            assert!(!allowed(&[("sec-fetch-site", site), host, ("origin", "http://fader.test:3000")], None));
        }
        assert!(!allowed(&[host], None), "no word of where it comes from");
        assert!(!allowed(&[host, ("origin", "null")], None));
        assert!(!allowed(&[host, ("origin", "http://evil.test")], None));
        assert!(!allowed(&[host, ("origin", "http://fader.test:3000")], Some("https://fader.test")));
    }
}
