//! What an explanation says of a value that is not quite what the test is for.

use super::{attribute::AttributeValue, operator::Operator, schema::AttributeType};
use crate::{Assumed, Dated, instant_phrase, read_date};

/// What the test is for, in words.
pub(super) fn wanted(operator: &Operator) -> &'static str {
    match operator {
        Operator::InNetwork(_) => "an IP address",
        other => other.attribute_type().map_or("a value", AttributeType::expected),
    }
}

/// How a value that could be compared was read; `None` when it is what the test is for.
pub(super) fn read_as(operator: &Operator, value: &AttributeValue) -> Option<String> {
    use AttributeType::{Boolean, Date, List, Number, Semver, Text};
    match (operator.attribute_type()?, value) {
        (Text, AttributeValue::Number(_)) => Some("a number, compared as text".to_owned()),
        (Text, AttributeValue::Boolean(_)) => Some("true or false, compared as text".to_owned()),
        (Number, AttributeValue::Text(_)) => Some("a text, read as a number".to_owned()),
        (Boolean, AttributeValue::Text(_)) => Some("a text, read as true or false".to_owned()),
        (Semver, AttributeValue::Number(_)) => {
            Some("a number, read as a version; send versions as texts".to_owned())
        }
        (Date, AttributeValue::Text(_) | AttributeValue::Number(_)) => {
            let Dated { at_ms, assumed } = read_date(&value.display()).ok()?;
            match assumed? {
                Assumed::Utc => Some(format!("read as {}", instant_phrase(at_ms))),
                Assumed::Milliseconds => Some(format!("milliseconds, read as {}", instant_phrase(at_ms))),
            }
        }
        (List, AttributeValue::Text(_) | AttributeValue::Number(_) | AttributeValue::Boolean(_)) => {
            Some(format!("{}, compared as a list of one", value.kind()))
        }
        (Text | Semver, AttributeValue::Text(_))
        | (Number | Boolean, AttributeValue::Number(_) | AttributeValue::Boolean(_))
        | (Date | Semver, AttributeValue::Boolean(_))
        | (Text | Number | Boolean | List | Date | Semver, AttributeValue::List(_)) => None,
    }
}
