//! How many people stand in each arm, against what the percentages say: unless they agree, no comparison can be trusted.

use engine::{
    RuleId, grouped,
    guardrail::srm::{KAPPA, Segment, is_mismatch, log_bayes_factor},
};
use leptos::prelude::*;
use store::FirstExposures;

use crate::{
    chart::Unit,
    ui::badge::{Badge, Tone},
};

/// The arms of one rule since its percentages were last changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArmSizes {
    treatment: u64,
    control: u64,
    shares: Option<(u64, u64)>,
}

impl ArmSizes {
    pub fn of(exposures: &[FirstExposures], rule: &RuleId) -> Option<Self> {
        let own = exposures.iter().filter(|it| it.rule == *rule);
        let FirstExposures { treatment, control, shares, .. } = own.max_by_key(|it| it.first_ms)?;
        Some(Self { treatment: *treatment, control: *control, shares: *shares })
    }

    /// The expected share of the treatment, where it can be told.
    fn expected(self) -> Option<f64> {
        let (treatment, control) = self.shares?;
        (treatment > 0 && control > 0).then(|| float(treatment) / (float(treatment) + float(control)))
    }

    fn is_mismatch(self) -> bool {
        let segment = self.shares.map(|(treatment, control)| Segment {
            counts: vec![self.treatment, self.control],
            weights: vec![float(treatment), float(control)],
        });
        is_mismatch(log_bayes_factor(&segment.into_iter().collect::<Vec<_>>(), KAPPA))
    }

    /// `1,203 people with the feature, 4,818 in control: 19.98 % of them have it, and 20 % should.`
    fn sentence(self) -> String {
        let people = |count: u64| grouped(usize::try_from(count).unwrap_or(usize::MAX));
        let (with, without) = (people(self.treatment), people(self.control));
        let all = self.treatment + self.control;
        match self.expected().filter(|_| all > 0) {
            Some(expected) => format!(
                "{with} people with the feature, {without} in control: {} of them have it, and {} should.",
                Unit::Share.phrase(float(self.treatment) / float(all)),
                Unit::Share.phrase(expected)
            ),
            None if self.control == 0 => format!("{with} people with the feature, and no control."),
            None => format!("{with} people with the feature, {without} in control."),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "people and shares stay below 2^53")]
fn float(count: u64) -> f64 {
    count as f64
}

pub fn view(sizes: Option<ArmSizes>) -> Option<impl IntoView + use<>> {
    let sizes = sizes?;
    let mismatch = sizes.is_mismatch().then(|| {
        view! { <Badge tone=Tone::Danger text="Mismatch" />" This is no chance: somebody is counted in the wrong arm, or not at all. " }
    });
    Some(view! { <p class="note health-arms">{mismatch}{sizes.sentence()}</p> })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(treatment: u64, control: u64) -> ArmSizes {
        ArmSizes { treatment, control, shares: Some((20, 80)) }
    }

    #[test]
    fn arms_are_told_against_what_they_should_be() {
        let fine = sizes(1203, 4818);
        assert_eq!(
            fine.sentence(),
            "1,203 people with the feature, 4,818 in control: 20 % of them have it, and 20 % should."
        );
        assert!(!fine.is_mismatch());
        let html = view(Some(sizes(3000, 3000))).expect("arms").to_html();
        assert!(html.contains("Mismatch") && html.contains("50 % of them have it"), "{html}");
        let all = ArmSizes { treatment: 7, control: 0, shares: None };
        assert_eq!(all.sentence(), "7 people with the feature, and no control.");
        assert!(view(None).is_none());
    }
}
