//! Which content codings a client accepts.

use http::{HeaderMap, HeaderName, header::ACCEPT_ENCODING};

/// Whether the client named this coding and did not refuse it with `q=0`.
pub fn accepts(headers: &HeaderMap, coding: &str) -> bool {
    items(headers, &ACCEPT_ENCODING).any(|item| {
        let mut parts = item.split(';').map(str::trim);
        let named = parts.next().is_some_and(|it| it.eq_ignore_ascii_case(coding));
        named && !parts.any(is_none)
    })
}

/// Whether a parameter is the weight of what is not wanted at all.
fn is_none(parameter: &str) -> bool {
    let weight = parameter.split_once('=').filter(|(name, _)| name.eq_ignore_ascii_case("q"));
    weight.is_some_and(|(_, weight)| weight.parse() == Ok(0.0_f32))
}

/// The items of a header that is a list, over all its lines.
pub fn items<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).iter().filter_map(|it| it.to_str().ok()).flat_map(|it| it.split(',')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_of_nothing_refuses_however_it_is_written() {
        let accepts = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, http::HeaderValue::from_static(value));
            super::accepts(&headers, "gzip")
        };
        for accepted in ["gzip", "GZIP;q=0.5", "br, gzip;Q=1"] {
            assert!(accepts(accepted), "{accepted}");
        }
        for refused in ["gzip;q=0", "gzip;Q=0", "gzip; Q=0.000", "br"] {
            assert!(!accepts(refused), "{refused}");
        }
    }
}
