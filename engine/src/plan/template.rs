//! Built-in plans to begin with, as data.

use super::{Gate, Plan, Step};
use crate::{Percentage, RuleId};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// How careful a plan is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Template {
    pub key: &'static str,
    pub name: &'static str,
    /// For whom it is, in a sentence.
    pub about: &'static str,
    /// How long the pilot group has it alone.
    pilot_ms: i64,
    /// Everyone's percentages, in order.
    everyone: &'static [u32],
    hold_ms: i64,
    subjects_min: u64,
    approve_last: bool,
}

/// From the most careful to the fastest.
pub const TEMPLATES: [Template; 3] = [
    Template {
        key: "careful",
        name: "Careful",
        about: "For payments and everything that cannot be undone: small steps, a day each, the last one approved.",
        pilot_ms: 2 * DAY_MS,
        everyone: &[1, 5, 20, 50, 100],
        hold_ms: DAY_MS,
        subjects_min: 2_000,
        approve_last: true,
    },
    Template {
        key: "standard",
        name: "Standard",
        about: "For most features: a day for the pilot group, then 20, 50 and 100 %.",
        pilot_ms: DAY_MS,
        everyone: &[20, 50, 100],
        hold_ms: DAY_MS,
        subjects_min: 1_000,
        approve_last: false,
    },
    Template {
        key: "fast",
        name: "Fast",
        about: "For small changes with much traffic: done in an afternoon.",
        pilot_ms: HOUR_MS,
        everyone: &[20, 50, 100],
        hold_ms: HOUR_MS,
        subjects_min: 500,
        approve_last: false,
    },
];

impl Template {
    pub fn find(key: &str) -> Option<Self> {
        TEMPLATES.into_iter().find(|template| template.key == key)
    }

    /// The plan for a rollout with a rule for everyone and, perhaps, rules for pilot groups above it.
    pub fn plan(&self, pilots: &[RuleId], everyone: &RuleId) -> Plan {
        let pilot = (!pilots.is_empty()).then(|| Step {
            title: String::new(),
            percentages: pilots.iter().map(|rule| (rule.clone(), Percentage::ALL)).collect(),
            gates: vec![Gate::Hold { hold_ms: self.pilot_ms }],
        });
        let last = self.everyone.len() - 1;
        let steps = self.everyone.iter().enumerate().filter_map(|(at, whole)| {
            let percentage = Percentage::whole(*whole)?;
            Some(self.step(everyone, percentage, at == last))
        });
        Plan { name: self.name.to_owned(), steps: pilot.into_iter().chain(steps).collect() }
    }

    fn step(&self, everyone: &RuleId, percentage: Percentage, last: bool) -> Step {
        let wait = [Gate::Hold { hold_ms: self.hold_ms }, Gate::Sample { subjects_min: self.subjects_min }];
        // At 100 % there is no control left to compare with: only the time is waited for.
        let mut gates = if last { vec![wait[0]] } else { vec![wait[0], wait[1], Gate::Healthy] };
        if last && self.approve_last {
            gates.insert(0, Gate::Approval);
        }
        Step { title: String::new(), percentages: [(everyone.clone(), percentage)].into(), gates }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_a_plan_that_can_be_saved() {
        let (vip, everyone): (RuleId, RuleId) = ("vip".parse().unwrap(), "everyone".parse().unwrap());
        for template in TEMPLATES {
            for pilots in [vec![], vec![vip.clone()]] {
                let plan = template.plan(&pilots, &everyone);
                assert_eq!(plan.problems(&|rule| [&vip, &everyone].contains(&rule)), []);
                let reached =
                    plan.percentages_at(Some(plan.steps.len() - 1), &std::collections::BTreeMap::default());
                assert_eq!(reached[&everyone], Percentage::ALL);
            }
            assert_eq!(Template::find(template.key), Some(template));
        }
    }
}
