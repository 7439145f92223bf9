//! Which content codings a client accepts, and in which one it sends.

use http::{
    HeaderMap, HeaderName,
    header::{ACCEPT_ENCODING, CONTENT_ENCODING},
};

use super::fault::Fault;

/// The codings that are read, as an answer names them.
pub const READ: &str = "gzip, zstd";

/// What a body was compressed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyCoding {
    Gzip,
    Zstd,
}

impl BodyCoding {
    /// What the headers say of the body; `None` when it is sent as it is. One coding at most: several are never needed.
    pub fn of(headers: &HeaderMap) -> Result<Option<Self>, Fault> {
        let mut coding = None;
        for named in headers.get_all(CONTENT_ENCODING) {
            let named = named.to_str().map_err(|_| Fault::UnknownCoding)?.trim();
            let is = |coding: &str| named.eq_ignore_ascii_case(coding);
            let read = match named {
                _ if is("gzip") || is("x-gzip") => Self::Gzip,
                _ if is("zstd") => Self::Zstd,
                _ if is("identity") || named.is_empty() => continue,
                _ => return Err(Fault::UnknownCoding),
            };
            if coding.replace(read).is_some() {
                return Err(Fault::UnknownCoding);
            }
        }
        Ok(coding)
    }
}

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
    fn one_coding_is_read_however_it_is_written() {
        let of = |values: &[&'static str]| {
            let values = values.iter().map(|it| (CONTENT_ENCODING, http::HeaderValue::from_static(it)));
            let mut headers = HeaderMap::new();
            for (name, value) in values {
                headers.append(name, value);
            }
            BodyCoding::of(&headers)
        };
        for plain in [&[][..], &["identity"], &[""]] {
            assert_eq!(of(plain), Ok(None), "{plain:?}");
        }
        assert_eq!(of(&[" GZIP"]), Ok(Some(BodyCoding::Gzip)));
        assert_eq!(of(&["identity", "zstd"]), Ok(Some(BodyCoding::Zstd)));
        for other in [&["br"][..], &["deflate"], &["gzip, gzip"], &["gzip", "zstd"]] {
            assert_eq!(of(other), Err(Fault::UnknownCoding), "{other:?}");
        }
    }

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
