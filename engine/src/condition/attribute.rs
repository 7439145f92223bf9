//! Attribute values as callers send them.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value as Json;

use crate::{Number, ValueRef, text::same};

/// A value that a condition can test. Objects and nulls are not: they count as missing.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum AttributeValue {
    Boolean(bool),
    Number(Number),
    Text(String),
    /// Elements in their text form.
    List(Vec<String>),
}

impl AttributeValue {
    /// From JSON; `None` for null and objects.
    pub fn from_json(json: &Json) -> Option<Self> {
        match json {
            Json::Null | Json::Object(_) => None,
            Json::Bool(b) => Some(Self::Boolean(*b)),
            Json::Number(n) => Some(Self::Number(number(n))),
            Json::String(s) => Some(Self::Text(s.clone())),
            Json::Array(items) => Some(Self::List(items.iter().filter_map(element_text).collect())),
        }
    }

    /// How a person reads it.
    pub fn display(&self) -> String {
        ValueRef::from(self).display()
    }

    /// What it is, in words.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Boolean(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
        }
    }
}

/// The value is null or an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an attribute is a text, a number, true or false, or a list of these")]
pub struct NotAnAttribute;

fn number(n: &serde_json::Number) -> Number {
    let whole = n.as_i64().map(Number::from).or_else(|| n.as_u64().map(Number::from));
    whole.unwrap_or_else(|| n.as_f64().unwrap_or(f64::NAN).into())
}

fn element_text(json: &Json) -> Option<String> {
    match AttributeValue::from_json(json) {
        None | Some(AttributeValue::List(_)) => None,
        Some(scalar) => Some(scalar.display()),
    }
}

/// A member of an object of attributes.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Tested<V> {
    Value(V),
    Object,
    Null,
}

impl<V> Tested<V> {
    pub(super) fn map<W>(self, of: impl FnOnce(V) -> W) -> Tested<W> {
        match self {
            Self::Value(value) => Tested::Value(of(value)),
            Self::Object => Tested::Object,
            Self::Null => Tested::Null,
        }
    }
}

/// By name; of two with one name the last counts.
pub(super) fn put_in_order<N: Ord, V>(members: &mut Vec<(N, V)>) {
    if !members.is_sorted_by(|(a, _), (b, _)| a < b) {
        members.sort_by(|(a, _), (b, _)| b.cmp(a));
        members.reverse();
        members.dedup_by(|(later, _), (earlier, _)| later == earlier);
    }
}

/// Among so few, looking at each is quicker than halving.
const LINEAR_MAX: usize = 12;

/// Attributes of one subject or call: few, sorted by name.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(into = "BTreeMap<String, AttributeValue>")]
pub struct Attributes {
    values: Vec<(Box<str>, AttributeValue)>,
    /// Names of objects among what was read: they count as missing, and an explanation can say so.
    objects: Vec<Box<str>>,
}

/// What counts as missing makes no difference.
impl PartialEq for Attributes {
    fn eq(&self, other: &Self) -> bool {
        self.values == other.values
    }
}

impl Attributes {
    pub const EMPTY: &'static Self = &Self { values: Vec::new(), objects: Vec::new() };

    /// From a JSON object's members; what cannot be tested (null, objects) is left out.
    pub fn from_json(members: &serde_json::Map<String, Json>) -> Self {
        let values =
            members.iter().filter_map(|(name, json)| Some((name.clone(), AttributeValue::from_json(json)?)));
        let objects = members.iter().filter(|(_, json)| json.is_object());
        Self { objects: objects.map(|(name, _)| name.as_str().into()).collect(), ..values.collect() }
    }

    /// Members as a document has them, in any order.
    pub(super) fn from_members(mut members: Vec<(Box<str>, Tested<AttributeValue>)>) -> Self {
        put_in_order(&mut members);
        let mut attributes = Self { values: Vec::with_capacity(members.len()), objects: Vec::new() };
        for (name, member) in members {
            match member {
                Tested::Value(value) => attributes.values.push((name, value)),
                Tested::Object => attributes.objects.push(name),
                Tested::Null => {}
            }
        }
        attributes
    }

    #[inline]
    pub fn get(&self, name: &str) -> Option<&AttributeValue> {
        if self.values.len() <= LINEAR_MAX {
            return self.values.iter().find(|(n, _)| same(n, name)).map(|(_, value)| value);
        }
        let at = self.values.binary_search_by(|(n, _)| (**n).cmp(name)).ok()?;
        Some(&self.values[at].1)
    }

    pub fn set(&mut self, name: &str, value: AttributeValue) {
        match self.values.binary_search_by(|(n, _)| (**n).cmp(name)) {
            Ok(at) => self.values[at].1 = value,
            Err(at) => self.values.insert(at, (name.into(), value)),
        }
    }

    /// Says that an object was sent under this name.
    pub fn set_object(&mut self, name: &str) {
        self.objects.push(name.into());
    }

    /// The object in which somebody who tests `name` would look for it: `user` for `user.plan`.
    pub(crate) fn object_around(&self, name: &str) -> Option<&str> {
        let is_around = |object: &str| {
            name.strip_prefix(object).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.objects.iter().map(|object| &**object).find(|object| is_around(object))
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &AttributeValue)> + Clone {
        self.values.iter().map(|(name, value)| (&**name, value))
    }

    pub fn len(&self) -> usize {
        self.values.len()
    }

    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

impl FromIterator<(String, AttributeValue)> for Attributes {
    /// Of two values with one name the last wins.
    fn from_iter<I: IntoIterator<Item = (String, AttributeValue)>>(items: I) -> Self {
        items.into_iter().collect::<BTreeMap<_, _>>().into()
    }
}

impl From<BTreeMap<String, AttributeValue>> for Attributes {
    fn from(map: BTreeMap<String, AttributeValue>) -> Self {
        let values = map.into_iter().map(|(name, value)| (name.into(), value));
        Self { values: values.collect(), objects: Vec::new() }
    }
}

impl From<Attributes> for BTreeMap<String, AttributeValue> {
    fn from(attributes: Attributes) -> Self {
        attributes.values.into_iter().map(|(name, value)| (name.into(), value)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_beyond_the_exact_floats_keeps_its_digits() {
        for n in [9_007_199_254_740_993_i64, i64::MAX, -9_007_199_254_740_993] {
            let value = AttributeValue::from_json(&n.into());
            assert_eq!(value, Some(AttributeValue::Number(n.into())));
            assert_eq!(value.map(|value| value.display()), Some(n.to_string()));
        }
        let list = AttributeValue::from_json(&serde_json::json!([u64::MAX, 9_007_199_254_740_993_i64, 2.0]));
        let texts = ["18446744073709551615", "9007199254740993", "2"].map(str::to_owned).to_vec();
        assert_eq!(list, Some(AttributeValue::List(texts)));
    }

    #[test]
    fn a_stored_number_is_read_back_to_the_last_bit() {
        let value = AttributeValue::Number(8.236_008_364_499_214_5e-19.into());
        let stored = serde_json::to_string(&value).expect("JSON");
        assert_eq!(serde_json::from_str::<AttributeValue>(&stored).expect("value"), value);
    }

    #[test]
    fn null_and_objects_count_as_missing() {
        let json = serde_json::json!({"a": null, "b": {"c": 1}, "d": [1, "x", {"y": 1}], "e": true});
        let attributes = Attributes::from_json(json.as_object().expect("object"));
        assert_eq!(attributes.get("a"), None);
        assert_eq!(attributes.get("b"), None);
        assert_eq!(attributes.get("d"), Some(&AttributeValue::List(vec!["1".into(), "x".into()])));
        assert_eq!(attributes.len(), 2);
        assert_eq!(attributes.object_around("b.c"), Some("b"));
        assert_eq!(attributes.object_around("b"), Some("b"));
        assert_eq!((attributes.object_around("bc"), attributes.object_around("a")), (None, None));
    }
}
