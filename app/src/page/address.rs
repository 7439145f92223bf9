//! The addresses of flags, groups and people, whatever they are called: paths of the router, which [`super::here::Here`]
//! makes links of.

use std::fmt::{Display, Write as _};

use engine::means_a_place;

/// Bytes that stay as they are in a path; everything else is written as `%XX`.
const PLAIN: &[u8] = b"-._~@:!$'()*,;";
/// Stands before a key that means a page or a folder: no key begins with a space.
const MARK: &str = "%20";

/// `/flags/{key}`
pub fn flag(key: impl Display) -> String {
    format!("/flags/{}", segment(&key.to_string()))
}

/// `/groups/{key}`
pub fn group(key: impl Display) -> String {
    format!("/groups/{}", segment(&key.to_string()))
}

/// `/people/{key}`
pub fn person(subject: &str) -> String {
    format!("/people/{}", segment(subject))
}

/// `/people/{key}/changed`, from a moment as RFC 3339 has it.
pub fn person_changed(subject: &str, from: Option<&str>) -> String {
    let path = format!("{}/changed", person(subject));
    let Some(from) = from else { return path };
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("from", from).finish();
    format!("{path}?{query}")
}

/// `/testers/{key}`
pub fn tester(subject: &str) -> String {
    format!("/testers/{}", segment(subject))
}

/// The key that a part of an address names.
pub fn key_of(part: &str) -> &str {
    part.strip_prefix(' ').filter(|key| means_a_place(key)).unwrap_or(part)
}

fn segment(key: &str) -> String {
    let mut segment = if means_a_place(key) { MARK.to_owned() } else { String::new() };
    for byte in key.bytes() {
        if byte.is_ascii_alphanumeric() || PLAIN.contains(&byte) {
            segment.push(char::from(byte));
        } else {
            // Writing to a text cannot fail.
            let _ = write!(segment, "%{byte:02X}");
        }
    }
    segment
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_key_can_stand_in_a_path() {
        assert_eq!(person("ada.moreau"), "/people/ada.moreau");
        assert_eq!(person("a/b c?d#é%"), "/people/a%2Fb%20c%3Fd%23%C3%A9%25");
        assert_eq!(flag("fast-payment"), "/flags/fast-payment");
    }

    #[test]
    fn what_is_called_like_a_page_or_a_folder_has_an_address_of_its_own() {
        for (key, path) in [(".", "/people/%20."), ("..", "/people/%20.."), ("new", "/people/%20new")] {
            assert_eq!(person(key), path);
            assert_eq!(key_of(&format!(" {key}")), key);
        }
        for key in ["new", "ada", "...", " ada"] {
            assert_eq!(key_of(key), key);
        }
    }
}
