//! Rollouts, audiences and conditions in the words a product manager uses.

use crate::{
    Assumed, Audience, BucketBy, Condition, Dated, GroupKey, Moment, Operator, Percentage, Rollout, Rule,
    Test, Traits, instant_phrase, read_date,
};

/// A longer text is cut in a sentence.
const QUOTED_CHARS_MAX: usize = 80;
/// More values than this are counted instead of listed.
const LISTED_MAX: usize = 5;

/// `“vip”`, cut when it is long.
pub(crate) fn quoted(text: &str) -> String {
    match text.char_indices().nth(QUOTED_CHARS_MAX) {
        Some((end, _)) => format!("“{}…”", &text[..end]),
        None => format!("“{text}”"),
    }
}

/// `is “vip”`, `is not at least 30`: what a test expects of its attribute.
pub(crate) fn test_phrase(of: &Test, not: bool) -> String {
    let list = |texts: &[String]| {
        let shown = texts.iter().take(LISTED_MAX).map(|text| quoted(text)).collect::<Vec<_>>().join(", ");
        match texts.len().saturating_sub(LISTED_MAX) {
            0 => shown,
            more => format!("{shown} and {more} more"),
        }
    };
    let is = if not { "is not" } else { "is" };
    let phrase = match &of.operator {
        Operator::Equals(text) => format!("{is} {}", quoted(text)),
        Operator::OneOf(texts) => format!("{is} one of {}", list(texts)),
        Operator::Contains(text) => format!("{} {}", verb(not, "contains", "contain"), quoted(text)),
        Operator::StartsWith(text) => format!("{} {}", verb(not, "starts with", "start with"), quoted(text)),
        Operator::EndsWith(text) => format!("{} {}", verb(not, "ends with", "end with"), quoted(text)),
        Operator::Matches(text) => format!("{} the pattern {}", verb(not, "matches", "match"), quoted(text)),
        Operator::InNetwork(networks) => format!("{is} an address in {}", list(networks)),
        Operator::NumberEquals(n) => format!("{is} {n}"),
        Operator::LessThan(n) => format!("{is} less than {n}"),
        Operator::AtMost(n) => format!("{is} at most {n}"),
        Operator::GreaterThan(n) => format!("{is} more than {n}"),
        Operator::AtLeast(n) => format!("{is} at least {n}"),
        Operator::Between { low, high } => format!("{is} between {low} and {high}"),
        Operator::Is(expected) => format!("{is} {expected}"),
        Operator::ContainsAny(texts) => {
            format!("{} any of {}", verb(not, "contains", "contain"), list(texts))
        }
        Operator::ContainsAll(texts) => {
            format!("{} all of {}", verb(not, "contains", "contain"), list(texts))
        }
        Operator::Before(text) => format!("{is} {}", moment_phrase(text, "before", "more than")),
        Operator::After(text) => format!("{is} {}", moment_phrase(text, "after", "less than")),
        Operator::VersionEquals(text) => format!("{is} version {text}"),
        Operator::VersionBelow(text) => format!("{is} below version {text}"),
        Operator::VersionAtMost(text) => format!("{is} at most version {text}"),
        Operator::VersionAbove(text) => format!("{is} above version {text}"),
        Operator::VersionAtLeast(text) => format!("{is} at least version {text}"),
        Operator::Exists => (if not { "is missing" } else { "is present" }).to_owned(),
    };
    if of.ignore_case && of.operator.has_case() { format!("{phrase} (any case)") } else { phrase }
}

/// `before 2026-03-01`, `more than 30 days ago`, `after now`.
fn moment_phrase(text: &str, side: &str, than: &str) -> String {
    match Moment::parse(text) {
        Ok(Moment::FromNow(ms)) if ms < 0 => format!("{than} {}", text.trim()),
        Ok(Moment::FromNow(0)) => format!("{side} now"),
        Ok(Moment::FromNow(_)) => format!("{side} the moment {}", text.trim()),
        Ok(Moment::At(_)) | Err(_) => format!("{side} {}", date_phrase(text)),
    }
}

/// What a date leaves open is said: `2026-03-01T14:10 (UTC)`.
fn date_phrase(text: &str) -> String {
    match read_date(text) {
        Ok(Dated { assumed: Some(Assumed::Utc), .. }) => format!("{text} (UTC)"),
        Ok(Dated { assumed: Some(Assumed::Milliseconds), at_ms }) => instant_phrase(at_ms),
        Ok(Dated { assumed: None, .. }) | Err(_) => text.to_owned(),
    }
}

fn verb(not: bool, plain: &str, base: &str) -> String {
    if not { format!("does not {base}") } else { plain.to_owned() }
}

/// `tier is "vip" and (role is "staff" or transactions_30d is at least 30)`.
pub fn condition_phrase(condition: &Condition) -> String {
    match condition {
        Condition::All(nodes) => joined(nodes, " and "),
        Condition::Any(nodes) => joined(nodes, " or "),
        Condition::Not(node) => format!("not ({})", condition_phrase(node)),
        Condition::Test(test) => format!("{} {}", test.attribute, test_phrase(test, test.negated)),
    }
}

fn joined(nodes: &[Condition], word: &str) -> String {
    if nodes.is_empty() {
        return "an empty condition holds".to_owned();
    }
    let part = |node: &Condition| match node {
        Condition::All(inner) | Condition::Any(inner) if inner.len() > 1 && nodes.len() > 1 => {
            format!("({})", condition_phrase(node))
        }
        _ => condition_phrase(node),
    };
    nodes.iter().map(part).collect::<Vec<_>>().join(word)
}

/// `VIP agencies or Internal users where country is "NO"`; `everyone`. `name` gives a group's name.
pub fn audience_phrase(audience: &Audience, name: &dyn Fn(&GroupKey) -> String) -> String {
    let Audience::Matching { groups, condition } = audience else {
        return "everyone".to_owned();
    };
    let groups = groups.iter().map(name).collect::<Vec<_>>().join(" or ");
    match (groups.is_empty(), condition) {
        (true, None) => "nobody".to_owned(),
        (true, Some(condition)) => format!("those whose {}", condition_phrase(condition)),
        (false, None) => groups,
        (false, Some(condition)) => format!("{groups} where {}", condition_phrase(condition)),
    }
}

/// `VIP agencies`, `20 % of everyone`, `50 % of tenants in VIP agencies`: one rule in the state of a flag.
pub(crate) fn rule_phrase(rule: &Rule, name: &dyn Fn(&GroupKey) -> String) -> String {
    let audience = audience_phrase(&rule.audience, name);
    if rule.percentage == Percentage::ALL {
        return audience;
    }
    match &rule.bucket_by {
        BucketBy::Subject => format!("{} % of {audience}", rule.percentage),
        BucketBy::Attribute(attribute) => format!("{} % of {audience} by {attribute}", rule.percentage),
    }
}

/// The state of a rollout in words: `VIP agencies + 20 % of everyone`, `Nobody`, `Stopped (was: Everyone)`.
pub fn rollout_phrase(rollout: &Rollout, name: &dyn Fn(&GroupKey) -> String) -> String {
    let serving = || rollout.rules.iter().filter(|rule| rule.percentage > Percentage::NONE);
    let phrase = serving().map(|rule| rule_phrase(rule, name)).collect::<Vec<_>>().join(" + ");
    let state = match (serving().next(), rollout.pins.len()) {
        (None, 0) => "Nobody".to_owned(),
        (None, pins) => format!("{pins} pinned"),
        (Some(first), _) if begins_with_a_name(first) => phrase,
        (Some(_), _) => capitalised(&phrase),
    };
    if rollout.enabled { state } else { format!("Stopped (was: {state})") }
}

/// A group is called what it is called: "iOS testers" stays.
fn begins_with_a_name(rule: &Rule) -> bool {
    match &rule.audience {
        Audience::Everyone => false,
        Audience::Matching { groups, .. } => !groups.is_empty(),
    }
}

pub(crate) fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(char::to_uppercase).into_iter().flatten().chain(chars).collect()
}

/// `tier = vip, role = staff`: attributes for a line of a list.
pub fn attributes_phrase<'a>(attributes: impl Into<Traits<'a>>) -> String {
    attributes
        .into()
        .iter()
        .map(|(name, value)| format!("{name} = {}", value.display()))
        .collect::<Vec<_>>()
        .join(", ")
}
