//! One comparison of an attribute's value, parsed and ready.

use std::{cmp::Ordering, collections::HashSet};

use regex::{Regex, RegexBuilder};
use semver::Version;

use super::{operator::Operator, test::Test, version::parse_version};
use crate::{Problem, ValueRef, text::same, time};

/// Compiled size at which a pattern is refused.
const PATTERN_SIZE_BYTES_MAX: usize = 256 * 1024;
/// Lists longer than this are looked up in a set.
const LINEAR_VALUES_MAX: usize = 8;

#[derive(Debug)]
pub(crate) enum Comparison {
    OneOf(Texts),
    Contains(String),
    StartsWith(String),
    EndsWith(String),
    Matches(Regex),
    Number(Bound),
    Is(bool),
    ContainsAny(Texts),
    ContainsAll(Texts),
    Before(i64),
    After(i64),
    Version(Ordering, Version),
    Exists,
}

/// Expected texts, compared as they are or without regard to case.
#[derive(Debug)]
pub(crate) enum Texts {
    One(Box<str>),
    Few(Vec<String>),
    Many(HashSet<String>),
    /// In lower case already.
    Folded(Vec<String>),
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Bound {
    Equals(f64),
    LessThan(f64),
    AtMost(f64),
    GreaterThan(f64),
    AtLeast(f64),
    Between(f64, f64),
}

impl Texts {
    fn new(texts: &[String], ignore_case: bool) -> Self {
        if ignore_case {
            Self::Folded(
                texts.iter().map(|text| text.chars().flat_map(char::to_lowercase).collect()).collect(),
            )
        } else if let [text] = texts {
            Self::One(text.as_str().into())
        } else if texts.len() > LINEAR_VALUES_MAX {
            Self::Many(texts.iter().cloned().collect())
        } else {
            Self::Few(texts.to_vec())
        }
    }

    fn has(&self, text: &str) -> bool {
        match self {
            Self::One(expected) => same(expected, text),
            Self::Few(texts) => texts.iter().any(|expected| same(expected, text)),
            Self::Many(texts) => texts.contains(text),
            Self::Folded(texts) => texts.iter().any(|expected| equals_folded(text, expected)),
        }
    }

    /// Whether there are texts, and every one of them is among those for which `is_given` holds.
    fn all(&self, mut is_given: impl FnMut(&str, bool) -> bool) -> bool {
        match self {
            Self::One(text) => is_given(text, false),
            Self::Few(texts) => !texts.is_empty() && texts.iter().all(|text| is_given(text, false)),
            Self::Many(texts) => !texts.is_empty() && texts.iter().all(|text| is_given(text, false)),
            Self::Folded(texts) => !texts.is_empty() && texts.iter().all(|text| is_given(text, true)),
        }
    }
}

impl Bound {
    fn holds(self, n: f64) -> bool {
        match self {
            #[expect(clippy::float_cmp, reason = "\"equals\" on numbers means the same number")]
            Self::Equals(x) => n == x,
            Self::LessThan(x) => n < x,
            Self::AtMost(x) => n <= x,
            Self::GreaterThan(x) => n > x,
            Self::AtLeast(x) => n >= x,
            Self::Between(low, high) => low <= n && n <= high,
        }
    }

    fn is_finite(self) -> bool {
        match self {
            Self::Equals(x)
            | Self::LessThan(x)
            | Self::AtMost(x)
            | Self::GreaterThan(x)
            | Self::AtLeast(x) => x.is_finite(),
            Self::Between(low, high) => low.is_finite() && high.is_finite(),
        }
    }
}

/// Whether `text` is `folded` after each of its characters is put in lower case.
fn equals_folded(text: &str, folded: &str) -> bool {
    text.chars().flat_map(char::to_lowercase).eq(folded.chars())
}

impl Comparison {
    pub(crate) fn new(test: &Test) -> Result<Self, Problem> {
        let parser = Parser { test };
        let texts = |texts: &[String]| Texts::new(texts, test.ignore_case);
        Ok(match &test.operator {
            Operator::Equals(expected) => Self::OneOf(texts(std::slice::from_ref(expected))),
            Operator::OneOf(expected) => Self::OneOf(texts(expected)),
            Operator::Contains(part) if test.ignore_case => Self::Matches(parser.literal("", part, "")?),
            Operator::Contains(part) => Self::Contains(part.clone()),
            Operator::StartsWith(part) if test.ignore_case => Self::Matches(parser.literal(r"\A", part, "")?),
            Operator::StartsWith(part) => Self::StartsWith(part.clone()),
            Operator::EndsWith(part) if test.ignore_case => Self::Matches(parser.literal("", part, r"\z")?),
            Operator::EndsWith(part) => Self::EndsWith(part.clone()),
            Operator::Matches(pattern) => Self::Matches(parser.pattern(pattern)?),
            Operator::NumberEquals(n) => parser.number(Bound::Equals(*n))?,
            Operator::LessThan(n) => parser.number(Bound::LessThan(*n))?,
            Operator::AtMost(n) => parser.number(Bound::AtMost(*n))?,
            Operator::GreaterThan(n) => parser.number(Bound::GreaterThan(*n))?,
            Operator::AtLeast(n) => parser.number(Bound::AtLeast(*n))?,
            Operator::Between { low, high } => parser.number(Bound::Between(*low, *high))?,
            Operator::Is(expected) => Self::Is(*expected),
            Operator::ContainsAny(expected) => Self::ContainsAny(texts(expected)),
            Operator::ContainsAll(expected) => Self::ContainsAll(texts(expected)),
            Operator::Before(date) => Self::Before(parser.date(date)?),
            Operator::After(date) => Self::After(parser.date(date)?),
            Operator::VersionEquals(version) => Self::Version(Ordering::Equal, parser.version(version)?),
            Operator::VersionBelow(version) => Self::Version(Ordering::Less, parser.version(version)?),
            Operator::VersionAbove(version) => Self::Version(Ordering::Greater, parser.version(version)?),
            Operator::Exists => Self::Exists,
        })
    }

    /// `None` when the value is of a type that the operator cannot compare.
    /// A text operator on a list holds when it holds for any element.
    pub(crate) fn holds(&self, value: &ValueRef<'_>) -> Option<bool> {
        match (self, value) {
            (Self::OneOf(texts), ValueRef::Text(text)) => Some(texts.has(text)),
            (Self::Exists, _) => Some(true),
            (Self::Number(bound), ValueRef::Number(n)) => n.is_finite().then(|| bound.holds(*n)),
            (Self::Is(expected), ValueRef::Boolean(b)) => Some(b == expected),
            (Self::ContainsAny(texts), ValueRef::List(items)) => {
                Some(items.iter().any(|item| texts.has(item)))
            }
            (Self::ContainsAll(texts), ValueRef::List(items)) => Some(texts.all(|text, folded| {
                items.iter().any(|item| if folded { equals_folded(item, text) } else { item == text })
            })),
            (_, ValueRef::List(items)) => {
                let mut results = items.iter().map(|item| self.holds_text(item));
                results.try_fold(false, |met, result| result.map(|r| met | r))
            }
            (_, ValueRef::Text(_) | ValueRef::Number(_) | ValueRef::Boolean(_)) => {
                value.with_text(|text| text.and_then(|text| self.holds_text(text)))
            }
        }
    }

    /// Like [`Self::holds`], for a text: numbers, booleans, dates and versions are read from it.
    pub(crate) fn holds_text(&self, text: &str) -> Option<bool> {
        Some(match self {
            Self::OneOf(texts) | Self::ContainsAny(texts) => texts.has(text),
            Self::ContainsAll(texts) => {
                texts.all(
                    |expected, folded| if folded { equals_folded(text, expected) } else { text == expected },
                )
            }
            Self::Contains(part) => text.contains(part.as_str()),
            Self::StartsWith(part) => text.starts_with(part.as_str()),
            Self::EndsWith(part) => text.ends_with(part.as_str()),
            Self::Matches(regex) => regex.is_match(text),
            Self::Number(bound) => bound.holds(text.trim().parse().ok().filter(|n: &f64| n.is_finite())?),
            Self::Is(expected) => text.parse::<bool>().ok()? == *expected,
            Self::Before(instant) => time::parse_date_ms(text).ok()? < *instant,
            Self::After(instant) => time::parse_date_ms(text).ok()? > *instant,
            Self::Version(ordering, version) => parse_version(text)?.cmp_precedence(version) == *ordering,
            Self::Exists => true,
        })
    }
}

/// Reads what a test compares with.
struct Parser<'a> {
    test: &'a Test,
}

impl Parser<'_> {
    fn number(&self, bound: Bound) -> Result<Comparison, Problem> {
        let attribute = || self.test.attribute.clone();
        if bound.is_finite() {
            Ok(Comparison::Number(bound))
        } else {
            Err(Problem::Number { attribute: attribute() })
        }
    }

    fn date(&self, text: &str) -> Result<i64, Problem> {
        time::parse_date_ms(text).map_err(|_| Problem::Date { attribute: self.test.attribute.clone() })
    }

    fn version(&self, text: &str) -> Result<Version, Problem> {
        parse_version(text).ok_or_else(|| Problem::Version { attribute: self.test.attribute.clone() })
    }

    fn pattern(&self, pattern: &str) -> Result<Regex, Problem> {
        let mut builder = RegexBuilder::new(pattern);
        let built =
            builder.case_insensitive(self.test.ignore_case).size_limit(PATTERN_SIZE_BYTES_MAX).build();
        built.map_err(|_| Problem::Pattern { attribute: self.test.attribute.clone() })
    }

    /// `part` between two anchors in any case; its length is limited, so its compiled size is not.
    fn literal(&self, before: &str, part: &str, after: &str) -> Result<Regex, Problem> {
        let pattern = format!("{before}{}{after}", regex::escape(part));
        let built = RegexBuilder::new(&pattern).case_insensitive(true).build();
        built.map_err(|_| Problem::Pattern { attribute: self.test.attribute.clone() })
    }
}
