//! What a decision looked at, in order. The code that decides tells it to a tracer; the silent one costs nothing.

use serde::{Deserialize, Serialize};

use super::{context::Origin, decided::EvaluationError};
use crate::{
    AttributeName, AttributeValue, BucketBy, Enrolment, EnrolmentState, FlagKey, GroupKey, Percentage,
    RuleId, VariantKey,
};

/// Where a rule places a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Placement {
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
        /// How it was read, where it is of another type than the test is for or leaves something open.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        read_as: Option<String>,
    },
    /// Of a type that the operator cannot compare.
    Unusable {
        value: AttributeValue,
        /// What the test is for: `a version like 2.10.0`.
        #[serde(default)]
        wanted: String,
    },
    /// Missing, but an object was sent in which somebody may have put it.
    InObject {
        object: String,
    },
    /// Sent by a client, which may not set this trusted attribute.
    Refused {
        value: AttributeValue,
    },
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
        placement: Placement,
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

/// Follows an evaluation. Everything is passed as a closure, so that the silent tracer costs nothing.
pub(crate) trait Tracer {
    /// Whether conditions are evaluated to the end for the sake of the trace.
    const ON: bool;
    fn open(&mut self);
    fn close(&mut self, step: impl FnOnce(Vec<Step>) -> Step);
    fn leaf(&mut self, step: impl FnOnce() -> Step);

    /// Whether the subject is in the group of this number, when that was found out before.
    fn known(&self, _group: usize) -> Option<bool> {
        None
    }

    fn learn(&mut self, _group: usize, _member: bool) {}
}

pub(crate) struct Silent;

impl Tracer for Silent {
    const ON: bool = false;
    fn open(&mut self) {}
    fn close(&mut self, _: impl FnOnce(Vec<Step>) -> Step) {}
    fn leaf(&mut self, _: impl FnOnce() -> Step) {}
}

/// Builds the tree of steps; the last element of `open` is the innermost unfinished step.
pub(crate) struct Recorder {
    open: Vec<Vec<Step>>,
}

impl Default for Recorder {
    fn default() -> Self {
        Self { open: vec![Vec::new()] }
    }
}

impl Recorder {
    /// Everything that was recorded.
    pub(crate) fn into_steps(self) -> Vec<Step> {
        self.open.into_iter().next().unwrap_or_default()
    }

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
