//! The whole trace of a decision, recorded by the same code that decides.

use serde::{Deserialize, Serialize};

use crate::{
    Arm, AttributeName, AttributeValue, BucketBy, Context, Enrolment, EvaluationError, FlagKey, GroupKey,
    Origin, Percentage, Preview, Reason, RuleId, Snapshot, VariantKey, decision::evaluate::Tracer,
};

/// A decision with everything that led to it, in the order in which it was looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    pub flag: String,
    pub revision: u64,
    pub decision: Result<Served, EvaluationError>,
    pub steps: Vec<Step>,
}

/// A decision that owns what it names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Served {
    pub variant: VariantKey,
    pub value: serde_json::Value,
    pub reason: Reason,
    pub rule: Option<RuleId>,
    pub arm: Option<Arm>,
}

/// What a rule said of a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The audience matched and the bucket was inside the percentage.
    Inside,
    /// The audience matched, the bucket was outside.
    Outside,
    /// Inside the percentage, but kept out for comparison.
    HeldBack,
    NoMatch,
}

/// What a test found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actual {
    Missing,
    Value {
        value: AttributeValue,
        origin: Origin,
    },
    /// Of a type that the operator cannot compare.
    Unusable {
        value: AttributeValue,
    },
    /// Sent by a client, which may not set this trusted attribute.
    Refused {
        value: AttributeValue,
    },
}

/// Whether a tester's enrolment counts at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnrolmentState {
    Active,
    NotYet,
    Expired,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "step")]
pub enum Step {
    KillSwitch {
        stopped: bool,
    },
    Prerequisite {
        flag: FlagKey,
        /// The flag's name; its key when it does not exist.
        name: String,
        required: VariantKey,
        /// `None`: the flag could not be decided, see `error`.
        actual: Option<VariantKey>,
        error: Option<EvaluationError>,
        met: bool,
        steps: Vec<Step>,
    },
    ExcludedSubject,
    ExcludedGroup {
        group: GroupKey,
        excluded: bool,
        steps: Vec<Step>,
    },
    /// A preview asked for this variant, for this call only.
    Previewed {
        variant: VariantKey,
    },
    Pinned {
        variant: VariantKey,
    },
    Rule {
        rule: RuleId,
        percentage: Percentage,
        outcome: Outcome,
        steps: Vec<Step>,
    },
    Everyone,
    Group {
        group: GroupKey,
        name: String,
        member: bool,
        steps: Vec<Step>,
    },
    Enrolment {
        state: EnrolmentState,
        from_ms: Option<i64>,
        until_ms: Option<i64>,
    },
    All {
        met: bool,
        steps: Vec<Step>,
    },
    Any {
        met: bool,
        steps: Vec<Step>,
    },
    Not {
        met: bool,
        steps: Vec<Step>,
    },
    Test {
        attribute: AttributeName,
        met: bool,
        /// What the attribute should be, in words: `is “vip”`.
        expected: String,
        /// What it is otherwise: `is not “vip”`.
        opposite: String,
        actual: Actual,
    },
    Bucket {
        by: BucketBy,
        value: Option<String>,
        /// 0…99 999; `None` without a value to draw by.
        position: Option<u32>,
        percentage: Percentage,
        inside: bool,
    },
    /// Only where a rule holds somebody back.
    Holdback {
        /// 0…99 999, drawn independently of the percentage.
        position: u32,
        holdback: Percentage,
        held_back: bool,
    },
    Split {
        /// 1…1000.
        bucket: u32,
        variant: VariantKey,
    },
    /// No rule let the subject in.
    NoRule {
        variant: VariantKey,
    },
}

impl Step {
    pub(crate) fn enrolment(enrolment: &Enrolment, now_ms: i64) -> Self {
        Self::Enrolment {
            state: enrolment.state(now_ms),
            from_ms: enrolment.from_ms,
            until_ms: enrolment.until_ms,
        }
    }

    /// The steps inside this one.
    pub fn children(&self) -> &[Self] {
        match self {
            Self::Prerequisite { steps, .. }
            | Self::ExcludedGroup { steps, .. }
            | Self::Rule { steps, .. }
            | Self::Group { steps, .. }
            | Self::All { steps, .. }
            | Self::Any { steps, .. }
            | Self::Not { steps, .. } => steps,
            Self::KillSwitch { .. }
            | Self::ExcludedSubject
            | Self::Previewed { .. }
            | Self::Pinned { .. }
            | Self::Everyone
            | Self::Enrolment { .. }
            | Self::Test { .. }
            | Self::Bucket { .. }
            | Self::Holdback { .. }
            | Self::Split { .. }
            | Self::NoRule { .. } => &[],
        }
    }
}

/// Builds the tree of steps; the last element of `open` is the innermost unfinished step.
struct Recorder {
    open: Vec<Vec<Step>>,
}

impl Recorder {
    fn push(&mut self, step: Step) {
        if let Some(steps) = self.open.last_mut() {
            steps.push(step);
        }
    }
}

impl Tracer for Recorder {
    const ON: bool = true;

    fn open(&mut self) {
        self.open.push(Vec::new());
    }

    fn close(&mut self, step: impl FnOnce(Vec<Step>) -> Step) {
        let steps = self.open.pop().unwrap_or_default();
        self.push(step(steps));
    }

    fn leaf(&mut self, step: impl FnOnce() -> Step) {
        self.push(step());
    }
}

impl Snapshot {
    /// Decides like [`Snapshot::evaluate`] and records why.
    pub fn explain(&self, flag: &str, context: &Context<'_>, now_ms: i64) -> Explanation {
        self.explain_previewed(flag, context, None, now_ms)
    }

    /// Decides like [`Snapshot::evaluate_previewed`] and records why.
    pub fn explain_previewed(
        &self,
        flag: &str,
        context: &Context<'_>,
        preview: Option<&Preview>,
        now_ms: i64,
    ) -> Explanation {
        let mut recorder = Recorder { open: vec![Vec::new()] };
        let decision = self.decide(flag, context, preview, now_ms, &mut recorder).map(|decision| Served {
            variant: decision.variant.key.clone(),
            value: decision.variant.value.clone(),
            reason: decision.reason,
            rule: decision.rule.cloned(),
            arm: decision.arm,
        });
        let steps = recorder.open.into_iter().next().unwrap_or_default();
        Explanation { flag: flag.to_owned(), revision: self.revision(), decision, steps }
    }
}
