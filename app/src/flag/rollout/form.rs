//! The rollout form: every channel strip, pins, exclusions, prerequisites and the comment, as typed.

use std::collections::HashSet;

use engine::{Flag, Percentage, Rollout, Rule, SUBJECTS_MAX, SubjectKey};

use super::{intent::Intent, new_group::NewGroup, rule::RuleForm};
use crate::{
    condition::form::ConditionForm,
    form::{error::FieldError, fields::Fields},
};

/// The rule that stands for everyone when the rollout has none yet.
pub const EVERYONE: &str = "everyone";

/// More than a rollout may have, so that one too many is refused with a sentence; a damaged form is cut off here.
const RULES_READ_MAX: usize = 64;
/// The same for people who are pinned or excluded, and for pairs of any kind.
pub(super) const SUBJECTS_READ_MAX: usize = SUBJECTS_MAX + 1;

/// A rollout as typed. `rules` always ends with everyone: a desk has its master channel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RolloutForm {
    /// The version that was on the page when typing began.
    pub expected: u64,
    pub rules: Vec<RuleForm>,
    /// Subject and variant.
    pub pins: Vec<(String, String)>,
    pub excluded_subjects: String,
    pub excluded_groups: Vec<String>,
    /// Flag and variant.
    pub prerequisites: Vec<(String, String)>,
    pub comment: String,
}

impl RolloutForm {
    pub fn from_rollout(rollout: &Rollout, version: u64) -> Self {
        let mut form = Self {
            expected: version,
            rules: rollout.rules.iter().map(RuleForm::from_rule).collect(),
            pins: rollout.pins.iter().map(|p| (p.subject.to_string(), p.variant.to_string())).collect(),
            excluded_subjects: lines(&rollout.exclusions.subjects),
            excluded_groups: rollout.exclusions.groups.iter().map(ToString::to_string).collect(),
            prerequisites: rollout
                .prerequisites
                .iter()
                .map(|p| (p.flag.to_string(), p.variant.to_string()))
                .collect(),
            comment: String::new(),
        };
        form.settle();
        form
    }

    pub fn from_fields(fields: &Fields) -> Self {
        let mut seen = HashSet::new();
        let ids = fields.all("rule").filter(|id| seen.insert(*id)).take(RULES_READ_MAX);
        let pairs = |a: &'static str, b: &'static str| -> Vec<(String, String)> {
            let rows =
                fields.all(a).zip(fields.all(b)).map(|(a, b)| (a.trim().to_owned(), b.trim().to_owned()));
            rows.filter(|(a, _)| !a.is_empty()).take(SUBJECTS_READ_MAX).collect()
        };
        let mut form = Self {
            expected: fields.trimmed("expected").parse().unwrap_or_default(),
            rules: ids.map(|id| RuleForm::from_fields(id, fields)).collect(),
            pins: pairs("pin.subject", "pin.variant"),
            excluded_subjects: fields.trimmed("excluded").to_owned(),
            excluded_groups: fields.all("excluded.group").map(str::to_owned).collect(),
            prerequisites: pairs("need.flag", "need.variant"),
            comment: fields.trimmed("comment").to_owned(),
        };
        form.settle();
        form
    }

    /// Everyone stands below the groups, and is always there.
    fn settle(&mut self) {
        self.rules.sort_by_key(|rule| rule.everyone);
        if self.rules.last().is_none_or(|rule| !rule.everyone) {
            let id = if self.rules.iter().any(|rule| rule.id == EVERYONE) {
                self.new_id()
            } else {
                EVERYONE.to_owned()
            };
            self.rules.push(RuleForm::everyone(&id));
        }
    }

    /// An id that neither the form nor an earlier version of the rollout has used: versions only grow.
    fn new_id(&self) -> String {
        let id = |n: usize| format!("r{}-{n}", self.expected + 1);
        let mut n = 1;
        while self.rules.iter().any(|rule| rule.id == id(n)) {
            n += 1;
        }
        id(n)
    }

    /// Does what a button says; the page then shows the changed draft. Saving and previewing change nothing here.
    pub fn apply(&mut self, intent: &Intent) {
        match intent {
            // Whoever saves a group says what became of it.
            Intent::Save | Intent::Preview | Intent::Who(_) | Intent::MakeGroup { .. } => {}
            Intent::AddAudience => {
                let at = self.rules.iter().position(|rule| rule.everyone).unwrap_or(self.rules.len());
                let rule = RuleForm::audience(self.new_id());
                self.rules.insert(at, rule);
            }
            Intent::AddPin => self.pins.push(Default::default()),
            Intent::AddPrerequisite => self.prerequisites.push(Default::default()),
            Intent::Remove { rule } => {
                self.rules.retain(|it| it.id != *rule);
                self.settle();
            }
            Intent::Up { rule } => self.shift(rule, |at| at.checked_sub(1)),
            Intent::Down { rule } => self.shift(rule, |at| Some(at + 1)),
            Intent::Set { rule, percentage } => {
                if let Some(rule) = self.rules.iter_mut().find(|it| it.id == *rule) {
                    rule.percentage = percentage.to_string();
                }
            }
            Intent::NewGroup { rule } => self.open_group(rule, Some(NewGroup::default())),
            Intent::DropGroup { rule } => self.open_group(rule, None),
            Intent::Builder(action) => {
                for rule in &mut self.rules {
                    let (prefix, new) = (rule.name("if"), rule.name("new.if"));
                    let of_new = rule.new_group.as_mut().is_some_and(|it| it.condition.apply(action, &new));
                    if rule.condition.apply(action, &prefix) || of_new {
                        rule.open = true;
                    }
                }
            }
        }
    }

    fn open_group(&mut self, rule: &str, group: Option<NewGroup>) {
        if let Some(rule) = self.rules.iter_mut().find(|it| it.id == rule) {
            (rule.new_group, rule.open) = (group, true);
        }
    }

    /// The conditions of the form, by the prefix of their fields.
    pub fn conditions(&self) -> Vec<(String, &ConditionForm)> {
        let mut conditions = Vec::new();
        for rule in &self.rules {
            conditions.push((rule.name("if"), &rule.condition));
            conditions.extend(rule.new_group.iter().map(|new| (rule.name("new.if"), &new.condition)));
        }
        conditions
    }

    fn shift(&mut self, rule: &str, to: impl Fn(usize) -> Option<usize>) {
        let Some(at) = self.rules.iter().position(|it| it.id == rule) else { return };
        if let Some(to) = to(at).filter(|to| *to < self.rules.len()) {
            self.rules.swap(at, to);
            self.settle();
        }
    }

    /// The rollout that the texts mean, with the kill switch and the seed of `base`; or everything that is wrong.
    pub fn parse(&self, base: &Rollout, flag: &Flag) -> Result<Rollout, Vec<FieldError>> {
        let mut errors = Vec::new();
        let rules = self.rules.iter().filter(|rule| !is_idle_everyone(rule, base));
        let rules: Vec<Rule> = rules.filter_map(|rule| rule.parse(flag, &mut errors)).collect();
        let rollout = Rollout {
            enabled: base.enabled,
            prerequisites: self.parse_prerequisites(&mut errors),
            exclusions: self.parse_exclusions(&mut errors),
            pins: self.parse_pins(flag, &mut errors),
            rules,
            seed: base.seed.clone(),
        };
        if errors.is_empty() { Ok(rollout) } else { Err(errors) }
    }

    /// As far as it can be understood, for counting: rules that are not finished are left out.
    pub fn parse_leniently(&self, base: &Rollout, flag: &Flag) -> Rollout {
        let ignored = &mut Vec::new();
        Rollout {
            rules: self.rules.iter().filter_map(|rule| rule.parse(flag, ignored)).collect(),
            pins: self.parse_pins(flag, ignored),
            exclusions: self.parse_exclusions(ignored),
            ..base.clone()
        }
    }

    /// Opens the details of every rule that an error points into, so that nobody has to look for it.
    pub fn open_at(&mut self, errors: &[FieldError]) {
        for rule in &mut self.rules {
            let (prefix, fader) = (rule.name(""), rule.name("to"));
            rule.open |= errors.iter().any(|e| e.field.starts_with(&prefix) && e.field != fader);
        }
    }
}

/// The channel that the form adds for everyone, while nobody has touched it: no rule.
fn is_idle_everyone(rule: &RuleForm, base: &Rollout) -> bool {
    let untouched = RuleForm { open: false, weights: Vec::new(), ..rule.clone() }
        == RuleForm::everyone(&rule.id)
        || (rule.percentage() == Some(Percentage::NONE)
            && rule.bucket_by.is_empty()
            && rule.serves.is_empty());
    rule.everyone && untouched && base.rule(&rule.id).is_none()
}

fn lines(subjects: &[SubjectKey]) -> String {
    subjects.iter().map(SubjectKey::as_str).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use engine::{Audience, FlagKey, GroupKey, Pin, Prerequisite, RuleId, VariantKey};

    use super::*;

    fn flag() -> Flag {
        Flag::boolean(FlagKey::parse("fast-payment").expect("key"), "Fast payment")
    }

    #[test]
    fn one_pin_too_many_is_the_last_that_is_read() {
        let mut body = form_urlencoded::Serializer::new(String::new());
        for n in 0..3_000 {
            body.append_pair("pin.subject", &format!("u-{n}")).append_pair("pin.variant", "on");
        }
        let fields = Fields::parse(body.finish().as_bytes()).expect("fields");
        assert_eq!(RolloutForm::from_fields(&fields).pins.len(), SUBJECTS_MAX + 1);
    }

    fn rule(id: &str, group: Option<&str>, percentage: u32) -> Rule {
        let groups = group.map(|key| GroupKey::parse(key).expect("key"));
        Rule {
            id: RuleId::parse(id).expect("id"),
            audience: match groups {
                Some(group) => Audience::Matching { groups: vec![group], condition: None },
                None => Audience::Everyone,
            },
            percentage: Percentage::whole(percentage).expect("percentage"),
            holdback: engine::Percentage::NONE,
            bucket_by: engine::BucketBy::Subject,
            split: Vec::new(),
        }
    }

    fn rollout(rules: Vec<Rule>) -> Rollout {
        Rollout { rules, ..Rollout::new("seed") }
    }

    fn ids(form: &RolloutForm) -> Vec<&str> {
        form.rules.iter().map(|rule| &*rule.id).collect()
    }

    fn post(text: &str) -> RolloutForm {
        RolloutForm::from_fields(&Fields::parse(text.as_bytes()).expect("fields"))
    }

    #[test]
    fn everyone_is_always_there_and_below_the_groups() {
        let base = rollout(vec![rule("e", None, 20), rule("vip", Some("vip-agencies"), 50)]);
        assert_eq!(ids(&RolloutForm::from_rollout(&base, 3)), ["vip", "e"]);
        assert_eq!(ids(&RolloutForm::from_rollout(&rollout(vec![]), 1)), ["everyone"]);
    }

    #[test]
    fn an_untouched_master_channel_is_no_rule() {
        let base = rollout(vec![rule("vip", Some("vip-agencies"), 50)]);
        let mut form = RolloutForm::from_rollout(&base, 3);
        assert_eq!(form.parse(&base, &flag()), Ok(base.clone()));
        form.apply(&Intent::parse("set:everyone:20"));
        let saved = form.parse(&base, &flag()).expect("rollout");
        assert_eq!(saved.rules[1], rule("everyone", None, 20));
        form.apply(&Intent::parse("set:everyone:0"));
        let lowered = form.parse(&saved, &flag()).expect("rollout");
        assert_eq!(lowered.rules.len(), 2, "a rule that exists stays at 0 %");
    }

    #[test]
    fn a_rollout_survives_the_form_unchanged() {
        let mut base = rollout(vec![rule("vip", Some("vip-agencies"), 50), rule("e", None, 20)]);
        base.pins.push(Pin {
            subject: SubjectKey::parse("anna").expect("key"),
            variant: VariantKey::parse("off").expect("key"),
        });
        base.exclusions.subjects =
            vec![SubjectKey::parse("bob").expect("key"), SubjectKey::parse("eve").expect("key")];
        base.exclusions.groups = vec![GroupKey::parse("embargo").expect("key")];
        base.prerequisites.push(Prerequisite {
            flag: FlagKey::parse("new-checkout").expect("key"),
            variant: VariantKey::parse("on").expect("key"),
        });
        base.enabled = false;
        assert_eq!(RolloutForm::from_rollout(&base, 7).parse(&base, &flag()), Ok(base));
    }

    #[test]
    fn rules_are_added_moved_and_removed_by_buttons() {
        let mut form = post(
            "expected=4&rule=a&r.a.to=10&rule=b&r.b.to=20&rule=everyone&r.everyone.audience=everyone&r.everyone.to=0",
        );
        form.apply(&Intent::AddAudience);
        form.apply(&Intent::AddAudience);
        assert_eq!(ids(&form), ["a", "b", "r5-1", "r5-2", "everyone"]);
        form.apply(&Intent::parse("up:b"));
        form.apply(&Intent::parse("down:r5-2"));
        form.apply(&Intent::parse("remove:r5-1"));
        assert_eq!(ids(&form), ["b", "a", "r5-2", "everyone"], "nothing moves below everyone");
        form.apply(&Intent::parse("remove:everyone"));
        assert_eq!(ids(&form), ["b", "a", "r5-2", "everyone"], "the master channel comes back at 0 %");
        form.apply(&Intent::parse("up:b"));
        assert_eq!(ids(&form), ["b", "a", "r5-2", "everyone"]);
    }

    #[test]
    fn a_rule_posted_twice_counts_once() {
        assert_eq!(
            ids(&post("expected=1&rule=a&rule=a&rule=everyone&r.everyone.audience=everyone")),
            ["a", "everyone"]
        );
    }

    #[test]
    fn everything_wrong_is_said_at_once_and_beside_its_control() {
        let form = post(
            "expected=1&rule=a&r.a.to=abc&pin.subject=anna&pin.variant=maybe&excluded=%01x&need.flag=other&need.variant=&rule=everyone&r.everyone.audience=everyone&r.everyone.to=5",
        );
        let errors = form.parse(&rollout(vec![]), &flag()).expect_err("errors");
        let fields: Vec<_> = errors.iter().map(|e| &*e.field).collect();
        assert_eq!(fields, ["r.a.to", "r.a.group", "need", "excluded", "pin"]);
    }

    #[test]
    fn a_rule_that_is_not_finished_does_not_keep_the_others_from_being_counted() {
        let form =
            post("expected=1&rule=a&r.a.to=10&rule=everyone&r.everyone.audience=everyone&r.everyone.to=5");
        let rollout = form.parse_leniently(&rollout(vec![]), &flag());
        assert_eq!(rollout.rules, [rule("everyone", None, 5)]);
    }

    #[test]
    fn empty_rows_of_pins_and_prerequisites_are_no_rows() {
        let form = post("expected=1&pin.subject=&pin.variant=on&need.flag=&need.variant=");
        let parsed = form.parse(&rollout(vec![]), &flag()).expect("rollout");
        assert!(parsed.pins.is_empty() && parsed.prerequisites.is_empty());
    }
}
