//! What changed between two definitions, as sentences for the audit log and for conflicts.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::{
    Enrolment, Flag, Group, GroupKey, Percentage, Rollout, Rule, Share, Variant, audience_phrase,
    condition_phrase, counted, time::instant_phrase, words::sentence::quoted,
};

/// More things of one kind that came or went are counted instead of listed.
const LISTED_MAX: usize = 10;

/// One difference: a phrase in the past tense, and both sides where there are two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// `raised VIP agencies 50 → 100 %`.
    pub phrase: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

impl Change {
    fn new(phrase: impl Into<String>) -> Self {
        Self { phrase: phrase.into(), before: None, after: None }
    }

    fn sides(phrase: impl Into<String>, before: impl Into<String>, after: impl Into<String>) -> Self {
        Self { phrase: phrase.into(), before: Some(before.into()), after: Some(after.into()) }
    }
}

/// What changed in a rollout, the most important first.
pub fn rollout_changes(before: &Rollout, after: &Rollout, name: &dyn Fn(&GroupKey) -> String) -> Vec<Change> {
    let mut changes = Vec::new();
    match (before.enabled, after.enabled) {
        (true, false) => changes.push(Change::new("stopped")),
        (false, true) => changes.push(Change::new("resumed")),
        (true, true) | (false, false) => {}
    }
    rules(before, after, name, &mut changes);
    let prerequisites =
        |r: &Rollout| r.prerequisites.iter().map(|p| pair(&p.flag, &p.variant)).collect::<Vec<_>>();
    pairs("prerequisite", &prerequisites(before), &prerequisites(after), &mut changes);
    let excluded = |r: &Rollout| r.exclusions.subjects.iter().map(ToString::to_string).collect::<Vec<_>>();
    list(["exclusion of", "exclusion"], &excluded(before), &excluded(after), &mut changes);
    let excluded = |r: &Rollout| r.exclusions.groups.iter().map(name).collect::<Vec<_>>();
    list(["exclusion of", "exclusion"], &excluded(before), &excluded(after), &mut changes);
    let pins = |r: &Rollout| r.pins.iter().map(|p| pair(&p.subject, &p.variant)).collect::<Vec<_>>();
    pairs("pin of", &pins(before), &pins(after), &mut changes);
    if before.seed != after.seed {
        changes.push(Change::sides("re-randomised everyone", &before.seed, &after.seed));
    }
    changes
}

fn rules(before: &Rollout, after: &Rollout, name: &dyn Fn(&GroupKey) -> String, changes: &mut Vec<Change>) {
    let old: HashMap<_, _> = before.rules.iter().map(|rule| (&rule.id, rule)).collect();
    for rule in &after.rules {
        match old.get(&rule.id) {
            None => changes.push(Change::new(format!("added {}", rule_at(rule, name)))),
            Some(old) => rule_change(old, rule, name, changes),
        }
    }
    for rule in before.rules.iter().filter(|rule| after.rule(rule.id.as_str()).is_none()) {
        changes.push(Change::new(format!("removed {}", rule_at(rule, name))));
    }
    let kept = |from: &Rollout, other: &Rollout| {
        let ids = from.rules.iter().filter(|rule| other.rule(rule.id.as_str()).is_some());
        ids.map(|rule| rule.id.clone()).collect::<Vec<_>>()
    };
    if kept(before, after) != kept(after, before) {
        let order = |r: &Rollout| {
            r.rules.iter().map(|rule| audience_phrase(&rule.audience, name)).collect::<Vec<_>>().join(", ")
        };
        changes.push(Change::sides("changed the order of the rules", order(before), order(after)));
    }
}

/// `VIP agencies at 20 %`.
fn rule_at(rule: &Rule, name: &dyn Fn(&GroupKey) -> String) -> String {
    format!("{} at {} %", audience_phrase(&rule.audience, name), rule.percentage)
}

fn rule_change(old: &Rule, new: &Rule, name: &dyn Fn(&GroupKey) -> String, changes: &mut Vec<Change>) {
    let audience = audience_phrase(&new.audience, name);
    if old.percentage != new.percentage {
        let verb = if new.percentage > old.percentage { "raised" } else { "lowered" };
        let (from, to): (Percentage, Percentage) = (old.percentage, new.percentage);
        let phrase = format!("{verb} {audience} {from} → {to} %");
        changes.push(Change::sides(phrase, format!("{from} %"), format!("{to} %")));
    }
    if old.audience != new.audience {
        let was = audience_phrase(&old.audience, name);
        let phrase = format!("changed an audience from {was} to {audience}");
        changes.push(Change::sides(phrase, was, audience.clone()));
    }
    if old.holdback != new.holdback {
        let (was, is) = (format!("{} %", old.holdback), format!("{} %", new.holdback));
        let phrase = format!("changed the holdback of {audience} from {was} to {is}");
        changes.push(Change::sides(phrase, was, is));
    }
    if old.bucket_by != new.bucket_by {
        let (was, is) = (old.bucket_by.as_str(), new.bucket_by.as_str());
        let phrase = format!("changed {audience} to be drawn by {is} instead of by {was}");
        changes.push(Change::sides(phrase, was, is));
    }
    if old.split != new.split {
        let (was, is) = (split_phrase(old), split_phrase(new));
        changes.push(Change::sides(format!("changed the split of {audience} to {is}"), was, is.clone()));
    }
}

/// `blue 33.3 %, green 66.7 %`.
fn split_phrase(rule: &Rule) -> String {
    let part = |share: &Share| {
        let percentage =
            Percentage::from_thousandths(share.weight.saturating_mul(100)).unwrap_or(Percentage::ALL);
        format!("{} {percentage} %", share.variant)
    };
    let parts = rule.split.iter().map(part).collect::<Vec<_>>().join(", ");
    if parts.is_empty() { "no split".to_owned() } else { parts }
}

/// Reports what came and went; many at once are counted, and named beside it. `noun`: before what is named, and what is
/// counted.
fn list(noun: [&str; 2], before: &[String], after: &[String], changes: &mut Vec<Change>) {
    came_and_went(noun, before, after, changes, |verb, items, phrase| {
        let named = items.join(", ");
        if verb == "added" { Change::sides(phrase, "", named) } else { Change::sides(phrase, named, "") }
    });
}

/// `many` makes the change of what is counted: its verb, its items and its phrase.
fn came_and_went(
    noun: [&str; 2],
    before: &[String],
    after: &[String],
    changes: &mut Vec<Change>,
    many: impl Fn(&str, &[String], String) -> Change,
) {
    let minus = |from: &[String], other: &[String]| {
        let other: HashSet<_> = other.iter().collect();
        from.iter().filter(|item| !other.contains(item)).cloned().collect::<Vec<_>>()
    };
    for (verb, items) in [("added", minus(after, before)), ("removed", minus(before, after))] {
        if items.len() > LISTED_MAX {
            changes.push(many(verb, &items, format!("{verb} {}", counted(items.len(), noun[1]))));
        } else {
            changes.extend(items.iter().map(|item| Change::new(format!("{verb} the {} {item}", noun[0]))));
        }
    }
}

fn pair(key: &impl ToString, value: &impl ToString) -> (String, String) {
    (key.to_string(), value.to_string())
}

/// Reports which keys came, went and have another value.
fn pairs(noun: &str, before: &[(String, String)], after: &[(String, String)], changes: &mut Vec<Change>) {
    let old: HashMap<_, _> = before.iter().map(|(key, value)| (key, value)).collect();
    let new: HashSet<_> = after.iter().map(|(key, _)| key).collect();
    for (key, value) in after {
        match old.get(key) {
            None => changes.push(Change::new(format!("added the {noun} {key} = {}", quoted(value)))),
            Some(was) if *was != value => {
                let phrase = format!("changed the {noun} {key} from {} to {}", quoted(was), quoted(value));
                changes.push(Change::sides(phrase, *was, value));
            }
            Some(_) => {}
        }
    }
    for (key, value) in before.iter().filter(|(key, _)| !new.contains(key)) {
        changes.push(Change::new(format!("removed the {noun} {key} = {}", quoted(value))));
    }
}

fn field(noun: &str, before: &str, after: &str, changes: &mut Vec<Change>) {
    if before != after {
        changes.push(Change::sides(format!("changed the {noun}"), before, after));
    }
}

/// What changed in a flag's definition.
pub fn flag_changes(before: &Flag, after: &Flag) -> Vec<Change> {
    let mut changes = Vec::new();
    if before.lifecycle != after.lifecycle {
        let (was, is) = (before.lifecycle.as_str(), after.lifecycle.as_str());
        changes.push(Change::sides(format!("moved it from {was} to {is}"), was, is));
    }
    field("name", &before.name, &after.name, &mut changes);
    field("description", &before.description, &after.description, &mut changes);
    field("name for customers", &before.public_name, &after.public_name, &mut changes);
    field("sentence for customers", &before.public_sentence, &after.public_sentence, &mut changes);
    field("owner", &before.owner, &after.owner, &mut changes);
    list(["tag", "tag"], &before.tags, &after.tags, &mut changes);
    field("kind", before.kind.as_str(), after.kind.as_str(), &mut changes);
    field("value type", before.value_type.as_str(), after.value_type.as_str(), &mut changes);
    variants(before, after, &mut changes);
    field("off variant", before.off_variant.as_str(), after.off_variant.as_str(), &mut changes);
    changes
}

fn variants(before: &Flag, after: &Flag, changes: &mut Vec<Change>) {
    for Variant { key, value } in &after.variants {
        match before.variant(key) {
            None => changes.push(Change::new(format!("added the variant {key} = {value}"))),
            Some(old) if old.value != *value => {
                let (was, is) = (old.value.to_string(), value.to_string());
                changes.push(Change::sides(
                    format!("changed the value of {} from {was} to {is}", quoted(key.as_str())),
                    was,
                    is.clone(),
                ));
            }
            Some(_) => {}
        }
    }
    for Variant { key, value } in before.variants.iter().filter(|v| after.variant(&v.key).is_none()) {
        changes.push(Change::new(format!("removed the variant {key} = {value}")));
    }
    // The order says what a rule without a split serves.
    let on = |flag: &Flag| flag.on_variant().map(|variant| variant.key.to_string()).unwrap_or_default();
    field("variant that rules serve", &on(before), &on(after), changes);
}

/// What changed in a group.
pub fn group_changes(before: &Group, after: &Group) -> Vec<Change> {
    let mut changes = Vec::new();
    field("name", &before.name, &after.name, &mut changes);
    field("description", &before.description, &after.description, &mut changes);
    if before.condition != after.condition {
        let phrase =
            |group: &Group| group.condition.as_ref().map_or("no condition".to_owned(), condition_phrase);
        changes.push(Change::sides("changed the condition", phrase(before), phrase(after)));
    }
    let subjects = |group: &Group| group.enrolments.iter().map(|e| e.subject.to_string()).collect::<Vec<_>>();
    // As many as ten thousand: each of them has versions of its own, which name this change.
    let only_counted = |_: &str, _: &[String], phrase| Change::new(phrase);
    came_and_went(["tester", "tester"], &subjects(before), &subjects(after), &mut changes, only_counted);
    enrolments(before, after, &mut changes);
    changes
}

fn enrolments(before: &Group, after: &Group, changes: &mut Vec<Change>) {
    let old: HashMap<_, _> = before.enrolments.iter().map(|e| (&e.subject, e)).collect();
    let earlier = |new: &Enrolment| old.get(&new.subject).copied().filter(|was| *was != new);
    let differing: Vec<_> = after.enrolments.iter().filter_map(|new| Some((earlier(new)?, new))).collect();
    if differing.len() > LISTED_MAX {
        changes.push(Change::new(format!("changed {}", counted(differing.len(), "enrolment"))));
        return;
    }
    for (was, is) in differing {
        let phrase = format!("changed the enrolment of {}", is.subject);
        changes.push(Change::sides(phrase, enrolment_phrase(was), enrolment_phrase(is)));
    }
}

/// `from 2026-03-01 00:00 UTC until 2026-04-01 00:00 UTC for pilot calls`.
fn enrolment_phrase(enrolment: &Enrolment) -> String {
    let part = |word: &str, ms: Option<i64>| ms.map(|ms| format!("{word} {}", instant_phrase(ms)));
    let purpose = Some(&enrolment.purpose).filter(|purpose| !purpose.is_empty());
    let until = part("until", enrolment.until_ms).unwrap_or_else(|| "without end".to_owned());
    let parts =
        [part("from", enrolment.from_ms), Some(until), purpose.map(|purpose| format!("for {purpose}"))];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}
