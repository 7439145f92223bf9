//! The operators that the builder offers: how each is called, for what type, and what it compares with.

use engine::AttributeType;

/// What has to be typed beside an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Text,
    /// One per line or separated by commas.
    Many,
    /// The same.
    Networks,
    Pattern,
    Number,
    Range,
    Truth,
    Date,
    Version,
    Nothing,
}

/// An operator as the builder offers it, without its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Equals,
    OneOf,
    Contains,
    StartsWith,
    EndsWith,
    InNetwork,
    Matches,
    NumberEquals,
    LessThan,
    AtMost,
    GreaterThan,
    AtLeast,
    Between,
    Is,
    ContainsAny,
    ContainsAll,
    Before,
    After,
    VersionEquals,
    VersionBelow,
    VersionAtMost,
    VersionAbove,
    VersionAtLeast,
    Exists,
}

/// Code in the form, label, label of the negation, what it needs, the type it is for.
type Row = (Kind, &'static str, &'static str, &'static str, Shape, Option<AttributeType>);

const KINDS: [Row; 24] = {
    use AttributeType::{Boolean, Date, List, Number, Semver, Text};
    [
        (Kind::Equals, "equals", "is", "is not", Shape::Text, Some(Text)),
        (Kind::OneOf, "one_of", "is one of", "is none of", Shape::Many, Some(Text)),
        (Kind::Contains, "contains", "contains", "does not contain", Shape::Text, Some(Text)),
        (Kind::StartsWith, "starts_with", "starts with", "does not start with", Shape::Text, Some(Text)),
        (Kind::EndsWith, "ends_with", "ends with", "does not end with", Shape::Text, Some(Text)),
        (
            Kind::InNetwork,
            "in_network",
            "is an address in",
            "is not an address in",
            Shape::Networks,
            Some(Text),
        ),
        (Kind::Matches, "matches", "matches pattern", "does not match pattern", Shape::Pattern, Some(Text)),
        (Kind::NumberEquals, "number_equals", "equals", "does not equal", Shape::Number, Some(Number)),
        (Kind::LessThan, "less_than", "is less than", "is not less than", Shape::Number, Some(Number)),
        (Kind::AtMost, "at_most", "is at most", "is not at most", Shape::Number, Some(Number)),
        (Kind::GreaterThan, "greater_than", "is more than", "is not more than", Shape::Number, Some(Number)),
        (Kind::AtLeast, "at_least", "is at least", "is not at least", Shape::Number, Some(Number)),
        (Kind::Between, "between", "is between", "is not between", Shape::Range, Some(Number)),
        (Kind::Is, "is", "is", "is not", Shape::Truth, Some(Boolean)),
        (Kind::ContainsAny, "contains_any", "contains any of", "contains none of", Shape::Many, Some(List)),
        (
            Kind::ContainsAll,
            "contains_all",
            "contains all of",
            "does not contain all of",
            Shape::Many,
            Some(List),
        ),
        (Kind::Before, "before", "is before", "is not before", Shape::Date, Some(Date)),
        (Kind::After, "after", "is after", "is not after", Shape::Date, Some(Date)),
        (Kind::VersionEquals, "version_equals", "is version", "is not version", Shape::Version, Some(Semver)),
        (
            Kind::VersionBelow,
            "version_below",
            "is below version",
            "is not below version",
            Shape::Version,
            Some(Semver),
        ),
        (
            Kind::VersionAtMost,
            "version_at_most",
            "is at most version",
            "is not at most version",
            Shape::Version,
            Some(Semver),
        ),
        (
            Kind::VersionAbove,
            "version_above",
            "is above version",
            "is not above version",
            Shape::Version,
            Some(Semver),
        ),
        (
            Kind::VersionAtLeast,
            "version_at_least",
            "is at least version",
            "is not at least version",
            Shape::Version,
            Some(Semver),
        ),
        (Kind::Exists, "exists", "is present", "is missing", Shape::Nothing, None),
    ]
};

impl Kind {
    pub fn all() -> impl Iterator<Item = Self> {
        KINDS.iter().map(|row| row.0)
    }

    fn row(self) -> &'static Row {
        // The table stands in the order of the enum; a test holds it to that.
        &KINDS[self as usize]
    }

    pub fn shape(self) -> Shape {
        self.row().4
    }

    /// The attribute type the operator is for; `None` for any.
    pub fn attribute_type(self) -> Option<AttributeType> {
        self.row().5
    }

    /// Whether "ignore case" means something here.
    pub fn folds_case(self) -> bool {
        matches!(self.attribute_type(), Some(AttributeType::Text | AttributeType::List))
            && self.shape() != Shape::Networks
    }
}

/// An operator or its "not" form: one entry of the builder's menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    pub kind: Kind,
    pub negated: bool,
}

impl Choice {
    pub const EQUALS: Self = Self { kind: Kind::Equals, negated: false };

    /// `equals`, `not_equals`: what the form carries.
    pub fn code(self) -> String {
        let code = self.kind.row().1;
        if self.negated { format!("not_{code}") } else { code.to_owned() }
    }

    pub fn parse(code: &str) -> Option<Self> {
        let (negated, code) = code.strip_prefix("not_").map_or((false, code), |rest| (true, rest));
        let row = KINDS.iter().find(|row| row.1 == code)?;
        Some(Self { kind: row.0, negated })
    }

    pub fn label(self) -> &'static str {
        if self.negated { self.kind.row().3 } else { self.kind.row().2 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_operators_stands_in_the_order_of_the_enum() {
        for kind in Kind::all() {
            assert_eq!(kind.row().0, kind);
            for negated in [false, true] {
                let choice = Choice { kind, negated };
                assert_eq!(Choice::parse(&choice.code()), Some(choice));
            }
        }
    }
}
