//! One comparison of an attribute's value, parsed and ready.

use std::{cmp::Ordering, collections::HashSet};

use regex::{Regex, RegexBuilder};

use super::{
    network::{Network, parse_address},
    operator::Operator,
    test::Test,
    version::{OwnVersion, parse_version},
};
use crate::{
    Number, Problem, ValueRef,
    text::{Form, composed, same},
    time::{Moment, read_date},
};

/// Compiled size at which a pattern is refused.
const PATTERN_SIZE_BYTES_MAX: usize = 256 * 1024;
/// Lists longer than this are looked up in a set.
const LINEAR_VALUES_MAX: usize = 8;

#[derive(Debug)]
pub(crate) enum Comparison {
    OneOf(Form, Texts),
    Contains(Form, String),
    StartsWith(Form, String),
    EndsWith(Form, String),
    Matches(Regex),
    InNetwork(Vec<Network>),
    Number(Bound),
    Is(bool),
    ContainsAny(Form, Texts),
    ContainsAll(Form, Texts),
    Before(Moment),
    After(Moment),
    Version(Order, OwnVersion),
    Exists,
}

/// Expected texts, in the form in which they are compared.
#[derive(Debug)]
pub(crate) enum Texts {
    One(Box<str>),
    Few(Vec<String>),
    Many(HashSet<String>),
}

/// How a value stands to the one that it is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Equals,
    Below,
    AtMost,
    Above,
    AtLeast,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Bound {
    Ordered(Order, Number),
    Between(Number, Number),
}

impl Texts {
    fn new(form: Form, texts: &[String]) -> Self {
        if let [text] = texts {
            Self::One(form.of(text).into())
        } else if texts.len() > LINEAR_VALUES_MAX {
            Self::Many(texts.iter().map(|text| form.of(text)).collect())
        } else {
            Self::Few(texts.iter().map(|text| form.of(text)).collect())
        }
    }

    /// Whether `text` is one of them once it is brought into `form`, as they are. One that is written as it is expected
    /// need not be.
    #[inline]
    fn has_formed(&self, form: Form, text: &str) -> bool {
        self.has(text) || (!form.keeps(text) && form.with(text, |text| self.has(text)))
    }

    fn has(&self, text: &str) -> bool {
        match self {
            Self::One(expected) => same(expected, text),
            Self::Few(texts) => texts.iter().any(|expected| same(expected, text)),
            Self::Many(texts) => texts.contains(text),
        }
    }

    /// Whether there are texts, and every one of them is given.
    fn all(&self, mut is_given: impl FnMut(&str) -> bool) -> bool {
        match self {
            Self::One(text) => is_given(text),
            Self::Few(texts) => !texts.is_empty() && texts.iter().all(|text| is_given(text)),
            Self::Many(texts) => !texts.is_empty() && texts.iter().all(|text| is_given(text)),
        }
    }
}

impl Order {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Equals => ordering.is_eq(),
            Self::Below => ordering.is_lt(),
            Self::AtMost => ordering.is_le(),
            Self::Above => ordering.is_gt(),
            Self::AtLeast => ordering.is_ge(),
        }
    }
}

impl Bound {
    fn holds(self, n: Number) -> bool {
        match self {
            Self::Ordered(order, x) => n.partial_cmp(&x).is_some_and(|ordering| order.holds(ordering)),
            Self::Between(low, high) => low <= n && n <= high,
        }
    }

    fn is_finite(self) -> bool {
        match self {
            Self::Ordered(_, x) => x.is_finite(),
            Self::Between(low, high) => low.is_finite() && high.is_finite(),
        }
    }
}

impl Comparison {
    pub(crate) fn new(test: &Test) -> Result<Self, Problem> {
        let parser = Parser { test };
        let form = Form::new(test.ignore_case);
        let texts = |texts: &[String]| Texts::new(form, texts);
        Ok(match &test.operator {
            Operator::Equals(expected) => Self::OneOf(form, texts(std::slice::from_ref(expected))),
            Operator::OneOf(expected) => Self::OneOf(form, texts(expected)),
            Operator::Contains(part) => Self::Contains(form, form.of(part)),
            Operator::StartsWith(part) => Self::StartsWith(form, form.of(part)),
            Operator::EndsWith(part) => Self::EndsWith(form, form.of(part)),
            Operator::Matches(pattern) => Self::Matches(parser.pattern(pattern)?),
            Operator::InNetwork(networks) => Self::InNetwork(parser.networks(networks)?),
            Operator::NumberEquals(n) => parser.number(Order::Equals, *n)?,
            Operator::LessThan(n) => parser.number(Order::Below, *n)?,
            Operator::AtMost(n) => parser.number(Order::AtMost, *n)?,
            Operator::GreaterThan(n) => parser.number(Order::Above, *n)?,
            Operator::AtLeast(n) => parser.number(Order::AtLeast, *n)?,
            Operator::Between { low, high } => parser.bound(Bound::Between(*low, *high))?,
            Operator::Is(expected) => Self::Is(*expected),
            Operator::ContainsAny(expected) => Self::ContainsAny(form, texts(expected)),
            Operator::ContainsAll(expected) => Self::ContainsAll(form, texts(expected)),
            Operator::Before(date) => Self::Before(parser.date(date)?),
            Operator::After(date) => Self::After(parser.date(date)?),
            Operator::VersionEquals(version) => parser.version(Order::Equals, version)?,
            Operator::VersionBelow(version) => parser.version(Order::Below, version)?,
            Operator::VersionAtMost(version) => parser.version(Order::AtMost, version)?,
            Operator::VersionAbove(version) => parser.version(Order::Above, version)?,
            Operator::VersionAtLeast(version) => parser.version(Order::AtLeast, version)?,
            Operator::Exists => Self::Exists,
        })
    }

    /// Whether it may hold later although nothing but the time has changed.
    pub(crate) fn follows_clock(&self) -> bool {
        matches!(self, Self::Before(Moment::FromNow(_)) | Self::After(Moment::FromNow(_)))
    }

    /// `None` when the value is of a type that the operator cannot compare.
    /// A text operator on a list holds when it holds for any element.
    pub(crate) fn holds(&self, value: &ValueRef<'_>, now_ms: i64) -> Option<bool> {
        match (self, value) {
            (Self::OneOf(form, texts), ValueRef::Text(text)) => Some(texts.has_formed(*form, text)),
            (Self::Exists, _) => Some(true),
            (Self::Number(bound), ValueRef::Number(n)) => n.is_finite().then(|| bound.holds(*n)),
            (Self::Is(expected), ValueRef::Boolean(b)) => Some(b == expected),
            (Self::ContainsAny(form, texts), ValueRef::List(items)) => {
                Some(items.iter().any(|item| texts.has_formed(*form, item)))
            }
            (Self::ContainsAll(form, texts), ValueRef::List(items)) => {
                Some(texts.all(|text| items.iter().any(|item| form.with(item, |item| same(item, text)))))
            }
            (_, ValueRef::List(items)) => {
                let mut results = items.iter().map(|item| self.holds_text(item, now_ms));
                results.try_fold(false, |met, result| result.map(|r| met | r))
            }
            (_, ValueRef::Text(_) | ValueRef::Number(_) | ValueRef::Boolean(_)) => {
                value.with_text(|text| text.and_then(|text| self.holds_text(text, now_ms)))
            }
        }
    }

    /// Like [`Self::holds`], for a text: numbers, booleans, dates and versions are read from it.
    pub(crate) fn holds_text(&self, text: &str, now_ms: i64) -> Option<bool> {
        Some(match self {
            Self::OneOf(form, texts) | Self::ContainsAny(form, texts) => texts.has_formed(*form, text),
            Self::ContainsAll(form, texts) => {
                form.with(text, |text| texts.all(|expected| same(text, expected)))
            }
            Self::Contains(form, part) => form.with(text, |text| text.contains(part.as_str())),
            Self::StartsWith(form, part) => form.with(text, |text| text.starts_with(part.as_str())),
            Self::EndsWith(form, part) => form.with(text, |text| text.ends_with(part.as_str())),
            Self::Matches(regex) => Form::Composed.with(text, |text| regex.is_match(text)),
            Self::InNetwork(networks) => {
                let address = parse_address(text)?;
                networks.iter().any(|network| network.has(address))
            }
            Self::Number(bound) => bound.holds(Number::parse(text)?),
            Self::Is(expected) => text.parse::<bool>().ok()? == *expected,
            Self::Before(moment) => read_date(text).ok()?.at_ms < moment.at_ms(now_ms),
            Self::After(moment) => read_date(text).ok()?.at_ms > moment.at_ms(now_ms),
            Self::Version(order, version) => order.holds(parse_version(text)?.compare(version)),
            Self::Exists => true,
        })
    }
}

/// Reads what a test compares with.
struct Parser<'a> {
    test: &'a Test,
}

impl Parser<'_> {
    fn number(&self, order: Order, n: Number) -> Result<Comparison, Problem> {
        self.bound(Bound::Ordered(order, n))
    }

    fn bound(&self, bound: Bound) -> Result<Comparison, Problem> {
        if bound.is_finite() {
            Ok(Comparison::Number(bound))
        } else {
            Err(Problem::Number { attribute: self.test.attribute.clone() })
        }
    }

    fn date(&self, text: &str) -> Result<Moment, Problem> {
        Moment::parse(text).map_err(|_| Problem::Date { attribute: self.test.attribute.clone() })
    }

    fn version(&self, order: Order, text: &str) -> Result<Comparison, Problem> {
        let version = parse_version(text);
        let version = version.ok_or_else(|| Problem::Version { attribute: self.test.attribute.clone() })?;
        Ok(Comparison::Version(order, version.to_own()))
    }

    fn networks(&self, texts: &[String]) -> Result<Vec<Network>, Problem> {
        let networks = texts.iter().map(|text| Network::parse(text)).collect::<Option<_>>();
        networks.ok_or_else(|| Problem::Network { attribute: self.test.attribute.clone() })
    }

    fn pattern(&self, pattern: &str) -> Result<Regex, Problem> {
        let mut builder = RegexBuilder::new(&composed(pattern));
        let built =
            builder.case_insensitive(self.test.ignore_case).size_limit(PATTERN_SIZE_BYTES_MAX).build();
        built.map_err(|_| Problem::Pattern { attribute: self.test.attribute.clone() })
    }
}
