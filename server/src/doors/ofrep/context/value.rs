//! Anything JSON within a body: read to its end, as far as a condition can test it, and what is wrong with it noted.

use std::{borrow::Cow, collections::HashSet, fmt};

use engine::AttributeValue;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::limits::CONTEXT_VALUES_MAX;

/// What is wrong beyond the grammar; reading goes on, because broken JSON further on takes precedence.
#[derive(Default)]
pub struct Findings {
    /// Values in lists so far.
    values: usize,
    pub duplicate: Option<String>,
    pub problem: Option<String>,
}

impl Findings {
    fn duplicate(&mut self, name: &str) {
        self.duplicate.get_or_insert_with(|| name.to_owned());
    }

    pub fn problem(&mut self, sentence: impl Into<String>) {
        self.problem.get_or_insert_with(|| sentence.into());
    }
}

/// The names that an object has had so far: few are looked at one by one, many are looked up.
#[derive(Default)]
pub struct Names<'de> {
    few: Vec<Cow<'de, str>>,
    many: HashSet<Cow<'de, str>>,
}

impl<'de> Names<'de> {
    const FEW: usize = 16;

    pub fn add(&mut self, name: Cow<'de, str>, findings: &mut Findings) {
        if self.few.contains(&name) || self.many.contains(&name) {
            findings.duplicate(&name);
        } else if self.few.len() < Self::FEW {
            self.few.push(name);
        } else {
            self.many.insert(name);
        }
    }

    pub fn count(&self) -> usize {
        self.few.len() + self.many.len()
    }
}

/// Anything JSON, as a condition can test it.
pub enum Read {
    Null,
    /// Counts as missing; its members were only checked.
    Object,
    Value(AttributeValue),
}

impl Read {
    pub fn testable(self) -> Option<AttributeValue> {
        match self {
            Self::Null | Self::Object => None,
            Self::Value(value) => Some(value),
        }
    }
}

pub struct ValueSeed<'f>(pub &'f mut Findings);

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = Read;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_> {
    type Value = Read;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Read::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Read::Value(AttributeValue::Boolean(value)))
    }

    #[expect(clippy::cast_precision_loss, reason = "attributes are f64, as in JavaScript")]
    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Read::Value(AttributeValue::Number(value as f64)))
    }

    #[expect(clippy::cast_precision_loss, reason = "attributes are f64, as in JavaScript")]
    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Read::Value(AttributeValue::Number(value as f64)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Read::Value(AttributeValue::Number(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Read::Value(AttributeValue::Text(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut texts = Vec::new();
        while let Some(item) = items.next_element_seed(ValueSeed(self.0))? {
            self.0.values += 1;
            if self.0.values > CONTEXT_VALUES_MAX {
                if self.0.problem.is_none() {
                    self.0
                        .problem(format!("the lists of a context have at most {CONTEXT_VALUES_MAX} values"));
                }
                continue;
            }
            match item.testable() {
                None | Some(AttributeValue::List(_)) => {}
                Some(AttributeValue::Text(text)) => texts.push(text),
                Some(scalar) => texts.push(scalar.display()),
            }
        }
        Ok(Read::Value(AttributeValue::List(texts)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut names = Names::default();
        while let Some(name) = members.next_key_seed(NameSeed)? {
            members.next_value_seed(ValueSeed(self.0))?;
            names.add(name, self.0);
        }
        Ok(Read::Object)
    }
}

/// A member's name, borrowed from the body where it has no escapes.
pub struct NameSeed;

impl<'de> DeserializeSeed<'de> for NameSeed {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for NameSeed {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}
