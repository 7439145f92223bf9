//! Reads attributes straight from a document, without a tree of it in between.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::attribute::{AttributeValue, Attributes, NotAnAttribute, Tested, put_in_order};
use crate::{Number, ValueRef};

/// Attributes as they are written in a document, borrowed from it as far as that goes: for what is read once and packed.
#[derive(Debug, Clone, PartialEq)]
pub struct Written<'a>(Vec<(Cow<'a, str>, Tested<WrittenValue<'a>>)>);

#[derive(Debug, Clone, PartialEq)]
enum WrittenValue<'a> {
    Boolean(bool),
    Number(Number),
    Text(Cow<'a, str>),
    List(Vec<String>),
}

impl<'a> Written<'a> {
    /// What [`Attributes`] would be read from the same document.
    pub fn read(document: &'a str) -> serde_json::Result<Self> {
        serde_json::from_str(document)
    }

    /// In the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, ValueRef<'_>)> + Clone {
        self.0.iter().filter_map(|(name, member)| match member {
            Tested::Value(value) => Some((&**name, value.into())),
            Tested::Object | Tested::Null => None,
        })
    }
}

impl<'de> Deserialize<'de> for Written<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(WrittenMembers)
    }
}

impl<'a> From<&'a WrittenValue<'_>> for ValueRef<'a> {
    fn from(value: &'a WrittenValue<'_>) -> Self {
        match value {
            WrittenValue::Boolean(b) => Self::Boolean(*b),
            WrittenValue::Number(n) => Self::Number(*n),
            WrittenValue::Text(text) => Self::Text(text),
            WrittenValue::List(items) => Self::plain_list(items),
        }
    }
}

impl From<WrittenValue<'_>> for AttributeValue {
    fn from(value: WrittenValue<'_>) -> Self {
        match value {
            WrittenValue::Boolean(b) => Self::Boolean(b),
            WrittenValue::Number(n) => Self::Number(n),
            WrittenValue::Text(text) => Self::Text(text.into_owned()),
            WrittenValue::List(items) => Self::List(items),
        }
    }
}

impl<'de> Deserialize<'de> for AttributeValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Tested::<WrittenValue<'_>>::deserialize(deserializer)? {
            Tested::Value(value) => Ok(value.into()),
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

impl<'de> Deserialize<'de> for Tested<WrittenValue<'de>> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Value)
    }
}

struct Value;

impl<'de> Visitor<'de> for Value {
    type Value = Tested<WrittenValue<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, b: bool) -> Result<Self::Value, E> {
        Ok(Tested::Value(WrittenValue::Boolean(b)))
    }

    fn visit_i64<E>(self, n: i64) -> Result<Self::Value, E> {
        Ok(Tested::Value(WrittenValue::Number(n.into())))
    }

    fn visit_u64<E>(self, n: u64) -> Result<Self::Value, E> {
        Ok(Tested::Value(WrittenValue::Number(n.into())))
    }

    fn visit_f64<E>(self, n: f64) -> Result<Self::Value, E> {
        Ok(Tested::Value(WrittenValue::Number(n.into())))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Tested::Value(WrittenValue::Text(Cow::Borrowed(text))))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Tested::Value(WrittenValue::Text(Cow::Owned(text.to_owned()))))
    }

    fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
        Ok(Tested::Value(WrittenValue::Text(Cow::Owned(text))))
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
                Tested::Null | Tested::Object | Tested::Value(WrittenValue::List(_)) => {}
                Tested::Value(WrittenValue::Text(text)) => items.push(text.into_owned()),
                Tested::Value(scalar @ (WrittenValue::Boolean(_) | WrittenValue::Number(_))) => {
                    items.push(ValueRef::from(&scalar).display());
                }
            }
        }
        Ok(Tested::Value(WrittenValue::List(items)))
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
        let mut members: Vec<(Box<str>, Tested<AttributeValue>)> = Vec::new();
        while let Some((name, member)) = map.next_entry::<_, Tested<WrittenValue<'_>>>()? {
            members.push((name, member.map(AttributeValue::from)));
        }
        Ok(Attributes::from_members(members))
    }
}

struct WrittenMembers;

impl<'de> Visitor<'de> for WrittenMembers {
    type Value = Written<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::with_capacity(8);
        while let Some((Name(name), member)) = map.next_entry()? {
            members.push((name, member));
        }
        put_in_order(&mut members);
        Ok(Written(members))
    }
}

/// What serde reads into a `Cow` by itself is always a copy.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NameVisitor)
    }
}

struct NameVisitor;

impl<'de> Visitor<'de> for NameVisitor {
    type Value = Name<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Name(Cow::Borrowed(name)))
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Name(Cow::Owned(name.to_owned())))
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
            assert_same(document);
        }
    }

    /// Borrowed or not, it is read alike.
    fn assert_same(document: &str) {
        let read: Attributes = serde_json::from_str(document).expect("attributes");
        let written = Written::read(document).expect("attributes");
        assert!(written.iter().eq(crate::Traits::from(&read).iter()), "{document}");
    }

    #[test]
    fn of_two_members_with_one_name_the_last_counts() {
        let read = |document| serde_json::from_str::<Attributes>(document).expect("attributes");
        assert_eq!(read(r#"{"b": 1, "a": 2, "b": "x"}"#), read(r#"{"a": 2, "b": "x"}"#));
        assert_eq!(read(r#"{"b": 1, "a": 2, "b": null}"#), read(r#"{"a": 2}"#));
        assert_same(r#"{"b": 1, "a": 2, "b": "x"}"#);
        assert_same(r#"{"b": 1, "\u0061": 2, "b": null}"#);
    }

    #[test]
    fn what_is_no_object_is_no_attributes_and_an_object_no_value() {
        for document in ["7", "[]", "\"x\"", "null", "{", "{\"a\": 1"] {
            assert!(serde_json::from_str::<Attributes>(document).is_err(), "{document}");
            assert!(Written::read(document).is_err(), "{document}");
        }
        for document in ["null", "{}", r#"{"a": 1}"#] {
            assert!(serde_json::from_str::<AttributeValue>(document).is_err(), "{document}");
        }
    }
}
