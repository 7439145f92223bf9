//! Several rules of one rollout as one picture: the plan that moves them all needs one answer.

use super::decision::StepAction;
use super::judgement::{Health, Judgement};

const fn severity(health: Health) -> u8 {
    match health {
        Health::Healthy => 0,
        Health::Watching => 1,
        Health::Inconclusive => 2,
        Health::Breach => 3,
    }
}

/// The worst health, the strongest action, every warning and all evidence. Without any rule, nothing is known.
pub fn together<'j>(judgements: impl Iterator<Item = &'j Judgement> + Clone, at_ms: i64) -> Judgement {
    let worst = judgements.clone().max_by_key(|judgement| severity(judgement.health));
    let action = judgements.clone().filter_map(|judgement| judgement.action).max();
    let mut warnings = Vec::new();
    for warning in judgements.clone().flat_map(|judgement| &judgement.warnings) {
        if !warnings.contains(warning) {
            warnings.push(*warning);
        }
    }
    Judgement {
        at_ms,
        health: worst.map_or(Health::Watching, |judgement| judgement.health),
        action,
        breach_since_ms: judgements
            .clone()
            .filter(|judgement| judgement.action == action)
            .filter_map(|judgement| judgement.breach_since_ms)
            .min(),
        step: worst.map_or(StepAction::WaitSamples, |judgement| judgement.step),
        warnings,
        srm_log_bf: judgements.clone().map(|judgement| judgement.srm_log_bf).fold(0.0, f64::max),
        evidence: judgements.flat_map(|judgement| judgement.evidence.iter().cloned()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{GuardAction, Warning};
    use super::*;

    fn judgement(health: Health, action: Option<GuardAction>, warnings: &[Warning]) -> Judgement {
        Judgement {
            at_ms: 0,
            health,
            action,
            breach_since_ms: action.map(|_| 7),
            step: StepAction::Promote,
            warnings: warnings.to_vec(),
            srm_log_bf: 0.0,
            evidence: Vec::new(),
        }
    }

    #[test]
    fn the_worst_rule_speaks_for_all_and_no_warning_is_lost() {
        let each = [
            judgement(Health::Healthy, None, &[]),
            judgement(Health::Breach, Some(GuardAction::StepBack), &[Warning::Suspicion]),
            judgement(Health::Inconclusive, None, &[Warning::MissingData, Warning::Suspicion]),
        ];
        let all = together(each.iter(), 9);
        assert_eq!((all.health, all.action), (Health::Breach, Some(GuardAction::StepBack)));
        assert_eq!((all.breach_since_ms, all.at_ms), (Some(7), 9));
        assert_eq!(all.warnings, [Warning::Suspicion, Warning::MissingData]);
        assert_eq!(together([].iter(), 9).health, Health::Watching);
    }
}
