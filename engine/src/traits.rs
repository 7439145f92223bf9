//! Attributes where they stand: one view over those that were sent and over those that are packed in memory.

mod names;
mod packed;
mod value;

use serde::{Serialize, Serializer};

use crate::Attributes;
pub use names::Names;
pub use packed::{Packed, Packer, VALUE_SEPARATOR};
pub use value::{Items, ValueRef};

/// Attributes of one subject, borrowed: looking one up allocates nothing.
#[derive(Debug, Clone, Copy)]
pub struct Traits<'a>(Source<'a>);

#[derive(Debug, Clone, Copy)]
enum Source<'a> {
    Plain(&'a Attributes),
    Packed(Packed<'a>),
}

impl<'a> Traits<'a> {
    pub const EMPTY: Self = Self(Source::Plain(Attributes::EMPTY));

    #[inline]
    pub fn get(&self, name: &str) -> Option<ValueRef<'a>> {
        match self.0 {
            Source::Plain(attributes) => attributes.get(name).map(ValueRef::from),
            Source::Packed(packed) => packed.get(name),
        }
    }

    /// In the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, ValueRef<'a>)> + Clone + use<'a> {
        let (plain, packed) = match self.0 {
            Source::Plain(attributes) => (Some(attributes), None),
            Source::Packed(packed) => (None, Some(packed)),
        };
        let plain = plain.into_iter().flat_map(Attributes::iter);
        let plain = plain.map(|(name, value)| (name, ValueRef::from(value)));
        plain.chain(packed.into_iter().flat_map(Packed::entries))
    }

    pub fn len(&self) -> usize {
        match self.0 {
            Source::Plain(attributes) => attributes.len(),
            Source::Packed(packed) => packed.entries().count(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// A copy that outlives what this was borrowed from.
    pub fn to_attributes(&self) -> Attributes {
        match self.0 {
            Source::Plain(attributes) => attributes.clone(),
            Source::Packed(packed) => {
                packed.entries().map(|(name, value)| (name.to_owned(), value.into())).collect()
            }
        }
    }
}

impl Default for Traits<'_> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl<'a> From<&'a Attributes> for Traits<'a> {
    fn from(attributes: &'a Attributes) -> Self {
        Self(Source::Plain(attributes))
    }
}

impl<'a> From<Packed<'a>> for Traits<'a> {
    fn from(packed: Packed<'a>) -> Self {
        Self(Source::Packed(packed))
    }
}

impl PartialEq for Traits<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl PartialEq<Attributes> for Traits<'_> {
    fn eq(&self, other: &Attributes) -> bool {
        let this: Traits<'_> = *self;
        this == Traits::from(other)
    }
}

/// An object, as [`Attributes`] are.
impl Serialize for Traits<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}
