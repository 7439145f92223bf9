//! The guardrails: sentences to read, and the same sentences as a form.

use engine::{MetricDefinition, guardrail::Guardrail};
use leptos::prelude::*;
use store::{GuardrailsInForce, Replayed};

use super::super::{FlagPage, Tab};
use crate::{
    draft::Draft,
    forms::guardrails::{ACTIONS, GuardrailForm, Line, metric_options},
    ui::{
        field::{Choice, Field, FormError},
        here, icon,
    },
};

pub fn view(
    shown: &FlagPage,
    known: &GuardrailsInForce,
    replayed: &[Replayed],
    draft: Draft<GuardrailForm>,
    metrics: &[MetricDefinition],
    editable: bool,
) -> impl IntoView + use<> {
    let open = draft.input.is_some();
    let sentences: Vec<_> = known.set.guardrails.iter().map(|it| sentence(it, replayed)).collect();
    let nothing = sentences.is_empty().then(|| {
        view! { <p class="muted">"Nothing watches this rollout: whatever happens, nobody is told and nothing is stopped."</p> }
    });
    let whose = match &known.saved {
        Some(own) => format!("Its own, saved by {}.", own.changed_by),
        None => "The workspace's defaults; editing gives this rollout its own.".to_owned(),
    };
    let form = editable.then(|| {
        view! {
            <details open=open id="edit-guardrails">
                <summary class="button">{icon::edit()}"Edit the guardrails"</summary>
                {form(shown, known, draft, metrics)}
            </details>
        }
    });
    view! {
        <section class="card stack" aria-labelledby="guardrails-title" id="guardrails">
            <div class="card-head">
                <h2 id="guardrails-title">"Guardrails"</h2>
                <p class="note">{whose}</p>
            </div>
            {nothing}
            <ul class="guardrails">{sentences}</ul>
            {form}
        </section>
    }
}

fn sentence(guardrail: &Guardrail, replayed: &[Replayed]) -> impl IntoView + use<> {
    let fired = replayed.iter().find(|it| it.guardrail == guardrail.id).map_or(0, |it| it.fired_ms.len());
    let told = match fired {
        0 => "would not have fired in the last 7 days".to_owned(),
        1 => "would have fired once in the last 7 days".to_owned(),
        n => format!("would have fired {n} times in the last 7 days"),
    };
    view! { <li><b>{guardrail.sentence()}</b><span class="note">{told}</span></li> }
}

fn form(
    shown: &FlagPage,
    known: &GuardrailsInForce,
    draft: Draft<GuardrailForm>,
    metrics: &[MetricDefinition],
) -> impl IntoView + use<> {
    let here = here();
    let general = draft.general();
    let conflict = draft.conflict().map(|conflict| conflict.current);
    let mut typed = draft.input.unwrap_or_else(|| GuardrailForm::of(&known.set.guardrails, known.version()));
    // Whoever saves again after a conflict has been told.
    typed.version = conflict.unwrap_or(typed.version);
    let options = metric_options(metrics);
    let lines: Vec<_> = typed.lines.iter().enumerate().map(|(at, it)| line(at, it, &options)).collect();
    view! {
        <form
            method="post"
            action=here.href(&Tab::Health.path(shown.key()))
            class="stack guardrail-form"
            data-guard=format!("guardrails/{}", shown.key())
        >
            <button class="visually-hidden" name="intent" value="save" tabindex="-1" aria-hidden="true">"Save"</button>
            <FormError error=general />
            <input type="hidden" name="version" value=typed.version.to_string() />
            {lines}
            <div class="cluster">
                <button class="button" name="intent" value="add">{icon::plus()}"Add a guardrail"</button>
            </div>
            <Field
                label="Why?"
                name="comment"
                id="guardrails-comment"
                value=typed.comment
                placeholder="Optional, goes into the audit log"
                autocomplete="off"
            />
            <p class="note">
                "A comparison needs a control: somebody of the same audience without the feature. Saving starts the evidence anew, because a limit is chosen before the data are seen."
            </p>
            <div class="cluster">
                <button class="button" data-kind="primary" name="intent" value="save">"Save the guardrails"</button>
            </div>
        </form>
    }
}

fn line(at: usize, line: &Line, metrics: &[(String, String)]) -> impl IntoView + use<> {
    let id = |name: &str| format!("guardrail-{at}-{name}");
    let actions = ACTIONS.map(|action| (action.as_str().to_owned(), action.verb().to_owned())).to_vec();
    let kinds = vec![
        ("above".to_owned(), "is beyond the limit".to_owned()),
        ("worse".to_owned(), "is worse than control by more than (%)".to_owned()),
    ];
    view! {
        <fieldset class="guardrail-line">
            <legend class="visually-hidden">{format!("Guardrail {}", at + 1)}</legend>
            <input type="hidden" name="id" value=line.id.clone() />
            <Choice label="Do" name="action" id=id("action") value=line.action.clone() options=actions />
            <Choice label="if" name="metric" id=id("metric") value=line.metric.clone() options=metrics.to_vec() />
            <Choice label="that" name="kind" id=id("kind") value=line.kind.clone() options=kinds />
            <Field label="of" name="value" id=id("value") value=line.value.clone() inputmode="decimal" autocomplete="off" />
            <button
                class="button"
                data-kind="quiet"
                name="intent"
                value=format!("remove.{at}")
                aria-label=format!("Remove guardrail {}", at + 1)
            >
                {icon::close()}
            </button>
        </fieldset>
    }
}
