//! Names of things as newtypes: a value of these types is known to be well formed.

use std::{
    borrow::{Borrow, Cow},
    fmt,
};

use serde::{Deserialize, Serialize};

/// The attribute name under which conditions can test the targeting key itself.
pub const TARGETING_KEY: &str = "targetingKey";

const KEY_CHARS_MAX: usize = 100;
const SUBJECT_BYTES_MAX: usize = 256;

/// Which characters nobody sees in a key, so that two keys that look alike are one.
mod invisible;

/// Why a text is not a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    #[error("must not be empty")]
    Empty,
    #[error("is longer than {0} characters")]
    TooLong(usize),
    #[error("may contain only letters, digits, '.', '_' and '-', and starts with a letter or a digit")]
    Characters,
    #[error("must not contain control characters or begin or end with a space")]
    Control,
}

fn check_slug(text: &str) -> Result<(), InvalidKey> {
    if text.is_empty() {
        return Err(InvalidKey::Empty);
    }
    if text.len() > KEY_CHARS_MAX {
        return Err(InvalidKey::TooLong(KEY_CHARS_MAX));
    }
    let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    if !text.bytes().all(inner) || !text.as_bytes()[0].is_ascii_alphanumeric() {
        return Err(InvalidKey::Characters);
    }
    Ok(())
}

/// Whether `text` is how an address names the folder that it stands in, or the one above: clients and proxies take it out,
/// however it is encoded.
pub fn is_dots(text: &str) -> bool {
    matches!(text, "." | "..")
}

/// Whether `text`, as a part of an address, means a page or a folder and not what is called so.
pub fn means_a_place(text: &str) -> bool {
    is_dots(text) || text.eq_ignore_ascii_case("new")
}

fn check_attribute(text: &str) -> Result<(), InvalidKey> {
    if text.len() > KEY_CHARS_MAX {
        return Err(InvalidKey::TooLong(KEY_CHARS_MAX));
    }
    check_slug(text.trim_start_matches('_'))
}

fn check_subject(text: &str) -> Result<(), InvalidKey> {
    if text.is_empty() {
        return Err(InvalidKey::Empty);
    }
    if text.len() > SUBJECT_BYTES_MAX {
        return Err(InvalidKey::TooLong(SUBJECT_BYTES_MAX));
    }
    if text.chars().any(char::is_control) || text.trim() != text {
        return Err(InvalidKey::Control);
    }
    Ok(())
}

/// Keys of letters and digits are what they are.
fn as_it_is(text: &str) -> Cow<'_, str> {
    Cow::Borrowed(text)
}

macro_rules! key {
    ($(#[$doc:meta])* $name:ident, $check:ident) => {
        key!($(#[$doc])* $name, $check, as_it_is);
    };
    ($(#[$doc:meta])* $name:ident, $check:ident, $plain:path) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Box<str>);

        impl $name {
            /// Parses a key; the error says what is wrong with the text.
            pub fn parse(text: &str) -> Result<Self, InvalidKey> {
                let text = $plain(text);
                $check(&text).map(|()| Self(text.into()))
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidKey;
            fn try_from(text: String) -> Result<Self, InvalidKey> {
                Self::parse(&text)
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidKey;
            fn from_str(text: &str) -> Result<Self, InvalidKey> {
                Self::parse(text)
            }
        }

        impl From<$name> for String {
            fn from(key: $name) -> String {
                key.0.into()
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

key!(/// Names a flag: 1–100 letters, digits, `.`, `_`, `-`.
    FlagKey, check_slug);
key!(/// Names a pilot group: 1–100 letters, digits, `.`, `_`, `-`.
    GroupKey, check_slug);
key!(/// Names an environment: 1–100 letters, digits, `.`, `_`, `-`.
    EnvironmentKey, check_slug);
key!(/// Names a variant of one flag: 1–100 letters, digits, `.`, `_`, `-`.
    VariantKey, check_slug);
key!(/// Names a rule within one rollout, stable while the rule is edited or moved.
    RuleId, check_slug);
key!(/// Names an attribute of a context; like a key, and may begin with `_`.
    AttributeName, check_attribute);
key!(/// Names a metric that a workspace defined itself.
    MetricKey, check_slug);
key!(/// Names a guardrail within one flag, stable while its limit is edited.
    GuardrailId, check_slug);
key!(/// The targeting key of a subject: 1–256 bytes, no control characters; composed (NFC), and without characters that
    /// nobody sees, which are taken out.
    SubjectKey, check_subject, invisible::without);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_refuses_what_would_break_a_url_or_a_page() {
        for bad in ["", "-x", "a b", "a/b", "é", "<b>", &"x".repeat(101)] {
            assert!(FlagKey::parse(bad).is_err(), "{bad:?}");
        }
        assert_eq!(FlagKey::parse("fast-payment").map(|k| k.to_string()), Ok("fast-payment".to_owned()));
    }

    #[test]
    fn a_subject_may_be_any_printable_text() {
        assert!(SubjectKey::parse("ユーザー 7 @ example").is_ok());
        assert!(SubjectKey::parse("a\u{0}b").is_err());
        assert!(SubjectKey::parse(" a").is_err());
        assert_eq!(SubjectKey::parse("\u{200b}\u{feff}"), Err(InvalidKey::Empty));
    }

    #[test]
    fn keys_of_subjects_that_look_alike_are_one() {
        let key = |text: &str| SubjectKey::parse(text).map(|key| key.to_string());
        for text in
            ["ada.moreau", "\u{200b}ada.moreau", "\u{202a}ada.moreau\u{202c}", "ada\u{ad}.moreau\u{feff}"]
        {
            assert_eq!(key(text).as_deref(), Ok("ada.moreau"), "{text:?}");
        }
        assert_eq!(key("e\u{301}ve"), key("éve"));
        let read: SubjectKey = serde_json::from_str("\"ada\u{2060}\"").expect("a key");
        assert_eq!(read.as_str(), "ada");
    }
}
