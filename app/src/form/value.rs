//! How the value of an attribute is written in a field, and how what is written there is read: one way for the form of a
//! person, *Try it*, personas and tables of people.
//!
//! The schema says of which type a value is; for an attribute it does not know, what is stored says it; and where nothing
//! does, `true`, `false` and plain numbers are read as such. A text stays a text: `00501` and `+4712345678` are no plain
//! numbers, and what stands in double quotes is the text between them.

use engine::{AttributeType, AttributeValue, Number};

/// A value as somebody types it.
pub fn parse(text: &str, value_type: Option<AttributeType>) -> Result<AttributeValue, &'static str> {
    use AttributeType::{Boolean, Date, List, Number as Numeric, Semver, Text};
    let text = text.trim();
    if text.starts_with('"')
        && let Ok(quoted) = serde_json::from_str::<String>(text)
    {
        return Ok(AttributeValue::Text(quoted));
    }
    let list = || {
        let read = text.starts_with('[').then(|| serde_json::from_str::<AttributeValue>(text).ok());
        read.flatten()
    };
    let truth = text.parse::<bool>().ok().map(AttributeValue::Boolean);
    let number = Number::parse(text).map(AttributeValue::Number);
    match value_type {
        Some(Text | Date | Semver) => Ok(AttributeValue::Text(text.to_owned())),
        Some(Numeric) => number.or_else(list).ok_or("this attribute is a number, such as 30 or 0.5"),
        Some(Boolean) => truth.or_else(list).ok_or("this attribute is true or false"),
        Some(List) => Ok(list().unwrap_or_else(|| {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            AttributeValue::List(items.map(str::to_owned).collect())
        })),
        None => {
            let number = number.filter(|_| is_plain_number(text));
            let read = truth.or(number).or_else(list);
            Ok(read.unwrap_or_else(|| AttributeValue::Text(text.to_owned())))
        }
    }
}

/// Written as a number is written back, without an exponent: codes, phone numbers and versions are not.
fn is_plain_number(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'.'))
        && Number::parse(text).is_some_and(|n| n.with_text(|written| written == text))
}

/// The value as it is typed; `None` when no field of this type can say it: a number of a text attribute.
pub fn written(value: &AttributeValue, value_type: Option<AttributeType>) -> Option<String> {
    let plain = shown(value);
    let reads_back = |text: &str| parse(text, value_type).as_ref() == Ok(value);
    if !plain.contains(char::is_control) && reads_back(&plain) {
        return Some(plain);
    }
    serde_json::to_string(value).ok().filter(|text| reads_back(text))
}

/// The value as it is typed, or as it is read where that cannot be said.
pub fn shown_as(value: &AttributeValue, value_type: Option<AttributeType>) -> String {
    written(value, value_type).unwrap_or_else(|| shown(value))
}

/// Lists without brackets.
fn shown(value: &AttributeValue) -> String {
    match value {
        AttributeValue::List(items) => items.join(", "),
        AttributeValue::Boolean(_) | AttributeValue::Number(_) | AttributeValue::Text(_) => value.display(),
    }
}

/// The type of a value that is stored.
pub fn type_of(value: &AttributeValue) -> AttributeType {
    match value {
        AttributeValue::Boolean(_) => AttributeType::Boolean,
        AttributeValue::Number(_) => AttributeType::Number,
        AttributeValue::Text(_) => AttributeType::Text,
        AttributeValue::List(_) => AttributeType::List,
    }
}

/// What a field is for, in a word.
pub fn type_word(value_type: AttributeType) -> &'static str {
    match value_type {
        AttributeType::Text => "text",
        AttributeType::Number => "number",
        AttributeType::Boolean => "true or false",
        AttributeType::List => "list",
        AttributeType::Date => "date",
        AttributeType::Semver => "version",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPES: [Option<AttributeType>; 7] = [
        None,
        Some(AttributeType::Text),
        Some(AttributeType::Number),
        Some(AttributeType::Boolean),
        Some(AttributeType::List),
        Some(AttributeType::Date),
        Some(AttributeType::Semver),
    ];

    fn text(text: &str) -> AttributeValue {
        AttributeValue::Text(text.to_owned())
    }

    #[test]
    fn without_a_type_only_what_is_written_as_a_number_is_one() {
        for (typed, number) in
            [("42", "42"), (" -7 ", "-7"), ("0.5", "0.5"), ("9007199254740993", "9007199254740993")]
        {
            let read = parse(typed, None).expect("a value");
            assert!(
                matches!(read, AttributeValue::Number(_)) && read.display() == number,
                "{typed}: {read:?}"
            );
        }
        let texts =
            ["00501", "+4712345678", "1e5", "2.50", "1.2.3", "-0", "inf", ".5", "99999999999999999999999"];
        for typed in texts.into_iter().chain(["True", "\u{661}", "2026-03-01", "[x", "12 345"]) {
            assert_eq!(parse(typed, None), Ok(text(typed)), "{typed}");
        }
        assert_eq!(parse("\"42\"", None), Ok(text("42")));
        assert_eq!(parse("true", None), Ok(AttributeValue::Boolean(true)));
        assert_eq!(parse("[1, \"a, b\"]", None), Ok(AttributeValue::List(vec!["1".into(), "a, b".into()])));
    }

    #[test]
    fn a_type_says_how_a_value_is_read() {
        assert_eq!(parse("42", Some(AttributeType::Text)), Ok(text("42")));
        assert_eq!(parse("[\"a\"]", Some(AttributeType::Text)), Ok(text("[\"a\"]")));
        assert_eq!(parse("true", Some(AttributeType::Text)), Ok(text("true")));
        let number = parse("00501", Some(AttributeType::Number)).expect("a number");
        assert_eq!(number, AttributeValue::Number(501.into()));
        assert!(parse("many", Some(AttributeType::Number)).is_err());
        assert!(parse("yes", Some(AttributeType::Boolean)).is_err());
        let list = parse("a, b,", Some(AttributeType::List));
        assert_eq!(list, Ok(AttributeValue::List(vec!["a".into(), "b".into()])));
    }

    #[test]
    fn what_is_written_reads_back_the_same() {
        let list = |items: &[&str]| AttributeValue::List(items.iter().map(ToString::to_string).collect());
        let texts = ["5", "00501", "true", "[x", "[\"x\"]", "\"x\"", "\"", "", " x ", "a\nb", "a, b", "+47"];
        let others = [
            AttributeValue::Number(0.5.into()),
            AttributeValue::Number(9_007_199_254_740_993_i64.into()),
            AttributeValue::Number(1e300.into()),
            AttributeValue::Boolean(true),
            list(&["a, b", "c"]),
            list(&["", "x\ny"]),
            list(&[]),
        ];
        for value in texts.into_iter().map(text).chain(others) {
            for value_type in TYPES {
                let Some(typed) = written(&value, value_type) else {
                    // Only what is not of the type cannot be said, and a number with an exponent where no type says so.
                    let is_of_it = value_type.map_or(value.display() != "1e300", |it| it.accepts(&value));
                    assert!(!is_of_it, "{value_type:?}: {value:?}");
                    continue;
                };
                assert_eq!(parse(&typed, value_type).as_ref(), Ok(&value), "{value_type:?}: {typed}");
                assert!(!typed.contains('\n'), "a field has one line");
            }
            assert!(written(&value, Some(type_of(&value))).is_some(), "{value:?}");
        }
    }
}
