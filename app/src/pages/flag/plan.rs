//! The Plan tab: the release plan drawn as a line of steps, what may be done with it now, and its steps as a form.

mod controls;
mod editor;
mod line;

use axum::extract::Path;
use engine::{
    Audience, BucketBy, Impact, Percentage, Rollout, Rule, RuleId,
    guardrail::Guardrail,
    plan::{Percentages, Plan, PlanDecision, PlanState, TEMPLATES, open_gates_sentence},
};
use leptos::prelude::*;
use store::{Operation, PlanOutlook, StepForecast, percentages_of};

use super::{FlagPage, Tab, frame, health};
use crate::{
    draft::{Draft, Refusal, as_sentence},
    error::AppError,
    forms::{plan::PlanForm, rollout::EVERYONE},
    page::{Look, Page, PageResult},
    ui::{
        badge::{Badge, Tone},
        empty::Empty,
        field::FormError,
        here,
        layout::Section,
        standing::{StepsTrial, group_name},
        time,
    },
};

/// More known people than this are estimated from every n-th of them.
const PEOPLE_COUNTED_MAX: usize = 20_000;

/// What one step means: its sentence, whom it adds, and how soon it would notice that errors doubled.
struct Preview {
    phrase: String,
    people: String,
    notice: String,
}

/// Everything that the tab shows.
struct Loaded {
    rules: Vec<(RuleId, String)>,
    /// What would take it back, in sentences.
    guardrails: Vec<String>,
    outlook: Option<PlanOutlook>,
    /// Of the saved plan.
    previews: Vec<Preview>,
    /// Of the plan that is typed, where its steps can be understood.
    typed: Vec<Option<Preview>>,
    now_ms: i64,
}

impl Loaded {
    async fn of(page: &Page, shown: &FlagPage, draft: &Draft<PlanForm>) -> Result<Self, AppError> {
        let viewer = page.viewer();
        let outlook = page.store().find_plan_outlook(&viewer, &page.environment.key, shown.key()).await?;
        let rules = rules_of(shown);
        let guardrails = page.store().find_guardrails(&viewer, &page.environment.key, shown.key()).await?;
        let guardrails = guardrails.set.guardrails.iter().map(Guardrail::sentence).collect();
        let before = outlook.as_ref().and_then(|it| it.release.state.progress()).map_or_else(
            || percentages_of(&prepared(&shown.rollout.value)),
            |progress| progress.before.clone(),
        );
        let mut loaded = Self {
            rules,
            guardrails,
            outlook,
            previews: Vec::new(),
            typed: Vec::new(),
            now_ms: page.now_ms(),
        };
        if let Some(outlook) = &loaded.outlook {
            loaded.previews = loaded.previews_of(page, shown, &outlook.release.plan, &before).await?;
        }
        if let Some(form) = &draft.input {
            let steps: Vec<_> = form.steps.iter().map(|step| step.parse().ok()).collect();
            let plan = Plan { name: form.name.clone(), steps: steps.iter().flatten().cloned().collect() };
            let mut previews = loaded.previews_of(page, shown, &plan, &before).await?.into_iter();
            loaded.typed = steps.iter().map(|step| step.as_ref().and_then(|_| previews.next())).collect();
        }
        Ok(loaded)
    }

    fn name_of(&self, rule: &RuleId) -> String {
        let found = self.rules.iter().find(|(id, _)| id == rule);
        found.map_or_else(|| rule.to_string(), |(_, name)| name.clone())
    }

    async fn previews_of(
        &self,
        page: &Page,
        shown: &FlagPage,
        plan: &Plan,
        before: &Percentages,
    ) -> Result<Vec<Preview>, AppError> {
        let forecasts =
            page.store().forecast_plan(&page.viewer(), &page.environment.key, shown.key(), plan).await?;
        let rollout = prepared(&shown.rollout.value);
        let people = page.store().live().people();
        let every = people.len().div_ceil(PEOPLE_COUNTED_MAX).max(1);
        let trial = StepsTrial {
            snapshot: &shown.snapshot,
            flag: &shown.flag,
            rollout: &rollout,
            now_ms: page.now_ms(),
        };
        let settings: Vec<_> =
            (0..plan.steps.len()).map(|at| plan.percentages_at(Some(at), before)).collect();
        let impacts = trial.impacts(before, &settings, || people.contexts().step_by(every));
        let previews = plan.steps.iter().zip(impacts).zip(forecasts);
        Ok(previews
            .map(|((step, impact), forecast)| Preview {
                phrase: as_sentence(&step.phrase(&|rule| self.name_of(rule))),
                people: people_sentence(impact, every, people.len()),
                notice: notice_sentence(&forecast),
            })
            .collect())
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

/// The rules that a plan can set, as they are tried, with the names of their audiences.
pub fn rules_of(shown: &FlagPage) -> Vec<(RuleId, String)> {
    let name = group_name(&shown.snapshot);
    let named = |rule: &Rule| {
        let phrase = as_sentence(&engine::audience_phrase(&rule.audience, &name));
        (rule.id.clone(), phrase.trim_end_matches('.').to_owned())
    };
    prepared(&shown.rollout.value).rules.iter().map(named).collect()
}

/// How many steps of a plan stay as they are, because they were reached.
pub fn locked_steps(state: Option<&PlanState>) -> usize {
    match state {
        Some(PlanState::Finished { .. }) | None => 0,
        Some(state) => state.progress().map_or(0, |progress| progress.step + 1),
    }
}

pub async fn get(page: Page, Path(key): Path<String>) -> PageResult {
    let shown = FlagPage::load(&page, &key).await?;
    show(&page, shown, Draft::default(), None).await
}

/// The tab; `draft` holds the steps as they are typed, `refused` says why a move was not made.
pub async fn show(
    page: &Page,
    shown: FlagPage,
    draft: Draft<PlanForm>,
    refused: Option<Refusal>,
) -> PageResult {
    let loaded = Loaded::of(page, &shown, &draft).await?;
    let status = refused.as_ref().map_or(draft.status(), |refusal| refusal.status);
    let title = format!("Release plan of {}", shown.flag.name);
    let look = Look::new(title, Section::Desk).status(status).measures();
    let editable = page.principal.may(Operation::EditFlags) && !shown.archived();
    let moves = Draft { input: Some(()), refusal: refused };
    page.render(look, move || {
        let ended = loaded.outlook.as_ref().is_none_or(|it| is_ended(&it.release.state));
        let plan = loaded.outlook.as_ref().map(|outlook| {
            view! {
                {summary(&shown, &loaded, outlook)}
                <FormError error=moves.general() />
                {controls::view(&shown, outlook, editable)}
                {line::view(outlook, &loaded.previews)}
            }
        });
        let begin = (ended && draft.input.is_none()).then(|| begin(&shown, &loaded, editable));
        let edit = (editable && (loaded.outlook.is_some() || draft.input.is_some()))
            .then(|| editor::view(&shown, &loaded, draft));
        frame(&shown, Tab::Plan, false, view! { <div class="plan">{plan}{begin}{edit}</div> })
    })
}

pub(super) const fn is_ended(state: &PlanState) -> bool {
    matches!(state, PlanState::Finished { .. } | PlanState::Abandoned { .. })
}

pub(super) fn state_badge(state: &PlanState) -> (Tone, &'static str) {
    match state {
        PlanState::Draft => (Tone::Neutral, "Not started"),
        PlanState::Scheduled { .. } => (Tone::Accent, "Scheduled"),
        PlanState::Running { .. } => (Tone::Accent, "Running"),
        PlanState::Paused { .. } => (Tone::Warning, "Paused"),
        PlanState::Holding { .. } => (Tone::Warning, "Holding"),
        PlanState::Finished { .. } => (Tone::Good, "Finished"),
        PlanState::Abandoned { .. } => (Tone::Neutral, "Abandoned"),
        PlanState::RolledBack { .. } => (Tone::Danger, "Rolled back"),
    }
}

/// What a person reads first: where the plan is, why, and what it waits for.
fn summary(shown: &FlagPage, loaded: &Loaded, outlook: &PlanOutlook) -> impl IntoView + use<> {
    let here = here();
    let release = &outlook.release;
    let (tone, word) = state_badge(&release.state);
    let active = release.state.is_active();
    let health = active.then(|| {
        let href = here.href(&Tab::Health.path(shown.key()));
        view! {
            <p class="plan-health">
                <Badge tone=health::tone(outlook.judgement.health) text=health::word(outlook.judgement.health) />
                " "{outlook.judgement.sentence()}" "<a href=href>"Health"</a>
            </p>
        }
    });
    let name = |rule: &RuleId| loaded.name_of(rule);
    view! {
        <section class="card stack" id="plan-now" data-live="" aria-labelledby="plan-title">
            <div class="card-head">
                <h2 id="plan-title">{release.plan.name.clone()}</h2>
                <p class="note">
                    {format!("Written by {}; changed by {}, ", release.proposed_by_name, release.changed_by)}
                    {time::ago(loaded.now_ms, release.changed_ms)}
                </p>
            </div>
            <p class="plan-state">
                <Badge tone=tone text=word />
                " "
                <strong>{release.state.sentence(release.plan.steps.len())}</strong>
            </p>
            {waiting(&outlook.decision, outlook.at_ms).map(|text| view! { <p>{text}</p> })}
            {health}
            <p class="note">{release.plan.sentence(&name)}</p>
            {watched(shown, &loaded.guardrails)}
        </section>
    }
}

/// What the guard looks at meanwhile.
fn watched(shown: &FlagPage, guardrails: &[String]) -> impl IntoView + use<> {
    let href = format!("{}#guardrails", here().href(&Tab::Health.path(shown.key())));
    let sentence = if guardrails.is_empty() {
        "No guardrail watches it: nothing takes it back by itself. ".to_owned()
    } else {
        format!("Meanwhile: {}. ", guardrails.join("; "))
    };
    view! { <p class="note">{sentence}<a href=href>"Guardrails"</a></p> }
}

/// What it waits for; a hold's reason stands in the state's sentence already.
fn waiting(decision: &PlanDecision, now_ms: i64) -> Option<String> {
    match decision {
        PlanDecision::Wait { open } if open.is_empty() => None,
        PlanDecision::Wait { open } => Some(open_gates_sentence(open, now_ms)),
        PlanDecision::Advance(advance) => {
            Some(format!("Every gate is met: it goes to step {} in a moment.", advance.to() + 1))
        }
        PlanDecision::Finish => Some("Every gate is met: it finishes in a moment.".to_owned()),
        PlanDecision::Hold { .. } => None,
        PlanDecision::Breach(breach) => Some(breach.sentence().to_owned()),
    }
}

/// Three ways to begin, one press each.
fn begin(shown: &FlagPage, loaded: &Loaded, editable: bool) -> impl IntoView + use<> {
    let here = here();
    let text = "A release plan moves the faders by itself, step by step: to the pilot group first, then to 20, 50, \
                100 % of everyone. It waits at each step for time, people, health or an approval, and goes back when \
                a guardrail breaks.";
    let version = loaded.outlook.as_ref().map_or(0, |it| it.release.version);
    let title = if version == 0 { "No release plan yet" } else { "Make a new plan" };
    let choices = editable.then(|| {
        let choices: Vec<_> = TEMPLATES
            .iter()
            .map(|template| {
                view! {
                    <li>
                        <button class="button" name="intent" value=format!("template.{}", template.key)>
                            {format!("{} plan", template.name)}
                        </button>
                        <span>{template.about}</span>
                    </li>
                }
            })
            .collect();
        view! {
            <form method="post" action=here.href(&Tab::Plan.path(shown.key())) class="plan-templates">
                <input type="hidden" name="version" value=version.to_string() />
                <ul>{choices}</ul>
                <p class="note">"Nothing changes for anybody before you start it."</p>
            </form>
        }
    });
    view! { <Empty title=title text=text>{choices}</Empty> }
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
fn duration(ms: i64) -> String {
    let seconds = u64::try_from(ms).unwrap_or(0).div_ceil(1000);
    match seconds / 86_400 {
        0..3 => time::wait_phrase(seconds),
        days => format!("{days} days"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rollout_gets_one_rule_for_everyone() {
        let rollout = prepared(&Rollout::new("seed"));
        assert_eq!(rollout.rules.len(), 1);
        assert!(rollout.rules[0].audience.is_everyone() && rollout.rules[0].percentage.is_none());
        assert_eq!(prepared(&rollout), rollout);
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
}
