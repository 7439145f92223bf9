//! Which content codings a client accepts.

use http::{HeaderMap, HeaderName, header::ACCEPT_ENCODING};

/// Whether the client named this coding and did not refuse it with `q=0`.
pub fn accepts(headers: &HeaderMap, coding: &str) -> bool {
    items(headers, &ACCEPT_ENCODING).any(|item| {
        let mut parts = item.split(';').map(str::trim);
        let named = parts.next().is_some_and(|it| it.eq_ignore_ascii_case(coding));
        named && !parts.any(|it| it.strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0_f32)))
    })
}

/// The items of a header that is a list, over all its lines.
pub fn items<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).iter().filter_map(|it| it.to_str().ok()).flat_map(|it| it.split(',')).map(str::trim)
}
