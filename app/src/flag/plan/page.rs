//! The Plan tab: the release plan drawn as a line of steps, what may be done with it now, and its steps as a form.

use axum::extract::Path;
use engine::{
    Rule, RuleId, group_name,
    guardrail::Guardrail,
    plan::{Pace, Plan, PlanDecision, PlanState, TEMPLATES, open_gates_sentence},
};
use leptos::prelude::*;
use store::{Operation, PlanOutlook};

use super::{
    form::PlanForm,
    preview::{Preview, before, prepared, previews},
    state::{beside_badge, is_ended, state_badge},
};
use crate::{
    error::AppError,
    flag::{FlagPage, Tab, frame, health::tone},
    form::{error::as_sentence, state::FormState},
    page::{Page, PageMeta, PageResult, here::here, layout::Section},
    ui::{
        badge::{Badge, Callout, Tone},
        empty::Empty,
        field::FormError,
        time,
    },
};

/// Everything that the tab shows.
pub(super) struct Loaded {
    pub(super) rules: Vec<(RuleId, String)>,
    /// What would take it back, in sentences.
    pub(super) guardrails: Vec<String>,
    pub(super) outlook: Option<PlanOutlook>,
    /// The saved plan cannot be read.
    pub(super) unreadable: bool,
    /// Of the saved plan.
    pub(super) previews: Vec<Preview>,
    /// Of the plan that is typed, where its steps can be understood.
    pub(super) typed: Vec<Option<Preview>>,
    pub(super) now_ms: i64,
}

impl Loaded {
    async fn of(page: &Page, shown: &FlagPage, draft: &FormState<PlanForm>) -> Result<Self, AppError> {
        let viewer = page.viewer();
        // The guard goes on without one that cannot be read, and so does the page.
        let unreadable = shown.has_unreadable_plan();
        let outlook = match shown.plan() {
            Some(release) => {
                let read = (release.clone(), &shown.rollout);
                Some(
                    page.store()
                        .plan_outlook(&viewer, (&page.environment.key, shown.key()), read, shown.health())
                        .await?,
                )
            }
            None => None,
        };
        let rules = rules_of(shown);
        let guardrails = page.store().find_guardrails(&viewer, &page.environment.key, shown.key()).await?;
        let guardrails = guardrails.set.guardrails.iter().map(Guardrail::sentence).collect();
        let before = before(shown);
        let known = rules.clone();
        let name = |rule: &RuleId| name_of(&known, rule);
        let mut loaded = Self {
            rules,
            guardrails,
            outlook,
            unreadable,
            previews: Vec::new(),
            typed: Vec::new(),
            now_ms: page.now_ms(),
        };
        if let Some(outlook) = &loaded.outlook {
            loaded.previews = previews(page, shown, &name, &outlook.release.plan, &before).await?;
        }
        if let Some(form) = &draft.input {
            let steps: Vec<_> = form.steps.iter().map(|step| step.parse().ok()).collect();
            let plan = Plan { name: form.name.clone(), steps: steps.iter().flatten().cloned().collect() };
            let mut previews = previews(page, shown, &name, &plan, &before).await?.into_iter();
            loaded.typed = steps.iter().map(|step| step.as_ref().and_then(|_| previews.next())).collect();
        }
        Ok(loaded)
    }

    fn name_of(&self, rule: &RuleId) -> String {
        name_of(&self.rules, rule)
    }
}

/// What a rule's audience is called in a sentence; a rule that is gone by its id.
fn name_of(rules: &[(RuleId, String)], rule: &RuleId) -> String {
    let Some((_, name)) = rules.iter().find(|(id, _)| id == rule) else { return rule.to_string() };
    // As a label it begins with a capital; a group is called what it is called.
    match name.strip_prefix('E').or_else(|| name.strip_prefix('T')) {
        Some("veryone") => "everyone".to_owned(),
        Some(rest) if rest.starts_with("hose whose ") => format!("t{rest}"),
        Some(_) | None => name.clone(),
    }
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
    if let Some(step) = page.query("step") {
        return super::who::show(&page, &shown, &step).await;
    }
    show(&page, shown, FormState::default(), FormState::default()).await
}

/// The tab; `draft` holds the steps as they are typed, `moved` why a move was not made, and the date that was typed for it.
pub async fn show(
    page: &Page,
    shown: FlagPage,
    draft: FormState<PlanForm>,
    moved: FormState<String>,
) -> PageResult {
    let loaded = Loaded::of(page, &shown, &draft).await?;
    let status = draft.status().max(moved.status());
    let title = format!("Release plan of {}", shown.flag.name);
    let meta = PageMeta::new(title, Section::Desk).status(status).measures();
    let editable = page.may(Operation::RollOut) && !shown.archived();
    page.render(meta, move || {
        let ended = loaded.outlook.as_ref().is_none_or(|it| is_ended(&it.release.state));
        let plan = loaded.outlook.as_ref().map(|outlook| {
            view! {
                {summary(&shown, &loaded, outlook)}
                <FormError error=moved.general() />
                {super::controls::view(&shown, outlook, editable, &moved)}
                {super::line::view(outlook, &loaded.previews, shown.key())}
            }
        });
        let unreadable = loaded.unreadable.then(|| {
            let text = "The release plan that was saved cannot be read, so nothing moves by itself. An administrator has to \
                        look at the database.";
            view! { <Callout tone=Tone::Danger><p>{text}</p></Callout> }
        });
        let begin = (ended && draft.input.is_none() && !loaded.unreadable)
            .then(|| begin(&shown, &loaded, editable));
        let edit = (editable && (loaded.outlook.is_some() || draft.input.is_some()))
            .then(|| super::editor::view(&shown, &loaded, draft));
        let why = here().why_not(Operation::RollOut).map(|why| view! { <p class="note">{why}</p> });
        frame(&shown, Tab::Plan, false, view! { <div class="plan">{unreadable}{plan}{begin}{edit}{why}</div> })
    })
}

/// What a person reads first: where the plan is, why, and what it waits for.
fn summary(shown: &FlagPage, loaded: &Loaded, outlook: &PlanOutlook) -> impl IntoView + use<> {
    let here = here();
    let release = &outlook.release;
    let (tone, word) = state_badge(&release.state);
    let active = release.state.is_active();
    let is_judged = !outlook.judgement.evidence.is_empty();
    let health = (active && is_judged).then(|| {
        let (tone, word) = tone::of(&outlook.judgement);
        let href = here.href(&Tab::Health.path(shown.key()));
        view! {
            <p class="plan-health">
                <Badge tone=tone text=word />
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
                    {format!("Written by {}; last changed by {}, ", release.proposed_by_name, release.changed_by)}
                    {time::ago(loaded.now_ms, release.changed_ms)}
                </p>
            </div>
            <p class="plan-state">
                <Badge tone=tone text=word />
                " "
                <strong>{beside_badge(word, &release.state.sentence(release.plan.steps.len()))}</strong>
            </p>
            {waiting(&outlook.decision, outlook.pace, outlook.at_ms).map(|text| view! { <p>{text}</p> })}
            {health}
            {(active && outlook.judgement.is_unasked()).then(|| crate::flag::health::summary::connect(shown.key()))}
            <p class="note">{release.plan.sentence(&name)}</p>
            {watched(shown, &loaded.guardrails)}
        </section>
    }
}

/// What the guard looks at meanwhile.
fn watched(shown: &FlagPage, guardrails: &[String]) -> impl IntoView + use<> {
    let href = format!("{}#guardrails-known", here().href(&Tab::Health.path(shown.key())));
    let sentence = if guardrails.is_empty() {
        "No guardrail watches it: nothing takes it back by itself. ".to_owned()
    } else {
        format!("Meanwhile: {}. ", guardrails.join("; "))
    };
    view! { <p class="note">{sentence}<a href=href>"Guardrails"</a></p> }
}

/// What it waits for; a hold's reason stands in the state's sentence already.
fn waiting(decision: &PlanDecision, pace: Option<Pace>, now_ms: i64) -> Option<String> {
    match decision {
        PlanDecision::Wait { open } if open.is_empty() => None,
        PlanDecision::Wait { open } => Some(open_gates_sentence(open, pace, now_ms)),
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
