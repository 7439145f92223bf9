//! Why a part of an audience holds, or why it does not, as a clause of a sentence.

use crate::{Actual, AttributeValue, EnrolmentState, Step, time::instant_phrase, words::sentence::quoted};

/// More reasons than this are counted instead of told.
const REASONS_MAX: usize = 4;

/// Whether a part of an audience holds.
pub(crate) fn is_met(step: &Step) -> bool {
    match step {
        Step::Group { member: met, .. }
        | Step::All { met, .. }
        | Step::Any { met, .. }
        | Step::Not { met, .. }
        | Step::Test { met, .. } => *met,
        Step::Enrolment { state, .. } => *state == EnrolmentState::Active,
        _ => false,
    }
}

pub(super) fn named_group(step: &Step) -> Option<&str> {
    match step {
        Step::Group { name, .. } => Some(name),
        _ => None,
    }
}

/// `VIP agencies (tier is “vip”)`: a group that the subject is in.
pub(super) fn member(group: &Step) -> String {
    let name = named_group(group).unwrap_or_default();
    match group.children().iter().find(|step| is_met(step)) {
        Some(why) => format!("{name} ({})", reason(why)),
        None => name.to_owned(),
    }
}

/// `VIP agencies, because tier is “standard”, not “vip”`: a group that the subject is not in.
pub(super) fn stranger(group: &Step) -> String {
    let name = named_group(group).unwrap_or_default();
    match group.children() {
        [] => format!("{name}, because not enrolled"),
        steps => format!("{name}, because {}", listed(steps.iter().map(reason).collect(), ", and ")),
    }
}

/// Why a part of a condition holds, or why it does not.
pub(super) fn reason(step: &Step) -> String {
    match step {
        Step::Test { attribute, met, expected, opposite, actual } => {
            let name = attribute.as_str();
            match actual {
                Actual::Missing => format!("{name} is missing"),
                Actual::Refused { value } => {
                    format!("{name} {} was sent by a browser, which may not set it", value_phrase(value))
                }
                Actual::InObject { object } if object == name => {
                    format!("{name} is an object, which cannot be compared")
                }
                Actual::InObject { object } => {
                    format!("{name} is missing, because “{object}” is an object, which is not looked into")
                }
                Actual::Unusable { value, wanted } => {
                    format!(
                        "{name} is {} ({}), where {wanted} is expected",
                        value_phrase(value),
                        value.kind()
                    )
                }
                Actual::Value { value, read_as, .. } => {
                    let truth = if *met { expected } else { opposite };
                    let actual = value_phrase(value);
                    match read_as {
                        Some(read_as) => contrast(name, &format!("{actual} ({read_as})"), truth),
                        None => contrast(name, &actual, truth),
                    }
                }
            }
        }
        Step::All { steps, .. } | Step::Any { steps, .. } if steps.is_empty() => {
            "a condition is empty".to_owned()
        }
        Step::All { met: false, steps } => {
            listed(steps.iter().filter(|step| !is_met(step)).map(reason).collect(), ", and ")
        }
        Step::Any { met: true, steps } => {
            steps.iter().find(|step| is_met(step)).map_or_else(String::new, reason)
        }
        Step::All { steps, .. } | Step::Any { steps, .. } | Step::Not { steps, .. } => {
            listed(steps.iter().map(reason).collect(), " and ")
        }
        Step::Enrolment { state, from_ms, until_ms } => enrolment(*state, *from_ms, *until_ms),
        other => other.sentence(),
    }
}

/// `tier is “standard”, not “vip”`, `visits is 40, which is at least 30`, `tier is “vip”`.
fn contrast(name: &str, actual: &str, truth: &str) -> String {
    match truth.strip_prefix("is ") {
        Some(rest) if rest == actual || rest == "present" => format!("{name} is {actual}"),
        Some(rest) if rest.starts_with("not ") => format!("{name} is {actual}, {rest}"),
        _ => format!("{name} is {actual}, which {truth}"),
    }
}

pub(super) fn value_phrase(value: &AttributeValue) -> String {
    match value {
        AttributeValue::Text(text) => quoted(text),
        AttributeValue::List(_) => {
            let text = quoted(&value.display());
            text.trim_start_matches('“').trim_end_matches('”').to_owned()
        }
        AttributeValue::Boolean(_) | AttributeValue::Number(_) => value.display(),
    }
}

pub(super) fn enrolment(state: EnrolmentState, from_ms: Option<i64>, until_ms: Option<i64>) -> String {
    match (state, from_ms, until_ms) {
        (EnrolmentState::Active, _, None) => "enrolled".to_owned(),
        (EnrolmentState::Active, _, Some(until)) => format!("enrolled until {}", instant_phrase(until)),
        (EnrolmentState::NotYet, from, _) => {
            format!("the enrolment begins on {}", from.map_or_else(String::new, instant_phrase))
        }
        (EnrolmentState::Expired, _, until) => {
            format!("the enrolment ended on {}", until.map_or_else(String::new, instant_phrase))
        }
    }
}

/// The reasons, at most [`REASONS_MAX`] of them.
pub(super) fn listed(mut reasons: Vec<String>, separator: &str) -> String {
    let more = reasons.len().saturating_sub(REASONS_MAX);
    reasons.truncate(REASONS_MAX);
    let told = reasons.join(separator);
    if more == 0 { told } else { format!("{told}, and {more} more") }
}
