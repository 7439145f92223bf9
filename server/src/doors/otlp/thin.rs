//! What is kept of telemetry: what it says about features and users. Everything else is skipped while it is read, so that
//! an export takes little memory whatever it holds: empty messages are two bytes each, and hundreds once they are made.

use std::{borrow::Cow, cell::Cell};

use http::StatusCode;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, any_value::Value};

use super::error::OtlpError;
use crate::limits::{OTLP_FIELDS_MAX, OTLP_ITEMS_MAX};

/// What names a flag that was evaluated.
pub const KEY: &str = "feature_flag.key";
/// Attributes kept of one list; the conventions that are read know ten names.
const ATTRIBUTES_MAX: usize = 24;
const NAME_BYTES_MAX: usize = 64;
/// Longer texts are no key of anything. They are kept long enough to be refused for it.
const TEXT_BYTES_MAX: usize = 1024;
const ID_BYTES_MAX: usize = 64;

/// Counts the evaluations of one export while it is read, and its fields: the smallest are two bytes each, and take as
/// long to read as others.
#[derive(Default)]
pub struct Export {
    evaluations: Cell<usize>,
    fields: Cell<usize>,
}

impl Export {
    /// One more list of attributes; whether it is about a flag.
    pub fn count(&self, attributes: &[KeyValue]) -> Result<bool, OtlpError> {
        let is_about_flag = is_about_flag(attributes);
        self.evaluations.update(|count| count + usize::from(is_about_flag));
        if self.evaluations.get() > OTLP_ITEMS_MAX {
            return Err(too_many());
        }
        Ok(is_about_flag)
    }

    /// One more field of any message.
    pub fn field(&self) -> Result<(), OtlpError> {
        self.fields.update(|count| count + 1);
        if self.fields.get() > OTLP_FIELDS_MAX { Err(too_detailed()) } else { Ok(()) }
    }

    /// The same for all values of a JSON document, before they are read.
    pub fn values(json: &[u8]) -> Result<(), OtlpError> {
        let (mut values, mut in_text, mut escaped) = (0_usize, false, false);
        for byte in json {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if in_text => escaped = true,
                b'"' => in_text = !in_text,
                b'{' | b'[' | b',' if !in_text => values += 1,
                _ => {}
            }
        }
        if values > OTLP_FIELDS_MAX { Err(too_detailed()) } else { Ok(()) }
    }
}

pub fn is_about_flag(attributes: &[KeyValue]) -> bool {
    attributes.iter().any(|it| it.key == KEY)
}

pub fn too_many() -> OtlpError {
    let message = format!("send at most {OTLP_ITEMS_MAX} evaluations and spans with features at once");
    OtlpError::new(StatusCode::PAYLOAD_TOO_LARGE, message)
}

pub fn too_detailed() -> OtlpError {
    let message = format!("send at most {OTLP_FIELDS_MAX} fields at once: smaller batches");
    OtlpError::new(StatusCode::PAYLOAD_TOO_LARGE, message)
}

pub fn is_wanted(name: &str) -> bool {
    let ours = name.starts_with("feature_flag.") || name.starts_with("fader.");
    (ours || name == "user.id" || name == "enduser.id") && name.len() <= NAME_BYTES_MAX
}

/// The value of an attribute.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub enum Found<'v> {
    /// None was sent.
    #[default]
    Nothing,
    /// A text, or what a number or a truth value is as a text: whoever sends the user 42 means the user "42".
    Text(Cow<'v, str>),
    /// A list, a map or bytes.
    Unreadable,
}

impl Found<'_> {
    pub fn of_text(text: &str) -> Found<'_> {
        Found::Text(Cow::Borrowed(text))
    }

    pub fn of_truth(value: bool) -> Self {
        Self::Text(Cow::Borrowed(if value { "true" } else { "false" }))
    }

    pub fn of_whole(number: i64) -> Self {
        Self::Text(Cow::Owned(number.to_string()))
    }

    /// A whole number that was sent as a fraction is the same text as if it had not been: 7 for 7.0.
    pub fn of_number(number: f64) -> Self {
        if number.is_finite() { Self::Text(Cow::Owned(number.to_string())) } else { Self::Unreadable }
    }
}

/// Adds an attribute that is wanted; the first of a name counts.
pub fn keep(attributes: &mut Vec<KeyValue>, name: &str, found: &Found<'_>) {
    if !is_wanted(name) || attributes.len() == ATTRIBUTES_MAX || attributes.iter().any(|it| it.key == name) {
        return;
    }
    let value = match found {
        Found::Nothing => None,
        Found::Text(text) => Some(Value::StringValue(shortened(text).to_owned())),
        Found::Unreadable => Some(Value::ArrayValue(ArrayValue::default())),
    };
    attributes.push(KeyValue {
        key: name.to_owned(),
        value: Some(AnyValue { value }),
        ..KeyValue::default()
    });
}

/// What [`keep`] kept of a name; `Err` where it is there and cannot be read.
pub fn kept<'v>(attributes: &'v [KeyValue], name: &str) -> Result<Option<&'v str>, Unreadable> {
    let found = attributes.iter().find(|attribute| attribute.key == name);
    match found.and_then(|it| it.value.as_ref()).and_then(|it| it.value.as_ref()) {
        None => Ok(None),
        Some(Value::StringValue(text)) => Ok(Some(text)),
        Some(
            Value::BoolValue(_)
            | Value::IntValue(_)
            | Value::DoubleValue(_)
            | Value::ArrayValue(_)
            | Value::KvlistValue(_)
            | Value::BytesValue(_)
            | Value::StringValueStrindex(_),
        ) => Err(Unreadable(name.to_owned())),
    }
}

/// The attribute of this name is something else than a text, a number or a truth value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is neither a text nor a number nor true or false")]
pub struct Unreadable(String);

fn shortened(text: &str) -> &str {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Of a trace or a span.
pub fn id(bytes: &[u8]) -> Vec<u8> {
    bytes[..bytes.len().min(ID_BYTES_MAX)].to_vec()
}
