//! What each step of a plan means before it is entered: whom it adds, and how soon it would notice that errors doubled.

use engine::{
    Audience, BucketBy, Impact, Percentage, Rollout, Rule, RuleId,
    plan::{Percentages, Plan},
};
use store::StepForecast;

use crate::{
    error::AppError,
    flag::{FlagPage, rollout::form::EVERYONE},
    forecast::StepsTrial,
    form::error::as_sentence,
    page::Page,
    ui::time,
};

/// More known people than this are estimated from every n-th of them.
const PEOPLE_COUNTED_MAX: usize = 20_000;

/// What one step means: its sentence, whom it adds, and how soon it would notice that errors doubled.
pub(super) struct Preview {
    pub(super) phrase: String,
    pub(super) people: String,
    pub(super) notice: String,
}

/// One for each step of `plan`, on top of what the rules had before it.
pub(super) async fn previews(
    page: &Page,
    shown: &FlagPage,
    name: &(dyn Fn(&RuleId) -> String + Sync),
    plan: &Plan,
    before: &Percentages,
) -> Result<Vec<Preview>, AppError> {
    let forecasts =
        page.store().forecast_plan(&page.viewer(), &page.environment.key, shown.key(), plan).await?;
    let rollout = prepared(&shown.rollout.value);
    let people = page.store().live().people();
    let every = people.len().div_ceil(PEOPLE_COUNTED_MAX).max(1);
    let trial =
        StepsTrial { snapshot: &shown.snapshot, flag: &shown.flag, rollout: &rollout, now_ms: page.now_ms() };
    let settings: Vec<_> = (0..plan.steps.len()).map(|at| plan.percentages_at(Some(at), before)).collect();
    let impacts = trial.impacts(before, &settings, || people.contexts().step_by(every));
    let previews = plan.steps.iter().zip(impacts).zip(forecasts);
    Ok(previews
        .map(|((step, impact), forecast)| Preview {
            phrase: as_sentence(&step.phrase(name)),
            people: people_sentence(impact, every, people.len()),
            notice: notice_sentence(&forecast),
        })
        .collect())
}

/// `Adds 190 of 2,400 known people; nobody loses it.` From a part of them it is told as an estimate.
fn people_sentence(impact: Option<Impact>, every: usize, known: usize) -> String {
    match impact {
        None => "It cannot be counted whom it adds.".to_owned(),
        Some(impact) if every == 1 => impact.sentence(),
        Some(impact) => {
            let whole = Impact {
                known,
                before: impact.before * every,
                after: impact.after * every,
                gained: impact.gained * every,
                lost: impact.lost * every,
                switched: impact.switched * every,
            };
            format!("About: {}", whole.sentence())
        }
    }
}

fn notice_sentence(forecast: &StepForecast) -> String {
    let none = "how soon it would notice twice the errors cannot be said";
    match forecast {
        StepForecast { rule: None, .. } => {
            "It leaves no control to compare with: only limits are watched.".to_owned()
        }
        StepForecast { notice_ms: Some(ms), .. } => {
            format!("At today’s traffic twice the errors are noticed in about {}.", duration(*ms))
        }
        StepForecast { trials_per_hour, .. } if *trials_per_hour <= 0.0 => {
            format!("No outcomes in the last 24 hours: {none}.")
        }
        StepForecast { base_rate: None, .. } => format!("No errors in the last 24 hours: {none}."),
        StepForecast { .. } => "At today’s traffic twice the errors would not be noticed.".to_owned(),
    }
}

/// `20 seconds`, `3 hours`, `12 days`.
pub(super) fn duration(ms: i64) -> String {
    let seconds = u64::try_from(ms).unwrap_or(0).div_ceil(1000);
    match seconds / 86_400 {
        0..3 => time::wait_phrase(seconds),
        days => format!("{days} days"),
    }
}

/// The rollout with a rule for everyone: a plan cannot set what is not there. At 0 % it serves nobody.
pub fn prepared(rollout: &Rollout) -> Rollout {
    if rollout.rules.iter().any(|rule| rule.audience.is_everyone()) {
        return rollout.clone();
    }
    let free = [EVERYONE, "everyone-else"].into_iter().find(|id| rollout.rule(id).is_none());
    let rule = free.and_then(|id| RuleId::parse(id).ok()).map(|id| Rule {
        id,
        audience: Audience::Everyone,
        percentage: Percentage::NONE,
        holdback: Percentage::NONE,
        bucket_by: BucketBy::Subject,
        split: Vec::new(),
    });
    let mut rollout = rollout.clone();
    rollout.rules.extend(rule);
    rollout
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_to_notice_is_told_or_why_there_is_none() {
        let forecast = StepForecast {
            rule: RuleId::parse("everyone").ok(),
            notice_ms: Some(7_200_000),
            trials: Some(1000.0),
            trials_per_hour: 500.0,
            base_rate: Some(0.01),
        };
        assert!(notice_sentence(&forecast).ends_with("in about 2 hours."));
        let never = StepForecast { notice_ms: None, ..forecast.clone() };
        assert!(notice_sentence(&never).ends_with("would not be noticed."));
        let clean = StepForecast { base_rate: None, ..never.clone() };
        assert!(notice_sentence(&clean).starts_with("No errors"));
        let silent = StepForecast { trials_per_hour: 0.0, ..clean.clone() };
        assert!(notice_sentence(&silent).starts_with("No outcomes"));
        assert!(notice_sentence(&StepForecast { rule: None, ..silent }).starts_with("It leaves no control"));
        assert_eq!(duration(10 * 86_400_000), "10 days");
    }

    #[test]
    fn a_rollout_gets_one_rule_for_everyone() {
        let rollout = prepared(&Rollout::new("seed"));
        assert_eq!(rollout.rules.len(), 1);
        assert!(rollout.rules[0].audience.is_everyone() && rollout.rules[0].percentage.is_none());
        assert_eq!(prepared(&rollout), rollout);
    }
}
