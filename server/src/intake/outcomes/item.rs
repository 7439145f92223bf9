//! An outcome as it is sent, checked against what the workspace measures.

use engine::{
    Arm, Counts, FlagKey, MetricDefinition, MetricKey, MetricKind, RuleId, Sender, SubjectKey, VariantKey,
};

use crate::limits::{OUTCOME_LATE_MS_MAX, OUTCOME_LATENCY_MS_MAX, OUTCOME_VALUE_MAX};

/// A flag that was in force, as the sender knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Feature {
    pub flag: FlagKey,
    pub variant: Option<VariantKey>,
    pub rule: Option<RuleId>,
    pub arm: Option<Arm>,
}

/// Something that happened after an exposure, well formed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Outcome {
    /// Whose word it is. A client's was proved.
    pub sender: Sender,
    /// Without one, every outcome is a trial of its own and `features` says where it counts.
    pub subject: Option<SubjectKey>,
    pub metric: MetricKey,
    pub ok: Option<bool>,
    pub latency_ms: Option<f64>,
    pub value: Option<f64>,
    /// Never later than its arrival.
    pub at_ms: i64,
    /// Empty: whatever the subject was exposed to.
    pub features: Vec<Feature>,
}

impl Outcome {
    /// The definition it is measured by, or the sentence that says what is wrong with it.
    pub fn check<'m>(&self, metrics: &'m [MetricDefinition]) -> Result<&'m MetricDefinition, String> {
        let definition = find(metrics, self.metric.as_str())
            .ok_or_else(|| format!("there is no metric \"{}\"; an admin can define it", self.metric))?;
        if self.subject.is_none() && self.features.is_empty() {
            return Err("\"subject\" or \"features\" is needed, to know what the outcome is of".to_owned());
        }
        let finite = |value: Option<f64>| value.is_none_or(f64::is_finite);
        if !finite(self.latency_ms) || !finite(self.value) {
            return Err("\"latency_ms\" and \"value\" are finite numbers".to_owned());
        }
        if self.latency_ms.is_some_and(|ms| !(0.0..=OUTCOME_LATENCY_MS_MAX).contains(&ms)) {
            return Err("\"latency_ms\" lies between 0 and 86400000 (a day)".to_owned());
        }
        let value_max = match definition.kind {
            MetricKind::Latency | MetricKind::Duration => Some(OUTCOME_LATENCY_MS_MAX),
            MetricKind::Count => Some(OUTCOME_VALUE_MAX),
            // Each is one, whoever tells it.
            MetricKind::ErrorRate
            | MetricKind::Crashes
            | MetricKind::Rate
            | MetricKind::Conversion
            | MetricKind::Complaints
            | MetricKind::MissingOutcome => None,
        };
        match (self.value, value_max) {
            (Some(_), None) => {
                return Err(format!("\"{}\" has no \"value\"; leave it out", self.metric));
            }
            (Some(value), Some(max)) if !(0.0..=max).contains(&value) => {
                return Err(format!("\"value\" lies between 0 and {max}"));
            }
            (None, _) | (Some(_), Some(_)) => {}
        }
        match definition.kind.counts() {
            Counts::Requests if self.ok.is_none() => {
                Err(format!("\"ok\" is needed: \"{}\" counts how many were", self.metric))
            }
            Counts::Durations if self.duration().is_none() => {
                Err(format!("\"latency_ms\" is needed: \"{}\" is a duration", self.metric))
            }
            Counts::Exposed | Counts::ExposedMany if self.subject.is_none() => {
                Err(format!("\"subject\" is needed: \"{}\" is counted by person", self.metric))
            }
            Counts::Unanswered => {
                Err(format!("\"{}\" is counted by Fader itself; send what did happen", self.metric))
            }
            Counts::Requests | Counts::Durations | Counts::Exposed | Counts::ExposedMany => Ok(definition),
        }
    }

    /// What it took: `latency_ms`, or `value` where the metric itself is a duration.
    pub fn duration(&self) -> Option<f64> {
        self.latency_ms.or(self.value)
    }
}

/// Definitions are in the order of their keys.
pub(crate) fn find<'m>(metrics: &'m [MetricDefinition], key: &str) -> Option<&'m MetricDefinition> {
    let at = metrics.binary_search_by(|each| each.key.as_str().cmp(key)).ok()?;
    metrics.get(at)
}

/// When an outcome happened: a clock that is ahead is not believed, and what is too old for its cell is refused.
pub(crate) fn outcome_time(at_ms: i64, now_ms: i64) -> Result<i64, &'static str> {
    if at_ms < now_ms - OUTCOME_LATE_MS_MAX {
        return Err("\"time\" is more than 10 minutes ago: the outcome came too late to be counted");
    }
    Ok(at_ms.min(now_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metric(kind: MetricKind) -> MetricDefinition {
        MetricDefinition {
            key: MetricKey::parse(kind.as_str()).expect("a key"),
            name: kind.as_str().to_owned(),
            description: String::new(),
            kind,
            unit: String::new(),
            lower_is_better: true,
        }
    }

    fn outcome(metric: &str) -> Outcome {
        Outcome {
            sender: Sender::Server,
            subject: SubjectKey::parse("u-1").ok(),
            metric: MetricKey::parse(metric).expect("a key"),
            ok: None,
            latency_ms: None,
            value: None,
            at_ms: 0,
            features: Vec::new(),
        }
    }

    #[test]
    fn an_outcome_has_what_its_metric_needs() {
        let mut metrics: Vec<_> = MetricKind::ALL.into_iter().map(metric).collect();
        metrics.sort_by(|a, b| a.key.cmp(&b.key));
        let refusal = |outcome: Outcome| outcome.check(&metrics).err().unwrap_or_default();
        assert!(refusal(outcome("p95")).contains("no metric"));
        assert!(refusal(outcome("error_rate")).contains("\"ok\""));
        assert_eq!(refusal(Outcome { ok: Some(true), ..outcome("error_rate") }), "");
        assert!(refusal(outcome("latency")).contains("latency_ms"));
        assert_eq!(refusal(Outcome { value: Some(3.5), ..outcome("duration") }), "");
        assert_eq!(refusal(outcome("conversion")), "");
        let nobody = Outcome { subject: None, ..outcome("conversion") };
        assert!(refusal(nobody.clone()).contains("subject"));
        let odd = [(Some(-1.0), None), (Some(f64::NAN), None), (None, Some(f64::INFINITY))];
        for (latency_ms, value) in odd {
            assert_ne!(refusal(Outcome { latency_ms, value, ok: Some(true), ..outcome("error_rate") }), "");
        }
        for kind in MetricKind::ALL.map(MetricKind::as_str) {
            for value in [1.7e308, f64::MAX, -1.0, f64::NAN, f64::NEG_INFINITY, 1e9] {
                let huge = Outcome { value: Some(value), ok: Some(true), ..outcome(kind) };
                assert_ne!(refusal(huge), "", "{kind}: {value}");
            }
        }
        let pointless = Outcome { value: Some(1.0), ok: Some(true), ..outcome("error_rate") };
        assert_eq!(refusal(pointless), "\"error_rate\" has no \"value\"; leave it out");
        let loud = Outcome { value: Some(1e6), ..outcome("complaints") };
        assert_eq!(refusal(loud), "\"complaints\" has no \"value\"; leave it out");
        assert_eq!(refusal(Outcome { value: Some(1e6), ..outcome("count") }), "");
        assert!(refusal(outcome("missing_outcome")).contains("counted by Fader itself"));
    }

    #[test]
    fn a_clock_ahead_is_not_believed_and_a_late_one_is_refused() {
        let now = 1_000_000_000;
        assert_eq!(outcome_time(now + 400_000, now), Ok(now));
        assert_eq!(outcome_time(now - 600_000, now), Ok(now - 600_000));
        assert!(outcome_time(now - 600_001, now).is_err());
    }
}
