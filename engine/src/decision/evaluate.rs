//! The one code path that decides: with a silent tracer for answers, with a recording one for explanations.

mod footing;

use std::cell::Cell;

use super::{
    bucket::Position,
    compiled::{Audience, Bucket, CompiledFlag, CompiledRule},
    context::Context,
    decided::{Arm, Decision, EvaluationError, Reason},
    exclusion::exclusion,
    member::{CompiledGroup, is_member},
    preview::Preview,
    snapshot::Snapshot,
    trace::{Placement, Silent, Step, Tracer},
};
use crate::{
    FlagKey, Percentage, Variant,
    definition::prerequisite::{PREREQUISITE_DEPTH_MAX, PREREQUISITES_FOLLOWED_MAX},
    text::Form,
};
pub(crate) use footing::{Footing, Ground};

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

    /// Like [`Snapshot::evaluate_previewed`], for a flag of this snapshot that was found already.
    pub fn evaluate_found<'s>(
        &'s self,
        flag: &'s CompiledFlag,
        context: &Context<'_>,
        preview: Option<&Preview>,
        now_ms: i64,
    ) -> Result<Decision<'s>, EvaluationError> {
        self.decide_flag(flag, context, preview, now_ms, &mut Silent)
    }

    pub(super) fn decide<'s, T: Tracer>(
        &'s self,
        flag: &str,
        context: &Context<'_>,
        preview: Option<&Preview>,
        now_ms: i64,
        tracer: &mut T,
    ) -> Result<Decision<'s>, EvaluationError> {
        let flag = self.flag(flag).ok_or(EvaluationError::FlagNotFound)?;
        self.decide_flag(flag, context, preview, now_ms, tracer)
    }

    /// The same for a flag that was found already.
    pub(super) fn decide_flag<'s, T: Tracer>(
        &'s self,
        flag: &'s CompiledFlag,
        context: &Context<'_>,
        preview: Option<&Preview>,
        now_ms: i64,
        tracer: &mut T,
    ) -> Result<Decision<'s>, EvaluationError> {
        let followed = Cell::new(0);
        let preview = preview.filter(|preview| preview.is_about(flag.key().as_str(), context));
        let chain = Chain { depth: 0, followed: &followed, preview };
        self.decide_within(chain, flag, context, now_ms, tracer)
    }

    fn decide_within<'s, T: Tracer>(
        &'s self,
        chain: Chain<'_>,
        flag: &'s CompiledFlag,
        context: &Context<'_>,
        now_ms: i64,
        tracer: &mut T,
    ) -> Result<Decision<'s>, EvaluationError> {
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
                Placement::Inside => {
                    let arm = control.is_none().then_some(Arm::Treatment);
                    return self.treatment(rule, arm, tracer);
                }
                Placement::Outside => {
                    control.get_or_insert(&rule.id);
                }
                Placement::HeldBack => {
                    control.get_or_insert(&rule.id);
                    break;
                }
                Placement::NoMatch => {}
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
            let decided = match self.snapshot.flag(prerequisite.flag.as_str()) {
                Some(flag) => self.snapshot.decide_within(chain, flag, self.context, self.now_ms, tracer),
                None => Err(EvaluationError::FlagNotFound),
            };
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

    fn rule<T: Tracer>(&self, rule: &CompiledRule, tracer: &mut T) -> Result<Placement, EvaluationError> {
        tracer.open();
        let placement = if self.matches(&rule.audience, tracer) {
            self.bucket(rule, tracer)
        } else {
            Ok(Placement::NoMatch)
        };
        tracer.close(|steps| Step::Rule {
            rule: rule.id.clone(),
            percentage: rule.percentage,
            placement: placement.unwrap_or(Placement::NoMatch),
            steps,
        });
        placement
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
        let met =
            condition.as_ref().is_none_or(|condition| condition.holds(self.context, self.now_ms, tracer));
        member && met && !(groups.is_empty() && condition.is_none())
    }

    fn bucket<T: Tracer>(&self, rule: &CompiledRule, tracer: &mut T) -> Result<Placement, EvaluationError> {
        let at = self
            .with_bucket_value(rule, |value| value.map(|value| self.flag.seeds().position.position(value)));
        let placement = match (at, &rule.bucket) {
            (Some(at), _) if at.is_inside(rule.percentage) => Ok(self.holdback(rule)),
            (Some(_), _) => Ok(Placement::Outside),
            (None, Bucket::Attribute { .. }) => Ok(Placement::NoMatch),
            (None, Bucket::Subject) if rule.percentage == Percentage::NONE => Ok(Placement::Outside),
            (None, Bucket::Subject) if rule.takes_anybody() => Ok(Placement::Inside),
            (None, Bucket::Subject) => Err(EvaluationError::TargetingKeyMissing),
        };
        tracer.leaf(|| Step::Bucket {
            by: rule.bucket.definition(),
            value: self.with_bucket_value(rule, |value| value.map(str::to_owned)),
            position: at.map(Position::get),
            percentage: rule.percentage,
            inside: matches!(placement, Ok(Placement::Inside | Placement::HeldBack)),
        });
        if !rule.holdback.is_none()
            && let (Ok(Placement::Inside | Placement::HeldBack), Some(at)) = (placement, self.held_at(rule))
        {
            let held_back = placement == Ok(Placement::HeldBack);
            tracer.leaf(|| Step::Holdback { position: at.get(), holdback: rule.holdback, held_back });
        }
        placement
    }

    /// Whether somebody inside the percentage is kept out for comparison.
    fn holdback(&self, rule: &CompiledRule) -> Placement {
        let held =
            !rule.holdback.is_none() && self.held_at(rule).is_some_and(|at| at.is_inside(rule.holdback));
        if held { Placement::HeldBack } else { Placement::Inside }
    }

    fn held_at(&self, rule: &CompiledRule) -> Option<Position> {
        self.with_bucket_value(rule, |value| value.map(|value| self.flag.seeds().holdback.position(value)))
    }

    fn with_bucket_value<R>(&self, rule: &CompiledRule, f: impl FnOnce(Option<&str>) -> R) -> R {
        match &rule.bucket {
            Bucket::Subject => f(self.context.subject()),
            Bucket::Attribute { name, trusted } => match self.context.attribute(name.as_str(), *trusted) {
                // However a company's name is put together, it is one company.
                Some((value, _)) => value.with_text(|text| match text {
                    Some(text) => Form::Composed.with(text, |text| f(Some(text))),
                    None => f(None),
                }),
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
                .with_bucket_value(rule, |value| {
                    value.map(|value| self.flag.seeds().variant.variant_bucket(value))
                })
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

impl Decision<'_> {
    /// Whether the subject is served something else than the off variant of `flag`.
    pub fn is_on(&self, flag: &CompiledFlag) -> bool {
        self.variant.key != flag.off_variant().key
    }
}
