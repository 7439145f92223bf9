//! What the guard does to a rollout that no plan moves. It can stop it or lower percentages, and nothing else: a
//! percentage that it sets is never above the one it replaces.

use super::definition::GuardAction;
use crate::{
    Percentage, Rollout, RuleId,
    plan::{Percentages, Reduction},
};

/// What is done about a breach, with the rollout that it leads to.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// People are told; the rollout stays.
    Notify,
    Stop(Rollout),
    StepBack(Rollout),
}

/// Decides what to do. `lower` is what the broken rules go back to, for a step back.
pub fn act(action: GuardAction, rollout: &Rollout, lower: &Percentages) -> Act {
    match action {
        GuardAction::Stop if rollout.enabled => Act::Stop(Rollout { enabled: false, ..rollout.clone() }),
        // Stopped already, or there is no plan to pause.
        GuardAction::Notify | GuardAction::PausePlan | GuardAction::Stop => Act::Notify,
        GuardAction::StepBack => {
            let reduction = Reduction::towards(lower, &rollout.percentages());
            Act::StepBack(rollout.clone().with_percentages(reduction.percentages()))
        }
    }
}

/// What the rule had in an earlier version, when that was less than it has now: where a step back goes. Nobody when it
/// was not there yet.
pub fn had_less(before: &Rollout, now: &Rollout, rule: &RuleId) -> Option<Percentage> {
    let of = |rollout: &Rollout| rollout.rule(rule.as_str()).map_or(Percentage::NONE, |rule| rule.percentage);
    Some(of(before)).filter(|had| *had < of(now))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Audience, BucketBy, Rule};

    fn id(rule: &str) -> RuleId {
        RuleId::parse(rule).expect("an id")
    }

    fn at(per_cent: u32) -> Percentage {
        Percentage::whole(per_cent).expect("a percentage")
    }

    fn rollout(rules: &[(&str, u32)]) -> Rollout {
        let rule = |(rule, per_cent): &(&str, u32)| Rule {
            id: id(rule),
            audience: Audience::Everyone,
            percentage: at(*per_cent),
            holdback: Percentage::NONE,
            bucket_by: BucketBy::Subject,
            split: Vec::new(),
        };
        Rollout { enabled: true, rules: rules.iter().map(rule).collect(), ..Rollout::new("seed") }
    }

    #[test]
    fn a_step_back_lowers_what_is_broken_and_raises_nothing() {
        let now = rollout(&[("a", 50), ("b", 20), ("c", 5)]);
        let lower = Percentages::from([(id("a"), at(20)), (id("b"), at(80)), (id("gone"), at(1))]);
        let Act::StepBack(back) = act(GuardAction::StepBack, &now, &lower) else { panic!("a step back") };
        assert_eq!(back, rollout(&[("a", 20), ("b", 20), ("c", 5)]));
    }

    #[test]
    fn what_is_stopped_is_not_stopped_again() {
        let now = rollout(&[("a", 50)]);
        let stopped = Rollout { enabled: false, ..now.clone() };
        let none = Percentages::new();
        assert_eq!(act(GuardAction::Stop, &now, &none), Act::Stop(stopped.clone()));
        assert_eq!(act(GuardAction::Stop, &stopped, &none), Act::Notify);
        assert_eq!(act(GuardAction::PausePlan, &now, &none), Act::Notify);
        assert_eq!(act(GuardAction::Notify, &now, &none), Act::Notify);
    }

    #[test]
    fn a_lower_percentage_is_found_in_an_earlier_version_only() {
        let now = rollout(&[("a", 50)]);
        assert_eq!(had_less(&rollout(&[("a", 20)]), &now, &id("a")), Some(at(20)));
        assert_eq!(had_less(&rollout(&[]), &now, &id("a")), Some(Percentage::NONE));
        assert_eq!(had_less(&now, &now, &id("a")), None);
        assert_eq!(had_less(&rollout(&[("a", 60)]), &now, &id("a")), None);
    }
}
