//! What a release plan is written down as: its steps, their gates, and what can be wrong with them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Percentage, Problem, RuleId, definition::problem::NAME_CHARS_MAX};

pub const STEPS_MAX: usize = 20;
pub const SUBJECTS_MAX: u64 = 1_000_000_000;
const HOLD_MS_MAX: i64 = 366 * 86_400_000;

/// What several rules are set to.
pub type Percentages = BTreeMap<RuleId, Percentage>;

/// What must be met between two steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Gate {
    /// Before the step is left: so much time was spent on it under watch.
    Hold { hold_ms: i64 },
    /// Before the step is left: so many subjects had the feature during it.
    Sample { subjects_min: u64 },
    /// Before the step is left: every guardrail is healthy.
    Healthy,
    /// Before the step is entered: somebody has approved it.
    Approval,
    /// Before the step is entered: this moment has come.
    NotBefore { at_ms: i64 },
}

/// A setting of the faders, and its gates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// In a person's own words; empty: told from the percentages.
    #[serde(default)]
    pub title: String,
    /// Rules that are not named keep what the steps before set, or what they had.
    pub percentages: Percentages,
    #[serde(default)]
    pub gates: Vec<Gate>,
}

impl Step {
    pub fn hold_ms(&self) -> i64 {
        let hold = |gate: &Gate| if let Gate::Hold { hold_ms } = gate { Some(*hold_ms) } else { None };
        self.gates.iter().find_map(hold).unwrap_or(0)
    }

    pub fn needs_approval(&self) -> bool {
        self.gates.contains(&Gate::Approval)
    }

    fn problems(&self, step: usize, known: &dyn Fn(&RuleId) -> bool, problems: &mut Vec<Problem>) {
        if self.title.chars().count() > NAME_CHARS_MAX {
            problems.push(Problem::Name { max: NAME_CHARS_MAX });
        }
        if self.percentages.is_empty() {
            problems.push(Problem::EmptyStep { step });
        }
        for rule in self.percentages.keys().filter(|rule| !known(rule)) {
            problems.push(Problem::UnknownRule { step, rule: rule.clone() });
        }
        let kind = std::mem::discriminant::<Gate>;
        let twice = self
            .gates
            .iter()
            .enumerate()
            .any(|(at, gate)| self.gates[..at].iter().any(|earlier| kind(earlier) == kind(gate)));
        if twice {
            problems.push(Problem::DuplicateGate { step });
        }
        for gate in &self.gates {
            match gate {
                Gate::Hold { hold_ms } if !(1000..=HOLD_MS_MAX).contains(hold_ms) => {
                    problems.push(Problem::HoldTime { step });
                }
                Gate::Sample { subjects_min } if !(1..=SUBJECTS_MAX).contains(subjects_min) => {
                    problems.push(Problem::SampleSize { step, max: SUBJECTS_MAX });
                }
                Gate::Hold { .. }
                | Gate::Sample { .. }
                | Gate::Healthy
                | Gate::Approval
                | Gate::NotBefore { .. } => {}
            }
        }
    }
}

/// How a flag is released in one environment, step by step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    pub name: String,
    pub steps: Vec<Step>,
}

impl Plan {
    /// Everything that is wrong with the definition; empty when it can be saved. `known` says which rules the
    /// rollout has. Steps are counted from 1.
    pub fn problems(&self, known: &dyn Fn(&RuleId) -> bool) -> Vec<Problem> {
        let mut problems = Vec::new();
        Problem::check_name(&self.name, &mut problems);
        if self.steps.is_empty() || self.steps.len() > STEPS_MAX {
            problems.push(Problem::StepCount { max: STEPS_MAX });
        }
        if self.steps.first().is_some_and(Step::needs_approval) {
            problems.push(Problem::FirstStepApproval);
        }
        for (at, step) in self.steps.iter().take(STEPS_MAX).enumerate() {
            step.problems(at + 1, known, &mut problems);
        }
        problems
    }

    /// What every rule that the plan names is set to at a step (from 0), when it had `before` at the start. A rule
    /// that only later steps set is back at what it had.
    pub fn percentages_at(&self, step: Option<usize>, before: &Percentages) -> Percentages {
        let named = self.steps.iter().flat_map(|step| step.percentages.keys());
        let mut percentages: Percentages =
            named.map(|rule| (rule.clone(), before.get(rule).copied().unwrap_or(Percentage::NONE))).collect();
        let done = step.map_or(0, |step| step.saturating_add(1));
        for step in self.steps.iter().take(done) {
            for (rule, percentage) in &step.percentages {
                percentages.insert(rule.clone(), *percentage);
            }
        }
        percentages
    }
}
