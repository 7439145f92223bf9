//! Reads attributes straight from a document, without a tree of it in between.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::attribute::{AttributeValue, Attributes, NotAnAttribute, is_exact};

impl<'de> Deserialize<'de> for AttributeValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Tested::deserialize(deserializer)?.0.ok_or_else(|| D::Error::custom(NotAnAttribute))
    }
}

/// What cannot be tested (null, objects) is left out; of two values with one name the last counts.
impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

/// A value, unless it is none that a condition can test.
struct Tested(Option<AttributeValue>);

impl<'de> Deserialize<'de> for Tested {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Value).map(Self)
    }
}

struct Value;

impl<'de> Visitor<'de> for Value {
    type Value = Option<AttributeValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, b: bool) -> Result<Self::Value, E> {
        Ok(Some(AttributeValue::Boolean(b)))
    }

    fn visit_i64<E>(self, n: i64) -> Result<Self::Value, E> {
        #[expect(clippy::cast_precision_loss, reason = "exact, or not used")]
        let float = n as f64;
        let exact = is_exact(n.unsigned_abs());
        Ok(Some(if exact { AttributeValue::Number(float) } else { AttributeValue::Text(n.to_string()) }))
    }

    fn visit_u64<E>(self, n: u64) -> Result<Self::Value, E> {
        #[expect(clippy::cast_precision_loss, reason = "exact, or not used")]
        let float = n as f64;
        Ok(Some(if is_exact(n) {
            AttributeValue::Number(float)
        } else {
            AttributeValue::Text(n.to_string())
        }))
    }

    fn visit_f64<E>(self, n: f64) -> Result<Self::Value, E> {
        Ok(Some(AttributeValue::Number(n)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(AttributeValue::Text(text.to_owned())))
    }

    fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
        Ok(Some(AttributeValue::Text(text)))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Tested(item)) = seq.next_element()? {
            match item {
                None | Some(AttributeValue::List(_)) => {}
                Some(AttributeValue::Text(text)) => items.push(text),
                Some(scalar @ (AttributeValue::Boolean(_) | AttributeValue::Number(_))) => {
                    items.push(scalar.display());
                }
            }
        }
        Ok(Some(AttributeValue::List(items)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Attributes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members: Vec<(Box<str>, Option<AttributeValue>)> = Vec::new();
        while let Some((name, Tested(value))) = map.next_entry()? {
            members.push((name, value));
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
