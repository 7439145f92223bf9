//! The whole trace of a decision, recorded by the same code that decides.

use serde::{Deserialize, Serialize};

use super::{
    context::Context,
    decided::{Arm, EvaluationError, Reason},
    preview::Preview,
    snapshot::Snapshot,
    trace::{Recorder, Step},
};
use crate::{RuleId, VariantKey};

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
        let mut recorder = Recorder::default();
        let decision = self.decide(flag, context, preview, now_ms, &mut recorder).map(|decision| Served {
            variant: decision.variant.key.clone(),
            value: decision.variant.value.clone(),
            reason: decision.reason,
            rule: decision.rule.cloned(),
            arm: decision.arm,
        });
        let steps = recorder.into_steps();
        Explanation { flag: flag.to_owned(), revision: self.revision(), decision, steps }
    }
}
