//! The one code path that decides: with a silent tracer for answers, with a recording one for explanations.

mod footing;

use std::cell::Cell;

use serde::{Deserialize, Serialize};

use crate::{
    Context, FlagKey, Percentage, Position, Preview, RuleId, Variant,
    bucket::{holdback_position, position, variant_bucket},
    compiled::{Audience, Bucket, CompiledFlag, CompiledGroup, CompiledRule},
    explain::{Outcome, Step},
    snapshot::Snapshot,
};

pub(crate) use footing::{Footing, Ground};

/// A chain of prerequisites longer than this is not followed.
pub(crate) const PREREQUISITE_DEPTH_MAX: usize = 32;
/// So many prerequisites are evaluated for one decision, however they share each other.
pub(crate) const PREREQUISITES_FOLLOWED_MAX: usize = 256;

/// Why this variant, in the words of `OpenFeature`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Reason {
    /// The rollout has no rules.
    Static,
    /// No rule let the subject in, a prerequisite was not met, or the subject is excluded.
    Default,
    /// Pinned, or inside a rule at 100 %.
    TargetingMatch,
    /// Inside a rule below 100 %.
    Split,
    /// Stopped by the kill switch.
    Disabled,
}

/// On which side of a rule's percentage the subject fell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arm {
    Treatment,
    /// Matched the rule's audience, but was outside its percentage or held back.
    Control,
}

/// What a subject is served.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decision<'s> {
    pub variant: &'s Variant,
    pub reason: Reason,
    /// The rule that let the subject in, or the first whose percentage kept it out.
    pub rule: Option<&'s RuleId>,
    /// `None` also for whoever was outside an earlier rule and is served by a later one: that rule's control has nobody
    /// of the earlier audience in it, so they would be compared with other people.
    pub arm: Option<Arm>,
    /// Served because this call carried a preview: it is no exposure.
    pub previewed: bool,
}

/// Why there is no decision; the caller's own default applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EvaluationError {
    #[error("this flag does not exist in this environment, or is archived")]
    FlagNotFound,
    #[error("this flag is released by percentage: send a targetingKey with the context")]
    TargetingKeyMissing,
    #[error("this flag cannot be evaluated: it waits for too many prerequisites")]
    General,
}

/// Follows an evaluation. Everything is passed as a closure, so that the silent tracer costs nothing.
pub(crate) trait Tracer {
    /// Whether conditions are evaluated to the end for the sake of the trace.
    const ON: bool;
    fn open(&mut self);
    fn close(&mut self, step: impl FnOnce(Vec<Step>) -> Step);
    fn leaf(&mut self, step: impl FnOnce() -> Step);
}

pub(crate) struct Silent;

impl Tracer for Silent {
    const ON: bool = false;
    fn open(&mut self) {}
    fn close(&mut self, _: impl FnOnce(Vec<Step>) -> Step) {}
    fn leaf(&mut self, _: impl FnOnce() -> Step) {}
}

impl Snapshot {
    /// Decides one flag for one context at `now_ms`.
    pub fn evaluate(
        &self,
        flag: &str,
        context: &Context<'_>,
        now_ms: i64,
    ) -> Result<Decision<'_>, EvaluationError> {
        self.decide(flag, context, None, now_ms, &mut Silent)
    }

    /// Like [`Snapshot::evaluate`], with a preview that came with the call. It counts as a pin on its flag for its
    /// subject: the kill switch, prerequisites and exclusions still come first. It counts for the flag that is asked
    /// about only, not where that flag is a prerequisite of another.
    pub fn evaluate_previewed(
        &self,
        flag: &str,
        context: &Context<'_>,
        preview: Option<&Preview>,
        now_ms: i64,
    ) -> Result<Decision<'_>, EvaluationError> {
        self.decide(flag, context, preview, now_ms, &mut Silent)
    }

    pub(crate) fn decide<'s, T: Tracer>(
        &'s self,
        flag: &str,
        context: &Context<'_>,
        preview: Option<&Preview>,
        now_ms: i64,
        tracer: &mut T,
    ) -> Result<Decision<'s>, EvaluationError> {
        let followed = Cell::new(0);
        let preview = preview.filter(|preview| preview.is_about(flag, context));
        let chain = Chain { depth: 0, followed: &followed, preview };
        self.decide_within(chain, flag, context, now_ms, tracer)
    }

    fn decide_within<'s, T: Tracer>(
        &'s self,
        chain: Chain<'_>,
        flag: &str,
        context: &Context<'_>,
        now_ms: i64,
        tracer: &mut T,
    ) -> Result<Decision<'s>, EvaluationError> {
        let flag = self.flag(flag).ok_or(EvaluationError::FlagNotFound)?;
        if flag.is_archived() {
            return Err(EvaluationError::FlagNotFound);
        }
        Evaluation { snapshot: self, flag, context, now_ms, chain }.decide(tracer)
    }
}

/// How far one decision has followed prerequisites.
#[derive(Clone, Copy)]
struct Chain<'a> {
    depth: usize,
    followed: &'a Cell<usize>,
    /// Of the flag that was asked about.
    preview: Option<&'a Preview>,
}

impl Chain<'_> {
    fn follow(self) -> Result<Self, EvaluationError> {
        let followed = self.followed.replace(self.followed.get() + 1);
        if self.depth >= PREREQUISITE_DEPTH_MAX || followed >= PREREQUISITES_FOLLOWED_MAX {
            return Err(EvaluationError::General);
        }
        Ok(Self { depth: self.depth + 1, preview: None, ..self })
    }
}

struct Evaluation<'s, 'c> {
    snapshot: &'s Snapshot,
    flag: &'s CompiledFlag,
    context: &'c Context<'c>,
    now_ms: i64,
    chain: Chain<'c>,
}

impl<'s> Evaluation<'s, '_> {
    fn decide<T: Tracer>(&self, tracer: &mut T) -> Result<Decision<'s>, EvaluationError> {
        let flag = self.flag;
        tracer.leaf(|| Step::KillSwitch { stopped: !flag.enabled() });
        if !flag.enabled() {
            return Ok(self.off(Reason::Disabled));
        }
        if !self.prerequisites_met(tracer)? || self.is_excluded(tracer) {
            return Ok(self.off(Reason::Default));
        }
        if let Some(variant) = self.previewed() {
            tracer.leaf(|| Step::Previewed { variant: variant.key.clone() });
            return Ok(Decision { previewed: true, ..Decision::pinned(variant) });
        }
        if let Some(variant) = self.pinned() {
            tracer.leaf(|| Step::Pinned { variant: variant.key.clone() });
            return Ok(Decision::pinned(variant));
        }
        let mut control = None;
        for rule in flag.rules() {
            match self.rule(rule, tracer)? {
                Outcome::Inside => {
                    let arm = control.is_none().then_some(Arm::Treatment);
                    return self.treatment(rule, arm, tracer);
                }
                Outcome::Outside => {
                    control.get_or_insert(&rule.id);
                }
                Outcome::HeldBack => {
                    control.get_or_insert(&rule.id);
                    break;
                }
                Outcome::NoMatch => {}
            }
        }
        let reason = if flag.rules().is_empty() { Reason::Static } else { Reason::Default };
        let mut off = self.off(reason);
        off.rule = control;
        off.arm = control.map(|_| Arm::Control);
        tracer.leaf(|| Step::NoRule { variant: off.variant.key.clone() });
        Ok(off)
    }

    fn off(&self, reason: Reason) -> Decision<'s> {
        Decision { variant: self.flag.off_variant(), reason, rule: None, arm: None, previewed: false }
    }

    fn prerequisites_met<T: Tracer>(&self, tracer: &mut T) -> Result<bool, EvaluationError> {
        for prerequisite in self.flag.prerequisites() {
            let chain = self.chain.follow()?;
            tracer.open();
            let flag = prerequisite.flag.as_str();
            let decided = self.snapshot.decide_within(chain, flag, self.context, self.now_ms, tracer);
            let actual = decided.as_ref().ok().map(|decision| &decision.variant.key);
            let met = actual == Some(&prerequisite.variant);
            tracer.close(|steps| Step::Prerequisite {
                flag: prerequisite.flag.clone(),
                name: self.name_of(&prerequisite.flag),
                required: prerequisite.variant.clone(),
                actual: actual.cloned(),
                error: decided.as_ref().err().copied(),
                met,
                steps,
            });
            if let Err(error @ (EvaluationError::TargetingKeyMissing | EvaluationError::General)) = decided {
                return Err(error);
            }
            if !met {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn name_of(&self, flag: &FlagKey) -> String {
        self.snapshot.flag(flag.as_str()).map_or_else(|| flag.to_string(), |flag| flag.flag().name.clone())
    }

    fn is_excluded<T: Tracer>(&self, tracer: &mut T) -> bool {
        exclusion(self.flag, self.context, self.now_ms, tracer).is_some()
    }

    /// A variant that the flag does not have (any more) cannot be previewed.
    fn previewed(&self) -> Option<&'s Variant> {
        self.flag.flag().variant(&self.chain.preview?.variant)
    }

    fn pinned(&self) -> Option<&'s Variant> {
        self.flag.pinned(self.context.subject()?)
    }

    fn is_member<T: Tracer>(&self, group: &CompiledGroup, tracer: &mut T) -> bool {
        is_member(group, self.context, self.now_ms, tracer)
    }

    fn rule<T: Tracer>(&self, rule: &CompiledRule, tracer: &mut T) -> Result<Outcome, EvaluationError> {
        tracer.open();
        let outcome = if self.matches(&rule.audience, tracer) {
            self.bucket(rule, tracer)
        } else {
            Ok(Outcome::NoMatch)
        };
        tracer.close(|steps| Step::Rule {
            rule: rule.id.clone(),
            percentage: rule.percentage,
            outcome: outcome.unwrap_or(Outcome::NoMatch),
            steps,
        });
        outcome
    }

    fn matches<T: Tracer>(&self, audience: &Audience, tracer: &mut T) -> bool {
        let Audience::Matching { groups, condition } = audience else {
            tracer.leaf(|| Step::Everyone);
            return true;
        };
        let mut member = groups.is_empty();
        for group in groups {
            if member && !T::ON {
                break;
            }
            member |= self.is_member(group, tracer);
        }
        if !member && !T::ON {
            return false;
        }
        let met = condition.as_ref().is_none_or(|condition| condition.holds(self.context, tracer));
        member && met && !(groups.is_empty() && condition.is_none())
    }

    fn bucket<T: Tracer>(&self, rule: &CompiledRule, tracer: &mut T) -> Result<Outcome, EvaluationError> {
        let at = self.with_bucket_value(rule, |value| value.map(|value| position(self.flag.seed(), value)));
        let outcome = match (at, &rule.bucket) {
            (Some(at), _) if at.is_inside(rule.percentage) => Ok(self.holdback(rule)),
            (Some(_), _) => Ok(Outcome::Outside),
            (None, Bucket::Attribute { .. }) => Ok(Outcome::NoMatch),
            (None, Bucket::Subject) if rule.percentage == Percentage::NONE => Ok(Outcome::Outside),
            (None, Bucket::Subject) if rule.takes_anybody() => Ok(Outcome::Inside),
            (None, Bucket::Subject) => Err(EvaluationError::TargetingKeyMissing),
        };
        tracer.leaf(|| Step::Bucket {
            by: rule.bucket.definition(),
            value: self.with_bucket_value(rule, |value| value.map(str::to_owned)),
            position: at.map(Position::get),
            percentage: rule.percentage,
            inside: matches!(outcome, Ok(Outcome::Inside | Outcome::HeldBack)),
        });
        if !rule.holdback.is_none()
            && let (Ok(Outcome::Inside | Outcome::HeldBack), Some(at)) = (outcome, self.held_at(rule))
        {
            let held_back = outcome == Ok(Outcome::HeldBack);
            tracer.leaf(|| Step::Holdback { position: at.get(), holdback: rule.holdback, held_back });
        }
        outcome
    }

    /// Whether somebody inside the percentage is kept out for comparison.
    fn holdback(&self, rule: &CompiledRule) -> Outcome {
        let held =
            !rule.holdback.is_none() && self.held_at(rule).is_some_and(|at| at.is_inside(rule.holdback));
        if held { Outcome::HeldBack } else { Outcome::Inside }
    }

    fn held_at(&self, rule: &CompiledRule) -> Option<Position> {
        self.with_bucket_value(rule, |value| value.map(|value| holdback_position(self.flag.seed(), value)))
    }

    fn with_bucket_value<R>(&self, rule: &CompiledRule, f: impl FnOnce(Option<&str>) -> R) -> R {
        match &rule.bucket {
            Bucket::Subject => f(self.context.subject()),
            Bucket::Attribute { name, trusted } => match self.context.attribute(name.as_str(), *trusted) {
                Some((value, _)) => value.with_text(f),
                None => f(None),
            },
        }
    }

    fn treatment<T: Tracer>(
        &self,
        rule: &'s CompiledRule,
        arm: Option<Arm>,
        tracer: &mut T,
    ) -> Result<Decision<'s>, EvaluationError> {
        let variant = if rule.is_single() {
            rule.shares.first().map(|share| &self.flag.variants()[share.variant])
        } else {
            let bucket = self
                .with_bucket_value(rule, |value| value.map(|value| variant_bucket(self.flag.seed(), value)))
                .ok_or(EvaluationError::TargetingKeyMissing)?;
            let share = rule.shares.iter().find(|share| bucket <= share.up_to);
            let variant = share.map(|share| &self.flag.variants()[share.variant]);
            if let Some(variant) = variant {
                tracer.leaf(|| Step::Split { bucket, variant: variant.key.clone() });
            }
            variant
        };
        let at_all = rule.percentage == Percentage::ALL && rule.holdback.is_none();
        Ok(Decision {
            variant: variant.unwrap_or_else(|| self.flag.off_variant()),
            reason: if at_all { Reason::TargetingMatch } else { Reason::Split },
            rule: Some(&rule.id),
            arm,
            previewed: false,
        })
    }
}

/// How a subject is kept from a flag.
#[derive(Debug, Clone, Copy)]
pub enum Exclusion<'f> {
    /// By name.
    Subject,
    /// As a member of this group.
    Group(&'f CompiledGroup),
}

/// What keeps the subject from the flag, whatever its rules say.
fn exclusion<'f, T: Tracer>(
    flag: &'f CompiledFlag,
    context: &Context<'_>,
    now_ms: i64,
    tracer: &mut T,
) -> Option<Exclusion<'f>> {
    if let Some(key) = context.subject()
        && flag.excludes(key)
    {
        tracer.leaf(|| Step::ExcludedSubject);
        return Some(Exclusion::Subject);
    }
    for group in flag.excluded_groups() {
        tracer.open();
        let excluded = is_member(group, context, now_ms, tracer);
        tracer.close(|steps| Step::ExcludedGroup { group: group.key().clone(), excluded, steps });
        if excluded {
            return Some(Exclusion::Group(group));
        }
    }
    None
}

/// Whether the subject is enrolled now or meets the group's condition.
pub(crate) fn is_member<T: Tracer>(
    group: &CompiledGroup,
    context: &Context<'_>,
    now_ms: i64,
    tracer: &mut T,
) -> bool {
    tracer.open();
    let enrolment = context.subject().and_then(|key| group.enrolment(key));
    let enrolled = enrolment.is_some_and(|e| e.is_active(now_ms));
    if let Some(enrolment) = enrolment {
        tracer.leaf(|| Step::enrolment(enrolment, now_ms));
    }
    let mut member = enrolled;
    if let Some(condition) = group.condition()
        && (!member || T::ON)
    {
        member |= condition.holds(context, tracer);
    }
    tracer.close(|steps| Step::Group {
        group: group.key().clone(),
        name: group.name().to_owned(),
        member,
        steps,
    });
    member
}

impl<'s> Decision<'s> {
    fn pinned(variant: &'s Variant) -> Self {
        Self { variant, reason: Reason::TargetingMatch, rule: None, arm: None, previewed: false }
    }

    /// Whether the subject is served something else than the off variant of `flag`.
    pub fn is_on(&self, flag: &CompiledFlag) -> bool {
        self.variant.key != flag.off_variant().key
    }
}

impl CompiledFlag {
    pub fn key(&self) -> &FlagKey {
        &self.flag().key
    }

    /// What keeps the subject from this flag, enrolled or not: the same look that a decision takes.
    pub fn exclusion(&self, context: &Context<'_>, now_ms: i64) -> Option<Exclusion<'_>> {
        exclusion(self, context, now_ms, &mut Silent)
    }
}
