//! One attribute's value, borrowed from wherever it stands.

use serde::{Serialize, Serializer};

use super::packed::{Cursor, PackedItems};
use crate::{AttributeValue, Number};

/// A value that a condition can test, without a copy of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ValueRef<'a> {
    Boolean(bool),
    Number(Number),
    Text(&'a str),
    /// Elements in their text form.
    List(Items<'a>),
}

/// The elements of a list.
#[derive(Debug, Clone, Copy)]
pub struct Items<'a>(Source<'a>);

#[derive(Debug, Clone, Copy)]
enum Source<'a> {
    Plain(&'a [String]),
    Packed(PackedItems<'a>),
}

impl<'a> ValueRef<'a> {
    /// How a person reads it.
    pub fn display(&self) -> String {
        match self {
            Self::List(items) => format!("[{}]", items.iter().collect::<Vec<_>>().join(", ")),
            Self::Boolean(_) | Self::Number(_) | Self::Text(_) => {
                self.with_text(|text| text.unwrap_or_default().to_owned())
            }
        }
    }

    /// Calls `f` with the text form without allocating; `None` for lists.
    pub(crate) fn with_text<R>(&self, f: impl FnOnce(Option<&str>) -> R) -> R {
        match self {
            Self::Text(text) => f(Some(text)),
            Self::Boolean(b) => f(Some(if *b { "true" } else { "false" })),
            Self::Number(n) => n.with_text(|text| f(Some(text))),
            Self::List(_) => f(None),
        }
    }

    pub(crate) fn plain_list(items: &'a [String]) -> Self {
        Self::List(Items(Source::Plain(items)))
    }

    pub(super) fn packed_list(count: usize, cursor: Cursor<'a>) -> Self {
        Self::List(Items(Source::Packed(PackedItems { count, cursor })))
    }
}

impl<'a> Items<'a> {
    pub fn iter(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let (plain, packed) = match self.0 {
            Source::Plain(items) => (items, PackedItems::default()),
            Source::Packed(items) => (&[][..], items),
        };
        plain.iter().map(String::as_str).chain(packed)
    }

    pub fn len(&self) -> usize {
        match self.0 {
            Source::Plain(items) => items.len(),
            Source::Packed(items) => items.count,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl PartialEq for Items<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<'a> From<&'a AttributeValue> for ValueRef<'a> {
    #[inline]
    fn from(value: &'a AttributeValue) -> Self {
        match value {
            AttributeValue::Boolean(b) => Self::Boolean(*b),
            AttributeValue::Number(n) => Self::Number(*n),
            AttributeValue::Text(text) => Self::Text(text),
            AttributeValue::List(items) => Self::plain_list(items),
        }
    }
}

impl From<ValueRef<'_>> for AttributeValue {
    fn from(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Boolean(b) => Self::Boolean(b),
            ValueRef::Number(n) => Self::Number(n),
            ValueRef::Text(text) => Self::Text(text.to_owned()),
            ValueRef::List(items) => Self::List(items.iter().map(str::to_owned).collect()),
        }
    }
}

/// As [`AttributeValue`] is.
impl Serialize for ValueRef<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Boolean(b) => serializer.serialize_bool(*b),
            Self::Number(n) => n.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => serializer.collect_seq(items.iter()),
        }
    }
}
