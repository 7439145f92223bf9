//! Reads attributes straight from a document, without a tree of it in between.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::attribute::{AttributeValue, Attributes, NotAnAttribute, Tested};

impl<'de> Deserialize<'de> for AttributeValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Tested::deserialize(deserializer)? {
            Tested::Value(value) => Ok(value),
            Tested::Object | Tested::Null => Err(D::Error::custom(NotAnAttribute)),
        }
    }
}

/// What cannot be tested (null, objects) is left out; of two values with one name the last counts.
impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

impl<'de> Deserialize<'de> for Tested {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Value)
    }
}

struct Value;

impl<'de> Visitor<'de> for Value {
    type Value = Tested;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, b: bool) -> Result<Self::Value, E> {
        Ok(Tested::Value(AttributeValue::Boolean(b)))
    }

    fn visit_i64<E>(self, n: i64) -> Result<Self::Value, E> {
        Ok(Tested::Value(AttributeValue::Number(n.into())))
    }

    fn visit_u64<E>(self, n: u64) -> Result<Self::Value, E> {
        Ok(Tested::Value(AttributeValue::Number(n.into())))
    }

    fn visit_f64<E>(self, n: f64) -> Result<Self::Value, E> {
        Ok(Tested::Value(AttributeValue::Number(n.into())))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Tested::Value(AttributeValue::Text(text.to_owned())))
    }

    fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
        Ok(Tested::Value(AttributeValue::Text(text)))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Tested::Null)
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(Tested::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            match item {
                Tested::Null | Tested::Object | Tested::Value(AttributeValue::List(_)) => {}
                Tested::Value(AttributeValue::Text(text)) => items.push(text),
                Tested::Value(scalar @ (AttributeValue::Boolean(_) | AttributeValue::Number(_))) => {
                    items.push(scalar.display());
                }
            }
        }
        Ok(Tested::Value(AttributeValue::List(items)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Tested::Object)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Attributes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members: Vec<(Box<str>, Tested)> = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Attributes::from_members(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The other way to the same attributes: through a tree of the document.
    fn through_a_tree(document: &str) -> Attributes {
        let tree: serde_json::Value = serde_json::from_str(document).expect("JSON");
        Attributes::from_json(tree.as_object().expect("object"))
    }

    #[test]
    fn a_document_reads_as_its_tree_does() {
        for document in [
            "{}",
            r#"{"b": 1, "a": true, "c": "x\ny", "d": null, "e": {"f": [1]}, "g": -3, "h": 0.5, "i": 1e300}"#,
            r#"{"list": [1, "two", false, null, {"a": 1}, [1, 2], 9007199254740993, 2.50], "empty": []}"#,
            r#"{"z": 9007199254740992, "y": 9007199254740993, "x": -9007199254740993, "w": 18446744073709551615}"#,
            r#"{"v": 123456789012345678901234567890, "u": -0.0, "t": 8.2360083644992145e-19, "é": "É"}"#,
        ] {
            let read: Attributes = serde_json::from_str(document).expect("attributes");
            assert_eq!(read, through_a_tree(document), "{document}");
        }
    }

    #[test]
    fn of_two_members_with_one_name_the_last_counts() {
        let read = |document| serde_json::from_str::<Attributes>(document).expect("attributes");
        assert_eq!(read(r#"{"b": 1, "a": 2, "b": "x"}"#), read(r#"{"a": 2, "b": "x"}"#));
        assert_eq!(read(r#"{"b": 1, "a": 2, "b": null}"#), read(r#"{"a": 2}"#));
    }

    #[test]
    fn what_is_no_object_is_no_attributes_and_an_object_no_value() {
        for document in ["7", "[]", "\"x\"", "null", "{", "{\"a\": 1"] {
            assert!(serde_json::from_str::<Attributes>(document).is_err(), "{document}");
        }
        for document in ["null", "{}", r#"{"a": 1}"#] {
            assert!(serde_json::from_str::<AttributeValue>(document).is_err(), "{document}");
        }
    }
}
