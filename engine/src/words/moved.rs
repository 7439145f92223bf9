//! Why a change moves somebody, in a few words beside their name.

use crate::{
    Explanation, GroupKey, Percentage, Placement, Rollout, RuleId, Side, Step, audience_phrase,
    words::sentence::rule_phrase,
};

/// `through Gold agencies`, `inside 20 % of everyone`, `excluded through Partners`. `before` and `after` explain the two
/// rollouts for one person.
pub fn move_reason(
    side: Side,
    (before, old): (&Explanation, &Rollout),
    (after, new): (&Explanation, &Rollout),
    name: &dyn Fn(&GroupKey) -> String,
) -> String {
    match side {
        Side::Gained => way_in(after, new, name),
        Side::Lost => kept_out(after, new, name).unwrap_or_else(|| no_longer(before, old, name)),
        Side::Switched => {
            let variant = |of: &Explanation| match &of.decision {
                Ok(served) => served.variant.to_string(),
                Err(_) => "none".to_owned(),
            };
            format!("{} → {}, {}", variant(before), variant(after), way_in(after, new, name))
        }
    }
}

/// By which rule or pin somebody is served.
fn way_in(explanation: &Explanation, rollout: &Rollout, name: &dyn Fn(&GroupKey) -> String) -> String {
    let rule = explanation.decision.as_ref().ok().and_then(|served| served.rule.as_ref());
    match rule.and_then(|rule| rollout.rule(rule.as_str())) {
        None => "pinned by name".to_owned(),
        Some(rule) if rule.percentage == Percentage::ALL => {
            format!("through {}", audience_phrase(&rule.audience, name))
        }
        Some(rule) => format!("inside {}", rule_phrase(rule, name)),
    }
}

/// What keeps somebody out who would be let in otherwise.
fn kept_out(
    explanation: &Explanation,
    rollout: &Rollout,
    name: &dyn Fn(&GroupKey) -> String,
) -> Option<String> {
    let phrase = |rule: &RuleId| rollout.rule(rule.as_str()).map(|rule| rule_phrase(rule, name));
    let audience = |rule: &RuleId| rollout.rule(rule.as_str()).map(|it| audience_phrase(&it.audience, name));
    explanation.steps.iter().find_map(|step| match step {
        Step::ExcludedSubject => Some("excluded by name".to_owned()),
        Step::ExcludedGroup { group, excluded: true, .. } => {
            Some(format!("excluded through {}", name(group)))
        }
        Step::Prerequisite { name, required, met: false, .. } => {
            Some(format!("waits until {name} serves “{required}”"))
        }
        Step::Rule { rule, placement: Placement::HeldBack, .. } => {
            audience(rule).map(|audience| format!("kept out of {audience} for comparison"))
        }
        Step::Rule { rule, placement: Placement::Outside, .. } => {
            phrase(rule).map(|rule| format!("outside {rule}"))
        }
        Step::Pinned { variant } => Some(format!("pinned to {variant}")),
        Step::ExcludedGroup { .. }
        | Step::Prerequisite { .. }
        | Step::Rule { .. }
        | Step::KillSwitch { .. }
        | Step::Previewed { .. }
        | Step::Everyone
        | Step::Group { .. }
        | Step::Enrolment { .. }
        | Step::All { .. }
        | Step::Any { .. }
        | Step::Not { .. }
        | Step::Test { .. }
        | Step::Bucket { .. }
        | Step::Holdback { .. }
        | Step::Split { .. }
        | Step::NoRule { .. } => None,
    })
}

fn no_longer(explanation: &Explanation, rollout: &Rollout, name: &dyn Fn(&GroupKey) -> String) -> String {
    let rule = explanation.decision.as_ref().ok().and_then(|served| served.rule.as_ref());
    match rule.and_then(|rule| rollout.rule(rule.as_str())) {
        None => "no longer pinned".to_owned(),
        Some(rule) => format!("no longer through {}", audience_phrase(&rule.audience, name)),
    }
}
