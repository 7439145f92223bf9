//! Whether whoever asks holds the answer already.

use http::{HeaderMap, HeaderValue, header};

/// Whether `If-None-Match` names the tag. Compared weakly: proxies that compress answers weaken our strong tags.
pub fn is_held(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let lines = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
    let mut tags = lines.flat_map(|line| line.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag).as_bytes() == etag.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_none_match_may_be_a_list_and_weakened() {
        let etag = HeaderValue::from_static("\"a\"");
        for (line, held) in [
            ("\"a\"", true),
            ("W/\"a\"", true),
            ("\"b\", \"a\"", true),
            ("*", true),
            ("\"b\"", false),
            ("a", false),
        ] {
            let headers = HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_static(line))]);
            assert_eq!(is_held(&headers, &etag), held, "{line}");
        }
    }
}
