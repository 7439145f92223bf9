//! What each step of a plan means before it is entered: whom it adds, and how soon it would notice that errors doubled.

use engine::{
    Audience, BucketBy, Impact, Percentage, Rollout, Rule, RuleId, Survey,
    plan::{Percentages, Plan},
};
use store::{Patience, StepForecast};

use crate::{
    error::AppError,
    flag::{FlagPage, rollout::form::EVERYONE},
    form::error::as_sentence,
    page::Page,
    ui::time,
};

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
    let asked = (None, Patience::PAGE);
    let census = page.store().census();
    let survey = census.survey(&page.viewer(), &shown.snapshot, &shown.flag, &[&rollout], asked).await;
    // What cannot be compiled or is not counted yet is said to be so.
    let survey = survey.ok().flatten();
    let settings: Vec<_> = (0..plan.steps.len()).map(|at| plan.percentages_at(Some(at), before)).collect();
    let impacts = impacts(survey.as_deref(), &rollout, before, &settings);
    let previews = plan.steps.iter().zip(impacts).zip(forecasts);
    Ok(previews
        .map(|((step, impact), forecast)| Preview {
            phrase: as_sentence(&step.phrase(name)),
            people: impact.map_or_else(|| "It is being counted whom it adds.".to_owned(), |it| it.sentence()),
            notice: notice_sentence(&forecast),
        })
        .collect())
}

/// What the rules had before the plan.
pub(super) fn before(shown: &FlagPage) -> Percentages {
    let progress = shown.plan().and_then(|release| release.state.progress());
    progress.map_or_else(|| prepared(&shown.rollout.value).percentages(), |progress| progress.before.clone())
}

/// What each setting does, against the one before it.
fn impacts(
    survey: Option<&Survey>,
    rollout: &Rollout,
    before: &Percentages,
    settings: &[Percentages],
) -> Vec<Option<Impact>> {
    let mut last = with(rollout, before);
    let step = |setting| {
        let next = with(rollout, setting);
        let impact = survey.map(|survey| survey.impact((0, &last), (0, &next)));
        last = next;
        impact
    };
    settings.iter().map(step).collect()
}

pub(super) fn with(rollout: &Rollout, percentages: &Percentages) -> Rollout {
    let mut rollout = rollout.clone();
    for rule in &mut rollout.rules {
        rule.percentage = percentages.get(&rule.id).copied().unwrap_or(rule.percentage);
    }
    rollout
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
        days => engine::counted(days, "day"),
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
    use std::sync::Arc;

    use engine::{Attributes, Context, EnvironmentConfig, Flag, Percentage, Snapshot, Surveyor};

    use super::*;

    #[test]
    fn each_step_of_a_plan_is_counted_against_the_one_before() {
        let flag = Arc::new(Flag::boolean("fast-payment".parse().expect("a key"), "Fast payment"));
        let rollout = prepared(&Rollout::new("seed"));
        let config = EnvironmentConfig {
            environment: "production".parse().expect("a key"),
            revision: 1,
            flags: vec![(Arc::clone(&flag), Arc::new(rollout.clone()))],
            groups: Vec::new(),
            attributes: Arc::default(),
        };
        let snapshot = Arc::new(Snapshot::compile(config, None).0);
        let mut surveyor = Surveyor::new(&flag.key, &[snapshot]).expect("a flag");
        for n in 0..1000 {
            surveyor.look(&Context::from_traits(&format!("person-{n}"), Attributes::EMPTY), 0);
        }
        let at = |to| [(rollout.rules[0].id.clone(), Percentage::whole(to).expect("percentage"))].into();
        let steps = [at(20), at(100), at(0)];
        let told = impacts(Some(&surveyor.survey(1000)), &rollout, &at(0), &steps);
        let told: Vec<_> = told.into_iter().flatten().map(|it| (it.gained, it.lost)).collect();
        assert_eq!(told[2], (0, 1000));
        assert_eq!((told[0].0 + told[1].0, told[0].1 + told[1].1), (1000, 0));
    }

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
