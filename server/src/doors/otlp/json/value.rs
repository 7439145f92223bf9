//! The values of attributes in OTLP's JSON.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize,
    de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use crate::doors::otlp::thin::Found;

/// An object whose member says of which kind the value is.
pub struct JsonValue<'a>(pub Found<'a>);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Kind {
    StringValue,
    BoolValue,
    IntValue,
    DoubleValue,
    ArrayValue,
    KvlistValue,
    BytesValue,
    #[serde(other)]
    Other,
}

impl Kind {
    /// `None` where nothing is said. Bytes look like a text, and numbers may come as one.
    fn read(self, found: Found<'_>) -> Option<Found<'_>> {
        if found == Found::Nothing {
            return None;
        }
        match (self, found) {
            (Self::StringValue | Self::BoolValue, found) => Some(found),
            (Self::IntValue, Found::Text(text)) => {
                let whole = text.parse::<i128>().ok();
                Some(whole.map_or(Found::Unreadable, |it| Found::Text(Cow::Owned(it.to_string()))))
            }
            (Self::DoubleValue, Found::Text(text)) => {
                Some(text.parse().map_or(Found::Unreadable, Found::of_number))
            }
            (
                Self::IntValue | Self::DoubleValue | Self::ArrayValue | Self::KvlistValue | Self::BytesValue,
                _,
            ) => Some(Found::Unreadable),
            (Self::Other, _) => None,
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for JsonValue<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = JsonValue<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value: an object with its kind")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<JsonValue<'de>, A::Error> {
                let mut found = Found::Nothing;
                while let Some((kind, Scalar(value))) = members.next_entry::<Kind, Scalar<'de>>()? {
                    // The last one that says something counts, as in protobuf.
                    if let Some(read) = kind.read(value) {
                        found = read;
                    }
                }
                Ok(JsonValue(found))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// What a value holds, whatever that is; whole numbers are texts in this encoding, for some senders.
struct Scalar<'a>(Found<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for Scalar<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Anything;
        impl<'de> Visitor<'de> for Anything {
            type Value = Scalar<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Scalar<'de>, E> {
                Ok(Scalar(Found::of_text(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Scalar<'de>, E> {
                Ok(Scalar(Found::Text(Cow::Owned(text.to_owned()))))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Scalar<'de>, E> {
                Ok(Scalar(Found::of_truth(value)))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Scalar<'de>, E> {
                Ok(Scalar(Found::of_whole(number)))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Scalar<'de>, E> {
                Ok(Scalar(Found::Text(Cow::Owned(number.to_string()))))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Scalar<'de>, E> {
                Ok(Scalar(Found::of_number(number)))
            }

            fn visit_unit<E>(self) -> Result<Scalar<'de>, E> {
                Ok(Scalar(Found::Nothing))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Scalar<'de>, A::Error> {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Scalar(Found::Unreadable))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Scalar<'de>, A::Error> {
                while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Scalar(Found::Unreadable))
            }
        }
        deserializer.deserialize_any(Anything)
    }
}
