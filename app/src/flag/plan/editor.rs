//! The steps as a form that works without scripts: each button comes back with the form as it then is.

use leptos::prelude::*;
use store::Conflict;

use super::{
    form::{PlanForm, StepForm, UNITS},
    page::{Loaded, locked_steps},
    preview::Preview,
    state::is_ended,
};
use crate::{
    flag::{FlagPage, Tab},
    form::state::FormState,
    page::here::here,
    ui::{
        badge::{Callout, Tone},
        field::{Choice, Field, FormError},
        icon, time,
    },
    zone::{typed, zone},
};

pub(super) fn view(shown: &FlagPage, loaded: &Loaded, draft: FormState<PlanForm>) -> impl IntoView + use<> {
    let here = here();
    let release = loaded.outlook.as_ref().map(|it| &it.release);
    let open = draft.input.is_some() || here.query.split('&').any(|pair| pair == "edit=1");
    let conflict = draft.conflict().cloned();
    let general = draft.general().filter(|_| conflict.is_none());
    let typed = draft.input.is_some();
    let mut form =
        draft.input.or_else(|| release.map(|it| PlanForm::of(&it.plan, it.version))).unwrap_or_default();
    // Whoever saves again after a conflict has been told.
    form.version = conflict.as_ref().map_or(form.version, |conflict| conflict.current);
    let locked = locked_steps(release.map(|it| &it.state));
    let preview = |at: usize| {
        if typed { loaded.typed.get(at).and_then(Option::as_ref) } else { loaded.previews.get(at) }
    };
    let lines = Lines { loaded, locked, count: form.steps.len() };
    let steps: Vec<_> =
        form.steps.iter().enumerate().map(|(at, step)| lines.step(at, step, preview(at))).collect();
    let title =
        if release.is_some_and(|it| is_ended(&it.state)) { "Write a new plan" } else { "Edit the plan" };
    view! {
        <details open=open id="edit-plan" class="card plan-edit">
            <summary class="button">{icon::edit()}{title}</summary>
            <form
                method="post"
                action=here.href(&format!("{}#edit-plan", Tab::Plan.path(shown.key())))
                class="stack plan-form"
                data-guard=format!("flag/{}", shown.key())
            >
                <button class="visually-hidden" name="intent" value="save" tabindex="-1" aria-hidden="true">"Save"</button>
                <FormError error=general />
                {conflict.map(|it| clash(&it))}
                <input type="hidden" name="version" value=form.version.to_string() />
                <input type="hidden" name="steps" value=form.steps.len().to_string() />
                <Field label="Name of the plan" name="name" value=form.name.clone() autocomplete="off" />
                <ol class="plan-steps">{steps}</ol>
                <div class="cluster">
                    <button class="button" name="intent" value="add">{icon::plus()}"Add a step"</button>
                    <button class="button" name="intent" value="preview">"Show what it changes"</button>
                </div>
                <Field
                    label="Why?"
                    name="comment"
                    id="plan-comment"
                    value=form.comment.clone()
                    placeholder="Optional, goes into the audit log"
                    autocomplete="off"
                />
                <div class="cluster">
                    <button class="button" data-kind="primary" name="intent" value="save">"Save the plan"</button>
                </div>
            </form>
        </details>
    }
}

fn clash(conflict: &Conflict) -> impl IntoView + use<> {
    let who = if conflict.by.is_empty() { "Somebody".to_owned() } else { conflict.by.clone() };
    let at_ms = conflict.at_ms;
    view! {
        <Callout tone=Tone::Warning role="alert">
            <p>
                <strong>{who}" changed or moved this plan meanwhile"</strong>", "{time::ago(here().now_ms, at_ms)}
                ". What you typed is kept below. Saving again puts it in place of theirs."
            </p>
        </Callout>
    }
}

struct Lines<'l> {
    loaded: &'l Loaded,
    locked: usize,
    count: usize,
}

impl Lines<'_> {
    fn step(&self, at: usize, step: &StepForm, preview: Option<&Preview>) -> AnyView {
        let text = preview.map(|it| {
            view! { <p class="note plan-preview"><b>{it.phrase.clone()}</b>" "{it.people.clone()}" "{it.notice.clone()}</p> }
        });
        let legend = format!("Step {}", at + 1);
        if at < self.locked {
            return view! {
                <li class="plan-step-form" data-locked="">
                    <p><b>{legend}</b>" was reached and stays as it is."</p>
                    {text}
                    {kept(at, step)}
                </li>
            }
            .into_any();
        }
        view! {
            <li>
                <fieldset class="plan-step-form">
                    <legend>{legend}</legend>
                    <div class="plan-step-fields">
                        {self.percentages(at, step)}
                        {gates(at, step)}
                    </div>
                    {ticks(at, step)}
                    {text}
                    <div class="cluster">{self.buttons(at)}</div>
                </fieldset>
            </li>
        }
        .into_any()
    }

    /// A field for every rule; one that is left empty keeps what it has.
    fn percentages(&self, at: usize, step: &StepForm) -> Vec<AnyView> {
        let known = self.loaded.rules.iter().map(|(id, name)| (id.to_string(), name.clone()));
        let gone = step
            .percentages
            .keys()
            .filter(|id| !self.loaded.rules.iter().any(|(rule, _)| rule.as_str() == *id));
        let rules = known.chain(gone.map(|id| (id.clone(), id.clone())));
        rules
            .map(|(id, name)| {
                let value = step.percentages.get(&id).cloned().unwrap_or_default();
                view! {
                    <Field
                        label=format!("{name} (%)")
                        name=format!("step.{at}.to.{id}")
                        value=value
                        inputmode="decimal"
                        placeholder="as before"
                        autocomplete="off"
                    />
                }
                .into_any()
            })
            .collect()
    }

    fn buttons(&self, at: usize) -> Vec<AnyView> {
        let button = |verb: &str, label: &'static str| {
            view! {
                <button
                    class="button"
                    data-kind="quiet"
                    data-size="small"
                    name="intent"
                    value=format!("{verb}.{at}")
                    aria-label=format!("{label} step {}", at + 1)
                >
                    {label}
                </button>
            }
            .into_any()
        };
        let mut buttons = Vec::new();
        if at > self.locked {
            buttons.push(button("up", "Move up"));
        }
        if at + 1 < self.count {
            buttons.push(button("down", "Move down"));
        }
        buttons.push(button("remove", "Remove"));
        buttons
    }
}

fn gates(at: usize, step: &StepForm) -> impl IntoView + use<> {
    let name = |field: &str| format!("step.{at}.{field}");
    let units = UNITS.map(|(unit, _)| (unit.to_owned(), unit.to_owned())).to_vec();
    view! {
        <Field label="Stay for" name=name("hold") value=step.hold.clone() inputmode="numeric" placeholder="no time" autocomplete="off" />
        <Choice label="Unit" name=name("unit") value=step.unit.clone() options=units />
        <Field label="At least (people)" name=name("sample") value=step.sample.clone() inputmode="numeric" placeholder="any" autocomplete="off" />
        <Field label=format!("Not before ({})", zone().name()) name=name("date") kind=typed::field_kind(&step.date) value=step.date.clone() />
        <Field label="In your own words" name=name("title") value=step.title.clone() placeholder="optional" autocomplete="off" />
    }
}

fn ticks(at: usize, step: &StepForm) -> impl IntoView + use<> {
    let approval = (at > 0).then(|| {
        view! {
            <label class="check">
                <input type="checkbox" name=format!("step.{at}.approval") checked=step.approval />
                "Enter it only after an approval"
            </label>
        }
    });
    view! {
        <div class="cluster">
            <label class="check">
                <input type="checkbox" name=format!("step.{at}.healthy") checked=step.healthy />
                "Leave it only when every guardrail is healthy"
            </label>
            {approval}
        </div>
    }
}

/// A reached step, sent back as it was.
fn kept(at: usize, step: &StepForm) -> Vec<AnyView> {
    let hidden =
        |name: String, value: String| view! { <input type="hidden" name=name value=value /> }.into_any();
    let name = |field: &str| format!("step.{at}.{field}");
    let mut fields: Vec<_> = [
        ("title", &step.title),
        ("hold", &step.hold),
        ("unit", &step.unit),
        ("sample", &step.sample),
        ("date", &step.date),
    ]
    .into_iter()
    .map(|(field, value)| hidden(name(field), value.clone()))
    .collect();
    fields.extend(step.percentages.iter().map(|(rule, to)| hidden(name(&format!("to.{rule}")), to.clone())));
    let ticked = [("healthy", step.healthy), ("approval", step.approval)].into_iter().filter(|(_, on)| *on);
    fields.extend(ticked.map(|(field, _)| hidden(name(field), "on".to_owned())));
    fields
}
