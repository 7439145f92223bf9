//! Explanations in plain words: one sentence for support, and one for each step of the trace.
//! Only what the trace recorded is told; nothing is evaluated again.

use crate::{
    Actual, BucketBy, EvaluationError, Explanation, Origin, Percentage, Placement, Reason, Served, Step,
    words::sentence::{capitalised, quoted},
};

mod reason;
mod rule;

pub(crate) use reason::is_met;
use reason::{enrolment, listed, member, named_group, value_phrase};
use rule::RuleTrace;

impl Explanation {
    /// What the subject gets and why: `Gets “on”: in VIP agencies (tier is “vip”), which is at 100 %.`
    pub fn sentence(&self) -> String {
        let served = match &self.decision {
            Ok(served) => served,
            Err(error) => {
                return format!("No answer, so the caller's own default applies: {}.", cause(*error));
            }
        };
        match served.reason {
            Reason::Disabled => "Does not get it: the rollout is stopped.".to_owned(),
            Reason::Static => "Does not get it: the rollout has no rules.".to_owned(),
            Reason::Default => format!("Does not get it: {}.", self.refusal()),
            Reason::TargetingMatch | Reason::Split => self.admission(served),
        }
    }

    fn admission(&self, served: &Served) -> String {
        let variant = quoted(served.variant.as_str());
        let rule = self.steps.iter().find_map(|step| match step {
            Step::Rule { placement: Placement::Inside, percentage, steps, .. } => {
                Some(RuleTrace::of(steps, *percentage))
            }
            _ => None,
        });
        match rule {
            None if self.steps.iter().any(|step| matches!(step, Step::Previewed { .. })) => {
                format!("Gets {variant}: shown by a preview, in this call only.")
            }
            None => format!("Gets {variant}: pinned to it on this flag."),
            Some(rule) if self.steps.iter().any(|step| matches!(step, Step::Split { .. })) => {
                format!("Gets {variant}, drawn from the split: {}.", rule.inside())
            }
            Some(rule) => format!("Gets {variant}: {}.", rule.inside()),
        }
    }

    fn refusal(&self) -> String {
        let barred = self.steps.iter().find_map(|step| match step {
            Step::Prerequisite { met: false, .. } => Some(prerequisite(step)),
            Step::ExcludedSubject => Some("excluded from this flag by name".to_owned()),
            Step::ExcludedGroup { excluded: true, steps, .. } => {
                Some(format!("excluded with everyone in {}", steps.first().map_or_else(String::new, member)))
            }
            _ => None,
        });
        barred.unwrap_or_else(|| {
            let rules = self.steps.iter().filter_map(|step| match step {
                Step::Rule { percentage, steps, .. } => Some(RuleTrace::of(steps, *percentage).not_inside()),
                _ => None,
            });
            listed(rules.collect(), "; ")
        })
    }
}

impl Step {
    /// What was looked at and what was found, in plain words; the steps inside have their own sentences.
    pub fn sentence(&self) -> String {
        match self {
            Self::KillSwitch { stopped: true } => "The rollout is stopped: nobody gets it.".to_owned(),
            Self::KillSwitch { stopped: false } => "The rollout is running.".to_owned(),
            Self::Prerequisite { .. } => capitalised(&format!("{}.", prerequisite(self))),
            Self::ExcludedSubject => "Excluded from this flag by name.".to_owned(),
            Self::ExcludedGroup { excluded, steps, group } => {
                let name = steps.first().and_then(named_group).unwrap_or(group.as_str());
                match excluded {
                    true => format!("In {name}, which is excluded from this flag."),
                    false => format!("Not in {name}, which is excluded from this flag."),
                }
            }
            Self::Previewed { variant } => {
                format!("A preview shows {}, in this call only.", quoted(variant.as_str()))
            }
            Self::Pinned { variant } => format!("Pinned to {} on this flag.", quoted(variant.as_str())),
            Self::Rule { percentage, placement, steps, .. } => {
                RuleTrace::of(steps, *percentage).sentence(*placement)
            }
            Self::Everyone => "The rule is for everyone.".to_owned(),
            Self::Group { name, member: true, .. } => format!("In {name}."),
            Self::Group { name, member: false, steps, .. } if steps.is_empty() => {
                format!("Not in {name}: not enrolled.")
            }
            Self::Group { name, member: false, .. } => format!("Not in {name}."),
            Self::Enrolment { state, from_ms, until_ms } => {
                capitalised(&format!("{}.", enrolment(*state, *from_ms, *until_ms)))
            }
            Self::All { met: true, .. } => "All of these hold.".to_owned(),
            Self::All { met: false, .. } => "All of these must hold, and not all do.".to_owned(),
            Self::Any { met: true, .. } => "At least one of these holds.".to_owned(),
            Self::Any { met: false, .. } => "One of these must hold, and none does.".to_owned(),
            Self::Not { met: true, .. } => "This must not hold, and it does not.".to_owned(),
            Self::Not { met: false, .. } => "This must not hold, but it does.".to_owned(),
            Self::Test { attribute, met, expected, actual, .. } => {
                format!("{attribute} {expected}: {}, {}.", if *met { "yes" } else { "no" }, found(actual))
            }
            Self::Bucket { .. } => bucket(self),
            Self::Holdback { position, holdback, held_back } => {
                let side = if *held_back { "inside" } else { "outside" };
                let at = Percentage::from_thousandths(*position).unwrap_or(Percentage::ALL);
                format!(
                    "For the holdback it falls at {at} %, {side} the {holdback} % kept out for comparison."
                )
            }
            Self::Split { bucket, variant } => {
                format!("The split draws {bucket} of 1000: {}.", quoted(variant.as_str()))
            }
            Self::NoRule { variant } => {
                format!("No rule lets the subject in: {}.", quoted(variant.as_str()))
            }
        }
    }
}

fn cause(error: EvaluationError) -> &'static str {
    match error {
        EvaluationError::FlagNotFound => "the flag does not exist in this environment, or is archived",
        EvaluationError::TargetingKeyMissing => {
            "the flag is released by percentage, and no targeting key was sent"
        }
        EvaluationError::General => "the flag waits for too many prerequisites",
    }
}

/// What a test found and where it came from.
fn found(actual: &Actual) -> String {
    match actual {
        Actual::Missing => "it is missing".to_owned(),
        Actual::Value { value, origin, read_as: None } => {
            format!("it is {} ({})", value_phrase(value), origin_phrase(*origin))
        }
        Actual::Value { value, origin, read_as: Some(read_as) } => {
            format!("it is {} ({read_as}; {})", value_phrase(value), origin_phrase(*origin))
        }
        Actual::Unusable { value, wanted } => {
            format!("it is {} ({}), where {wanted} is expected", value_phrase(value), value.kind())
        }
        Actual::InObject { object } => {
            format!("it is missing, and the object “{object}” is not looked into")
        }
        Actual::Refused { value } => {
            format!("{} was sent by a browser, which may not set it", value_phrase(value))
        }
    }
}

fn origin_phrase(origin: Origin) -> &'static str {
    match origin {
        Origin::Sent => "sent with the call",
        Origin::Trait => "stored with the person",
        Origin::Signed => "signed by a backend",
        Origin::Refused => "sent by a browser, which may not set it",
    }
}

fn prerequisite(step: &Step) -> String {
    let Step::Prerequisite { name, required, actual, error, met, .. } = step else {
        return String::new();
    };
    let (name, required) = (quoted(name), quoted(required.as_str()));
    match (met, actual, error) {
        (true, _, _) => format!("it needs {name} to serve {required}, which it does"),
        (false, Some(actual), _) => {
            format!("it needs {name} to serve {required}, which serves {}", quoted(actual.as_str()))
        }
        (false, None, Some(EvaluationError::FlagNotFound) | None) => {
            format!("it needs {name} to serve {required}, which does not exist or is archived")
        }
        (false, None, Some(error)) => {
            format!("it needs {name} to serve {required}, which has no answer: {}", cause(*error))
        }
    }
}

fn bucket(step: &Step) -> String {
    let Step::Bucket { by, value, position, percentage, inside } = step else {
        return String::new();
    };
    let side = if *inside { "inside" } else { "outside" };
    let subject = match (by, value) {
        (BucketBy::Attribute(name), Some(value)) => format!("{name} {} falls", quoted(value)),
        (BucketBy::Attribute(name), None) => {
            return format!("{name} is missing, by which the percentage is drawn: the rule does not match.");
        }
        (BucketBy::Subject, _) => "Falls".to_owned(),
    };
    match position.and_then(Percentage::from_thousandths) {
        Some(at) => format!("{subject} at {at} %, {side} {percentage} %."),
        None if *inside => "At 100 % no targeting key is needed.".to_owned(),
        None if *percentage == Percentage::NONE => "At 0 % nobody is inside.".to_owned(),
        None => "No targeting key was sent, by which the percentage is drawn.".to_owned(),
    }
}
