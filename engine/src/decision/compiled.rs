//! Flags compiled: keys resolved, conditions parsed, definitions shared with whoever stored them.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    bucket::Seeded,
    member::{CompiledGroup, Groups},
};
use crate::{
    AttributeName, AttributeSchema, BucketBy, Flag, FlagKey, GroupKey, Lifecycle, Percentage, Prerequisite,
    Problem, Rollout, Rule, RuleId, SubjectKey, TARGETING_KEY, Variant, VariantKey,
    condition::compiled::CompiledCondition, definition::rollout,
};

/// A flag and its rollout in one environment, ready to be decided.
#[derive(Debug)]
pub struct CompiledFlag {
    flag: Arc<Flag>,
    rollout: Arc<Rollout>,
    off_variant: usize,
    /// Of the definitions, where a decision finds them at once.
    archived: bool,
    enabled: bool,
    seeds: Seeds,
    exclusions: FxHashSet<SubjectKey>,
    excluded_groups: Vec<Arc<CompiledGroup>>,
    pins: FxHashMap<SubjectKey, usize>,
    rules: Vec<CompiledRule>,
}

/// The rollout's seed, hashed once for each of its uses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seeds {
    pub(crate) position: Seeded,
    pub(crate) holdback: Seeded,
    pub(crate) variant: Seeded,
}

impl Seeds {
    fn new(seed: &str) -> Self {
        Self {
            position: Seeded::of_position(seed),
            holdback: Seeded::of_holdback(seed),
            variant: Seeded::of_variant(seed),
        }
    }
}

#[derive(Debug)]
pub(crate) struct CompiledRule {
    pub(crate) id: RuleId,
    pub(crate) audience: Audience,
    pub(crate) percentage: Percentage,
    pub(crate) holdback: Percentage,
    pub(crate) bucket: Bucket,
    pub(crate) shares: Vec<CompiledShare>,
}

#[derive(Debug)]
pub(crate) enum Audience {
    Everyone,
    Matching { groups: Vec<Arc<CompiledGroup>>, condition: Option<CompiledCondition> },
}

#[derive(Debug)]
pub(crate) enum Bucket {
    Subject,
    Attribute { name: AttributeName, trusted: bool },
}

/// A variant by index, drawn for variant buckets up to and including `up_to`.
#[derive(Debug)]
pub(crate) struct CompiledShare {
    pub(crate) variant: usize,
    pub(crate) up_to: u32,
}

impl CompiledFlag {
    pub(crate) fn new(
        flag: Arc<Flag>,
        rollout: Arc<Rollout>,
        groups: &Groups,
        attributes: &AttributeSchema,
    ) -> Result<Self, Problem> {
        let variant = |key: &VariantKey| {
            let at = flag.variants.iter().position(|v| v.key == *key);
            at.ok_or_else(|| Problem::UnknownVariant { variant: key.clone() })
        };
        let pins = rollout.pins.iter().map(|pin| Ok((pin.subject.clone(), variant(&pin.variant)?)));
        Ok(Self {
            off_variant: variant(&flag.off_variant)?,
            archived: flag.lifecycle == Lifecycle::Archived,
            enabled: rollout.enabled,
            seeds: Seeds::new(&rollout.seed),
            exclusions: rollout.exclusions.subjects.iter().cloned().collect(),
            excluded_groups: find_groups(&rollout.exclusions.groups, groups)?,
            pins: pins.collect::<Result<_, _>>()?,
            rules: rollout
                .rules
                .iter()
                .map(|rule| CompiledRule::new(rule, &flag, groups, attributes))
                .collect::<Result<_, _>>()?,
            flag,
            rollout,
        })
    }

    /// Whether compiling these again would give the same.
    pub(crate) fn is_built_from(&self, flag: &Arc<Flag>, rollout: &Arc<Rollout>, groups: &Groups) -> bool {
        let rules = self.rules.iter().flat_map(|rule| match &rule.audience {
            Audience::Everyone => [].iter(),
            Audience::Matching { groups, .. } => groups.iter(),
        });
        let same =
            |group: &Arc<CompiledGroup>| groups.get(group.key()).is_some_and(|new| Arc::ptr_eq(new, group));
        Arc::ptr_eq(&self.flag, flag)
            && Arc::ptr_eq(&self.rollout, rollout)
            && rules.chain(&self.excluded_groups).all(same)
    }

    /// Whether a rule may match later although nothing but the time has changed; its groups aside.
    pub(super) fn follows_clock(&self) -> bool {
        self.rules.iter().any(|rule| match &rule.audience {
            Audience::Everyone => false,
            Audience::Matching { condition, .. } => {
                condition.as_ref().is_some_and(CompiledCondition::follows_clock)
            }
        })
    }

    pub fn flag(&self) -> &Arc<Flag> {
        &self.flag
    }

    pub fn rollout(&self) -> &Arc<Rollout> {
        &self.rollout
    }

    pub fn key(&self) -> &FlagKey {
        &self.flag.key
    }

    pub fn is_archived(&self) -> bool {
        self.archived
    }

    pub fn off_variant(&self) -> &Variant {
        &self.flag.variants[self.off_variant]
    }

    pub(crate) fn enabled(&self) -> bool {
        self.enabled
    }

    pub(crate) fn seeds(&self) -> &Seeds {
        &self.seeds
    }

    pub(crate) fn variants(&self) -> &[Variant] {
        &self.flag.variants
    }

    pub(crate) fn prerequisites(&self) -> &[Prerequisite] {
        &self.rollout.prerequisites
    }

    pub(crate) fn excludes(&self, subject: &str) -> bool {
        self.exclusions.contains(subject)
    }

    pub(crate) fn excluded_groups(&self) -> &[Arc<CompiledGroup>] {
        &self.excluded_groups
    }

    pub(crate) fn pinned(&self, subject: &str) -> Option<&Variant> {
        self.pins.get(subject).map(|at| &self.flag.variants[*at])
    }

    pub(crate) fn rules(&self) -> &[CompiledRule] {
        &self.rules
    }
}

fn find_groups(keys: &[GroupKey], groups: &Groups) -> Result<Vec<Arc<CompiledGroup>>, Problem> {
    let find =
        |key: &GroupKey| groups.get(key).cloned().ok_or_else(|| Problem::UnknownGroup { group: key.clone() });
    keys.iter().map(find).collect()
}

impl CompiledRule {
    fn new(rule: &Rule, flag: &Flag, groups: &Groups, attributes: &AttributeSchema) -> Result<Self, Problem> {
        let audience = match &rule.audience {
            rollout::Audience::Everyone => Audience::Everyone,
            rollout::Audience::Matching { groups: keys, condition } => Audience::Matching {
                groups: find_groups(keys, groups)?,
                condition: condition.as_ref().map(|c| CompiledCondition::new(c, attributes)).transpose()?,
            },
        };
        let bucket = match &rule.bucket_by {
            BucketBy::Subject => Bucket::Subject,
            BucketBy::Attribute(name) if name.as_str() == TARGETING_KEY => Bucket::Subject,
            BucketBy::Attribute(name) => {
                Bucket::Attribute { name: name.clone(), trusted: attributes.is_trusted(name.as_str()) }
            }
        };
        if let Some(problem) = rule.split_problem() {
            return Err(problem);
        }
        let mut up_to = 0u32;
        let mut shares = Vec::new();
        for share in rule.shares(flag).into_iter().filter(|share| share.weight > 0) {
            let variant = flag.variants.iter().position(|v| v.key == share.variant);
            let variant = variant.ok_or(Problem::UnknownVariant { variant: share.variant })?;
            up_to += share.weight;
            shares.push(CompiledShare { variant, up_to });
        }
        let (id, percentage, holdback) = (rule.id.clone(), rule.percentage, rule.holdback);
        Ok(Self { id, audience, percentage, holdback, bucket, shares })
    }

    /// Nothing is drawn at all, so that no targeting key is needed.
    pub(crate) fn takes_anybody(&self) -> bool {
        self.percentage == Percentage::ALL && self.holdback.is_none() && self.is_single()
    }

    /// One variant for everyone inside: nothing to draw.
    pub(crate) fn is_single(&self) -> bool {
        self.shares.len() <= 1
    }
}

impl Bucket {
    pub(crate) fn definition(&self) -> BucketBy {
        match self {
            Self::Subject => BucketBy::Subject,
            Self::Attribute { name, .. } => BucketBy::Attribute(name.clone()),
        }
    }
}
