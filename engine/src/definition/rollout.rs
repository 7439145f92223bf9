//! What decides who gets a flag in one environment.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::{
    AttributeName, Condition, Flag, FlagKey, GroupKey, Percentage, Problem, RuleId, SubjectKey, VariantKey,
};

/// The weights of a split sum to this.
pub const WEIGHT_TOTAL: u32 = 1000;

pub const RULES_MAX: usize = 50;
/// How many groups one rule, or the exclusions, can name.
pub const GROUPS_MAX: usize = 50;
pub const PREREQUISITES_MAX: usize = 20;
pub const SUBJECTS_MAX: usize = 1000;
pub const SEED_BYTES_MAX: usize = 100;

/// Whom a rule is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Audience {
    Everyone,
    /// Members of any of the groups (when there are any) who also meet the condition (when there is one).
    Matching {
        #[serde(default)]
        groups: Vec<GroupKey>,
        #[serde(default)]
        condition: Option<Condition>,
    },
}

impl Audience {
    /// Such a rule stands below the groups.
    pub fn is_everyone(&self) -> bool {
        matches!(self, Self::Everyone)
    }
}

/// What falls into the percentage together.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BucketBy {
    #[default]
    Subject,
    /// For example `tenant`: a whole company switches together.
    Attribute(AttributeName),
}

impl BucketBy {
    /// `subject`, or the attribute's name.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Subject => "subject",
            Self::Attribute(name) => name.as_str(),
        }
    }
}

/// A variant's part of a split, out of [`WEIGHT_TOTAL`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    pub variant: VariantKey,
    pub weight: u32,
}

/// An audience, how much of it, and what it is served.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub id: RuleId,
    pub audience: Audience,
    pub percentage: Percentage,
    /// The part of those inside who are kept out for comparison, also at 100 %: they get the off path and are control.
    #[serde(default, skip_serializing_if = "Percentage::is_none")]
    pub holdback: Percentage,
    #[serde(default)]
    pub bucket_by: BucketBy,
    /// Empty: everyone inside is served the flag's first variant that is not off.
    #[serde(default)]
    pub split: Vec<Share>,
}

/// Another flag must serve this variant first.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prerequisite {
    pub flag: FlagKey,
    pub variant: VariantKey,
}

/// Who never gets the flag, whatever the rules and enrolments say.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exclusions {
    #[serde(default)]
    pub subjects: Vec<SubjectKey>,
    #[serde(default)]
    pub groups: Vec<GroupKey>,
}

/// One subject that always gets one variant.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    pub subject: SubjectKey,
    pub variant: VariantKey,
}

/// What decides who gets a flag in one environment. Stopping keeps everything below `enabled` as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rollout {
    /// The kill switch; false = stopped.
    pub enabled: bool,
    #[serde(default)]
    pub prerequisites: Vec<Prerequisite>,
    #[serde(default)]
    pub exclusions: Exclusions,
    #[serde(default)]
    pub pins: Vec<Pin>,
    #[serde(default)]
    pub rules: Vec<Rule>,
    /// The salt of the bucketing; changing it re-randomises everyone.
    pub seed: String,
}

impl Rollout {
    /// What every rule has.
    pub fn percentages(&self) -> BTreeMap<RuleId, Percentage> {
        self.rules.iter().map(|rule| (rule.id.clone(), rule.percentage)).collect()
    }

    /// The rollout with these percentages; rules that are not named keep theirs.
    #[must_use]
    pub fn with_percentages(mut self, percentages: &BTreeMap<RuleId, Percentage>) -> Self {
        for rule in &mut self.rules {
            if let Some(percentage) = percentages.get(&rule.id) {
                rule.percentage = *percentage;
            }
        }
        self
    }

    /// Enabled, without rules: everyone gets the off variant.
    pub fn new(seed: &str) -> Self {
        Self {
            enabled: true,
            prerequisites: Vec::new(),
            exclusions: Exclusions::default(),
            pins: Vec::new(),
            rules: Vec::new(),
            seed: seed.to_owned(),
        }
    }

    /// The rollout apart from its percentages and its kill switch: running, with every rule at 0 %.
    #[must_use]
    pub fn shape(&self) -> Self {
        let mut shape = Self { enabled: true, ..self.clone() };
        for rule in &mut shape.rules {
            rule.percentage = Percentage::NONE;
        }
        shape
    }

    pub fn rule(&self, id: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.id.as_str() == id)
    }

    /// Every group that the rollout names.
    pub fn groups(&self) -> impl Iterator<Item = &GroupKey> {
        let audiences = self.rules.iter().flat_map(|rule| match &rule.audience {
            Audience::Everyone => [].iter(),
            Audience::Matching { groups, .. } => groups.iter(),
        });
        audiences.chain(&self.exclusions.groups)
    }

    /// The groups and the condition of every rule that is not for everyone.
    pub fn audiences(&self) -> impl Iterator<Item = (&[GroupKey], Option<&Condition>)> {
        self.rules.iter().filter_map(|rule| match &rule.audience {
            Audience::Everyone => None,
            Audience::Matching { groups, condition } => Some((&groups[..], condition.as_ref())),
        })
    }

    /// Every attribute that a rule itself tests or buckets by, with repeats.
    pub fn attributes(&self) -> impl Iterator<Item = &AttributeName> {
        let tested = self.audiences().filter_map(|(_, condition)| condition).flat_map(Condition::attributes);
        let buckets = self.rules.iter().filter_map(|rule| match &rule.bucket_by {
            BucketBy::Subject => None,
            BucketBy::Attribute(name) => Some(name),
        });
        tested.chain(buckets)
    }

    /// Whether a rule is for this group.
    pub fn serves(&self, group: &GroupKey) -> bool {
        self.rules.iter().any(|rule| match &rule.audience {
            Audience::Everyone => false,
            Audience::Matching { groups, .. } => groups.contains(group),
        })
    }

    /// Everything that is wrong on its own or against `flag` and the existing groups; empty when it can be saved.
    /// Cycles of prerequisites need the other rollouts: see [`Problem::check_prerequisites`].
    pub fn problems(&self, flag: &Flag, group_exists: impl Fn(&GroupKey) -> bool) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.seed.is_empty() || self.seed.len() > SEED_BYTES_MAX {
            problems.push(Problem::Seed { max: SEED_BYTES_MAX });
        }
        if self.prerequisites.len() > PREREQUISITES_MAX {
            problems.push(Problem::TooManyPrerequisites { max: PREREQUISITES_MAX });
        }
        if self.pins.len() > SUBJECTS_MAX || self.exclusions.subjects.len() > SUBJECTS_MAX {
            problems.push(Problem::TooManySubjects { max: SUBJECTS_MAX });
        }
        if self.exclusions.groups.len() > GROUPS_MAX {
            problems.push(Problem::TooManyGroups { max: GROUPS_MAX });
        }
        let mut required = HashSet::new();
        for prerequisite in self.prerequisites.iter().filter(|p| !required.insert(&p.flag)) {
            problems.push(Problem::DuplicatePrerequisite { flag: prerequisite.flag.clone() });
        }
        for group in self.groups().filter(|group| !group_exists(group)) {
            problems.push(Problem::UnknownGroup { group: group.clone() });
        }
        self.check_pins(flag, &mut problems);
        if self.rules.len() > RULES_MAX {
            problems.push(Problem::TooManyRules { max: RULES_MAX });
            return problems;
        }
        let mut ids = HashSet::new();
        for rule in &self.rules {
            if !ids.insert(&rule.id) {
                problems.push(Problem::DuplicateRule { rule: rule.id.clone() });
            }
            rule.check(flag, &mut problems);
        }
        problems
    }

    fn check_pins(&self, flag: &Flag, problems: &mut Vec<Problem>) {
        let mut pinned = HashSet::new();
        for pin in &self.pins {
            if flag.variant(&pin.variant).is_none() {
                problems.push(Problem::UnknownVariant { variant: pin.variant.clone() });
            }
            if !pinned.insert(&pin.subject) {
                problems.push(Problem::DuplicateSubject { subject: pin.subject.clone() });
            }
        }
    }
}

impl Rule {
    /// What the rule serves to whoever is inside, in order, out of [`WEIGHT_TOTAL`].
    pub fn shares(&self, flag: &Flag) -> Vec<Share> {
        if self.split.is_empty() {
            let on = flag.on_variant().map(|v| Share { variant: v.key.clone(), weight: WEIGHT_TOTAL });
            return on.into_iter().collect();
        }
        self.split.clone()
    }

    /// A split serves everyone inside, and nobody twice.
    pub(crate) fn split_problem(&self) -> Option<Problem> {
        let total: u64 = self.split.iter().map(|share| u64::from(share.weight)).sum();
        let wrong = !self.split.is_empty() && total != u64::from(WEIGHT_TOTAL);
        wrong.then(|| Problem::SplitTotal { rule: self.id.clone(), total })
    }

    fn check(&self, flag: &Flag, problems: &mut Vec<Problem>) {
        if let Audience::Matching { groups, condition } = &self.audience {
            if groups.len() > GROUPS_MAX {
                problems.push(Problem::TooManyGroups { max: GROUPS_MAX });
            }
            if groups.is_empty() && condition.is_none() {
                problems.push(Problem::EmptyAudience { rule: self.id.clone() });
            }
            if let Some(condition) = condition {
                condition.check(problems);
            }
        }
        if self.split.is_empty() {
            return;
        }
        problems.extend(self.split_problem());
        let mut seen = HashSet::new();
        for Share { variant, .. } in &self.split {
            if flag.variant(variant).is_none() {
                problems.push(Problem::UnknownVariant { variant: variant.clone() });
            }
            if !seen.insert(variant) {
                problems.push(Problem::DuplicateVariant { variant: variant.clone() });
            }
        }
    }
}
