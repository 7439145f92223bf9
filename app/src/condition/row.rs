//! One row of the condition builder: an attribute, an operator and its value as somebody typed them.
//! Pure: it turns texts into an [`engine::Test`] and back, and says in words what is wrong.

use engine::{AttributeName, Condition, InvalidKey, Moment, Number, Operator, Problem, Test};

pub use super::operator::{Choice, Kind, Shape};

/// What is wrong with one row or branch, as a sentence that stands beside it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TestError {
    #[error("Name the attribute to test, for example tier.")]
    AttributeMissing,
    #[error("An attribute name {0}.")]
    AttributeInvalid(InvalidKey),
    #[error("Choose how to compare.")]
    OperatorMissing,
    #[error("Enter a value; write \"\" for an empty text.")]
    ValueMissing,
    #[error("Enter at least one value.")]
    ValuesMissing,
    #[error("Enter a number, for example 30 or 0.5.")]
    NotANumber,
    #[error("Enter the upper bound too.")]
    UpperBoundMissing,
    #[error(
        "Enter a date such as 2026-03-01, 2026-03-01T14:10 (in UTC) or 2026-03-01T14:10:00+01:00, or 30 days ago, now, in 12 hours."
    )]
    NotADate,
    #[error("Choose true or false.")]
    NotTrueOrFalse,
    #[error("Add a condition here, or remove this group.")]
    EmptyBranch,
    #[error("Not allowed: {0}.")]
    Refused(Problem),
}

/// The control that an error is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    Attribute,
    Operator,
    Value,
    UpperBound,
    /// The row or branch as a whole.
    Whole,
}

/// A test as it stands in the form: texts, so that nothing typed is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestForm {
    pub attribute: String,
    /// `None`: the form named no operator that exists.
    pub operator: Option<Choice>,
    pub ignore_case: bool,
    pub value: String,
    /// The upper bound of "is between".
    pub high: String,
}

impl Default for TestForm {
    fn default() -> Self {
        Self {
            attribute: String::new(),
            operator: Some(Choice::EQUALS),
            ignore_case: false,
            value: String::new(),
            high: String::new(),
        }
    }
}

impl TestForm {
    /// Nothing was typed into the row.
    pub fn is_blank(&self) -> bool {
        [&self.attribute, &self.value, &self.high].iter().all(|text| text.trim().is_empty())
    }

    /// The test, or everything that is wrong with the row.
    pub fn parse(&self) -> Result<Test, Vec<(Field, TestError)>> {
        let attribute = match self.attribute.trim() {
            "" => Err((Field::Attribute, TestError::AttributeMissing)),
            name => AttributeName::parse(name)
                .map_err(|invalid| (Field::Attribute, TestError::AttributeInvalid(invalid))),
        };
        let operator = match self.operator {
            Some(choice) => self.parse_operator(choice.kind).map(|operator| (operator, choice)),
            None => Err((Field::Operator, TestError::OperatorMissing)),
        };
        match (attribute, operator) {
            (Ok(attribute), Ok((operator, Choice { kind, negated }))) => {
                let ignore_case = self.ignore_case && kind.folds_case();
                checked(Test { attribute, operator, negated, ignore_case })
            }
            (attribute, operator) => Err([attribute.err(), operator.err()].into_iter().flatten().collect()),
        }
    }

    fn parse_operator(&self, kind: Kind) -> Result<Operator, (Field, TestError)> {
        let wrong = |error| (Field::Value, error);
        let text = || parse_text(&self.value).ok_or(wrong(TestError::ValueMissing));
        let many = || match parse_list(&self.value) {
            values if values.is_empty() => Err(wrong(TestError::ValuesMissing)),
            values => Ok(values),
        };
        let number = || Number::parse(&self.value).ok_or(wrong(TestError::NotANumber));
        let date = || {
            let text = text()?;
            Moment::parse(&text).map(|_| text).map_err(|_| wrong(TestError::NotADate))
        };
        Ok(match kind {
            Kind::Equals => Operator::Equals(text()?),
            Kind::OneOf => Operator::OneOf(many()?),
            Kind::Contains => Operator::Contains(text()?),
            Kind::StartsWith => Operator::StartsWith(text()?),
            Kind::EndsWith => Operator::EndsWith(text()?),
            Kind::InNetwork => Operator::InNetwork(many()?),
            Kind::Matches if self.value.is_empty() => return Err(wrong(TestError::ValueMissing)),
            Kind::Matches => Operator::Matches(self.value.clone()),
            Kind::NumberEquals => Operator::NumberEquals(number()?),
            Kind::LessThan => Operator::LessThan(number()?),
            Kind::AtMost => Operator::AtMost(number()?),
            Kind::GreaterThan => Operator::GreaterThan(number()?),
            Kind::AtLeast => Operator::AtLeast(number()?),
            Kind::Between => Operator::Between { low: number()?, high: self.parse_high()? },
            Kind::Is => match self.value.trim() {
                "true" => Operator::Is(true),
                "false" => Operator::Is(false),
                _ => return Err(wrong(TestError::NotTrueOrFalse)),
            },
            Kind::ContainsAny => Operator::ContainsAny(many()?),
            Kind::ContainsAll => Operator::ContainsAll(many()?),
            Kind::Before => Operator::Before(date()?),
            Kind::After => Operator::After(date()?),
            Kind::VersionEquals => Operator::VersionEquals(text()?),
            Kind::VersionBelow => Operator::VersionBelow(text()?),
            Kind::VersionAtMost => Operator::VersionAtMost(text()?),
            Kind::VersionAbove => Operator::VersionAbove(text()?),
            Kind::VersionAtLeast => Operator::VersionAtLeast(text()?),
            Kind::Exists => Operator::Exists,
        })
    }

    fn parse_high(&self) -> Result<Number, (Field, TestError)> {
        if self.high.trim().is_empty() {
            return Err((Field::UpperBound, TestError::UpperBoundMissing));
        }
        Number::parse(&self.high).ok_or((Field::UpperBound, TestError::NotANumber))
    }
}

/// Lets the engine object: a pattern that does not compile, a version that is none, bounds swapped.
fn checked(test: Test) -> Result<Test, Vec<(Field, TestError)>> {
    let condition = Condition::Test(test);
    let problems = condition.problems();
    match condition {
        Condition::Test(test) if problems.is_empty() => Ok(test),
        _ => Err(problems.into_iter().map(|it| (Field::Value, TestError::Refused(it))).collect()),
    }
}

impl From<&Test> for TestForm {
    fn from(test: &Test) -> Self {
        let mut high = String::new();
        let (kind, value) = match &test.operator {
            Operator::Equals(it) => (Kind::Equals, text_text(it)),
            Operator::OneOf(values) => (Kind::OneOf, list_text(values)),
            Operator::Contains(it) => (Kind::Contains, text_text(it)),
            Operator::StartsWith(it) => (Kind::StartsWith, text_text(it)),
            Operator::EndsWith(it) => (Kind::EndsWith, text_text(it)),
            Operator::InNetwork(values) => (Kind::InNetwork, list_text(values)),
            Operator::Matches(it) => (Kind::Matches, it.clone()),
            Operator::NumberEquals(n) => (Kind::NumberEquals, n.to_string()),
            Operator::LessThan(n) => (Kind::LessThan, n.to_string()),
            Operator::AtMost(n) => (Kind::AtMost, n.to_string()),
            Operator::GreaterThan(n) => (Kind::GreaterThan, n.to_string()),
            Operator::AtLeast(n) => (Kind::AtLeast, n.to_string()),
            Operator::Between { low, high: upper } => {
                high = upper.to_string();
                (Kind::Between, low.to_string())
            }
            Operator::Is(expected) => (Kind::Is, expected.to_string()),
            Operator::ContainsAny(values) => (Kind::ContainsAny, list_text(values)),
            Operator::ContainsAll(values) => (Kind::ContainsAll, list_text(values)),
            Operator::Before(it) => (Kind::Before, text_text(it)),
            Operator::After(it) => (Kind::After, text_text(it)),
            Operator::VersionEquals(it) => (Kind::VersionEquals, text_text(it)),
            Operator::VersionBelow(it) => (Kind::VersionBelow, text_text(it)),
            Operator::VersionAtMost(it) => (Kind::VersionAtMost, text_text(it)),
            Operator::VersionAbove(it) => (Kind::VersionAbove, text_text(it)),
            Operator::VersionAtLeast(it) => (Kind::VersionAtLeast, text_text(it)),
            Operator::Exists => (Kind::Exists, String::new()),
        };
        Self {
            attribute: test.attribute.to_string(),
            operator: Some(Choice { kind, negated: test.negated }),
            ignore_case: test.ignore_case,
            value,
            high,
        }
    }
}

/// What was typed without the space around it; in double quotes, exactly what stands between them.
fn parse_text(typed: &str) -> Option<String> {
    let typed = typed.trim();
    let quoted = typed.starts_with('"').then(|| serde_json::from_str(typed).ok()).flatten();
    quoted.or_else(|| (!typed.is_empty()).then(|| typed.to_owned()))
}

/// The inverse of [`parse_text`].
fn text_text(text: &str) -> String {
    if text.is_empty() || text.starts_with('"') || text.trim() != text || text.contains(['\n', '\r']) {
        return serde_json::Value::from(text).to_string();
    }
    text.to_owned()
}

/// Values one per line or separated by commas; one that contains a comma stands in double quotes.
fn parse_list(typed: &str) -> Vec<String> {
    let mut values = Vec::new();
    let (mut start, mut blank, mut quoted, mut escaped) = (0, true, false, false);
    for (at, c) in typed.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' if quoted || blank => quoted = !quoted,
            ',' | '\n' if !quoted => {
                values.extend(parse_text(&typed[start..at]));
                (start, blank) = (at + 1, true);
                continue;
            }
            _ => {}
        }
        blank &= c.is_whitespace();
    }
    values.extend(parse_text(&typed[start..]));
    values
}

/// The inverse of [`parse_list`].
fn list_text(texts: &[String]) -> String {
    let line = |text: &String| {
        if text.contains(',') { serde_json::Value::from(text.as_str()).to_string() } else { text_text(text) }
    };
    texts.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_from_lines_commas_and_quotes() {
        let read = |text: &str| parse_list(text).join("|");
        assert_eq!(read("NO, SE\nDK,\n\n  FI "), "NO|SE|DK|FI");
        assert_eq!(read("\"Oslo, NO\", plain, a\"b"), "Oslo, NO|plain|a\"b");
        assert_eq!(read(" \n , "), "");
    }

    #[test]
    fn an_unclosed_quote_is_kept_as_it_was_typed() {
        assert_eq!(parse_list("\"a, b"), ["\"a, b"]);
        assert_eq!(parse_text("\"a"), Some("\"a".to_owned()));
    }

    #[test]
    fn each_wrong_field_says_what_to_do() {
        let draft = |operator: &str, value: &str| TestForm {
            attribute: "age".to_owned(),
            operator: Choice::parse(operator),
            value: value.to_owned(),
            ..TestForm::default()
        };
        let error = |draft: TestForm| draft.parse().expect_err("an error").remove(0);
        assert_eq!(error(draft("at_least", "many")), (Field::Value, TestError::NotANumber));
        assert_eq!(error(draft("between", "3")), (Field::UpperBound, TestError::UpperBoundMissing));
        assert_eq!(error(draft("before", "soon")), (Field::Value, TestError::NotADate));
        assert_eq!(error(draft("like", "x")), (Field::Operator, TestError::OperatorMissing));
        for (operator, value) in [
            ("number_equals", "9007199254740993"),
            ("at_least", "18446744073709551615"),
            ("at_most", "-0.5"),
            ("version_at_least", "V2.10"),
            ("version_at_most", "1.2.3.4"),
            ("before", "2026-03-01T14:10"),
            ("after", "30 days ago"),
            ("in_network", "10.0.0.0/8\n2001:db8::/32"),
        ] {
            let test = draft(operator, value).parse().expect("a test");
            assert_eq!(TestForm::from(&test).value, value, "what was typed is what is edited again");
        }
        assert!(matches!(error(draft("matches", "(")).1, TestError::Refused(Problem::Pattern { .. })));
        assert!(matches!(error(draft("version_above", "x")).1, TestError::Refused(Problem::Version { .. })));
        assert!(matches!(error(draft("in_network", "10/8")).1, TestError::Refused(Problem::Network { .. })));
        assert_eq!(error(TestForm::default()), (Field::Attribute, TestError::AttributeMissing));
    }
}
