//! From verdicts to what to do with the step, first match wins: a breach before everything, promotion last.

use serde::{Deserialize, Serialize};

use super::srm::is_mismatch;

/// Data older than this are missing.
pub const SILENCE_MAX_S: i64 = 300;
/// More late outcomes than this (of 30 minutes) make the blocks unreliable.
pub const LATE_FRACTION_MAX: f64 = 0.05;
pub const SAMPLES_MIN: u64 = 1000;
pub const BAKE_MAX_S: i64 = 24 * 3600;

/// What becomes of a step whose safety cannot be shown in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum OnTimeout {
    #[default]
    #[serde(rename = "hold:power")]
    Hold,
    #[serde(rename = "promote")]
    Promote,
}

/// Everything the decision about a step is made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each read by one line of the decision")]
pub struct Facts {
    pub regressed: bool,
    pub srm_log_bf: f64,
    pub seconds_since_last_block: i64,
    /// Exposures without any trial of this arm.
    pub control_missing: bool,
    pub treatment_missing: bool,
    pub late_fraction: f64,
    pub amber: bool,
    /// Time that was really spent on the step.
    pub bake_s: i64,
    pub min_bake_s: i64,
    pub max_bake_s: i64,
    #[serde(rename = "nT")]
    pub treatment_trials: u64,
    #[serde(rename = "nC")]
    pub control_trials: u64,
    pub min_n: u64,
    pub require_safe: bool,
    pub safe: bool,
    pub on_timeout: OnTimeout,
}

/// What to do with the step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StepAction {
    #[serde(rename = "rollback")]
    Rollback,
    #[serde(rename = "hold:srm")]
    HoldMismatch,
    #[serde(rename = "hold:no_data")]
    HoldNoData,
    #[serde(rename = "hold:late")]
    HoldLate,
    #[serde(rename = "hold:amber")]
    HoldAmber,
    #[serde(rename = "wait:bake")]
    WaitBake,
    #[serde(rename = "wait:samples")]
    WaitSamples,
    #[serde(rename = "wait:power")]
    WaitPower,
    #[serde(rename = "hold:power")]
    HoldPower,
    #[serde(rename = "promote")]
    Promote,
}

/// Decides about a step. A number that is not one counts as its bad case.
pub fn decide(facts: &Facts) -> StepAction {
    let late_is_fine = facts.late_fraction <= LATE_FRACTION_MAX;
    if facts.regressed {
        StepAction::Rollback
    } else if facts.srm_log_bf.is_nan() || is_mismatch(facts.srm_log_bf) {
        StepAction::HoldMismatch
    } else if facts.seconds_since_last_block > SILENCE_MAX_S
        || facts.control_missing
        || facts.treatment_missing
    {
        StepAction::HoldNoData
    } else if !late_is_fine {
        StepAction::HoldLate
    } else if facts.amber {
        StepAction::HoldAmber
    } else if facts.bake_s < facts.min_bake_s {
        StepAction::WaitBake
    } else if facts.treatment_trials < facts.min_n || facts.control_trials < facts.min_n {
        StepAction::WaitSamples
    } else if facts.require_safe && !facts.safe {
        match (facts.bake_s > facts.max_bake_s, facts.on_timeout) {
            (false, _) => StepAction::WaitPower,
            (true, OnTimeout::Hold) => StepAction::HoldPower,
            (true, OnTimeout::Promote) => StepAction::Promote,
        }
    } else {
        StepAction::Promote
    }
}
