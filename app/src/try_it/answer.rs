//! The right side of "Try it": the decision big and clear, then why, step by step.

use engine::{Arm, EvaluationError, Reason, Served, SubjectKey};
use leptos::prelude::*;
use store::Operation;

use super::page::{Answer, Tried};
use crate::{
    flag::FlagPage,
    page::here::here,
    tester::page::preview_address,
    ui::{
        badge::{Callout, Tone},
        empty::Empty,
        person::person_link,
        trace::trace,
    },
};

pub fn view(trial: &Tried, shown: &FlagPage) -> AnyView {
    match &trial.answer {
        Some(answer) => answer_view(answer, trial, shown),
        None if !trial.errors.is_empty() => view! {
            <Callout tone=Tone::Warning>
                <p>"Mend what is marked on the left; then it can be decided."</p>
            </Callout>
        }
        .into_any(),
        None => view! {
            <Empty
                title="Who would get it, and why?"
                text="Enter a person’s key or some attributes. You see what they are served, every condition with what it \
                      expected and what it found, and what would change the answer. Nothing is counted as seen."
            />
        }
        .into_any(),
    }
}

fn answer_view(answer: &Answer, trial: &Tried, shown: &FlagPage) -> AnyView {
    let who = match trial.form.subject.as_str() {
        "" => view! { <span class="mono">"Without a targeting key"</span> }.into_any(),
        subject => person_link(subject),
    };
    let asked = if trial.form.browser { "a browser" } else { "a server" };
    let verdict = match &answer.explanation.decision {
        Ok(served) => served_view(answer, served),
        Err(error) => error_view(*error),
    };
    let hints = answer.hints.iter().map(|hint| view! { <p>{hint.clone()}</p> }).collect_view();
    let hints = (!answer.hints.is_empty()).then(|| {
        view! { <Callout tone=Tone::Accent><strong>"What would change it"</strong>{hints}</Callout> }
    });
    let on = answer.on.then_some("");
    view! {
        <section class="card stack verdict" data-on=on aria-labelledby="verdict-title">
            <h2 id="verdict-title" class="verdict-who">
                {who}
                <span class="muted">{format!("in {}, asked by {asked}", shown.environment.name)}</span>
            </h2>
            {verdict}
            <p class="verdict-sentence">{answer.explanation.sentence()}</p>
            {hints}
            {preview(trial, shown)}
            <p class="note">{format!("Decided at revision {} of {}.", answer.explanation.revision, shown.environment.name)}</p>
        </section>
        <section class="card stack" aria-labelledby="trace-title">
            <h2 id="trace-title">"Step by step"</h2>
            {trace(&answer.explanation.steps)}
        </section>
    }
    .into_any()
}

/// To show it to them all the same, for a while and to nobody else.
fn preview(trial: &Tried, shown: &FlagPage) -> Option<impl IntoView + use<>> {
    let here = here();
    let subject = SubjectKey::parse(&trial.form.subject).ok()?;
    here.may(Operation::Exclude).then(|| {
        let href = here.href(&preview_address(&subject, shown.key()));
        view! { <p><a href=href>"Make a preview link for them"</a></p> }
    })
}

fn served_view(answer: &Answer, served: &Served) -> AnyView {
    let (word, reason) = reason_text(served.reason);
    let arm = served.arm.map(|arm| {
        let what = match arm {
            Arm::Treatment => "",
            Arm::Control => ": in the audience, outside the percentage",
        };
        view! { <dt>"Arm"</dt><dd>{arm.as_str()}{what}</dd> }
    });
    let rule = answer.rule.clone().map(|rule| view! { <dt>"Rule"</dt><dd>{rule}</dd> });
    let value = serde_json::to_string_pretty(&served.value).unwrap_or_default();
    let value = if value.contains('\n') {
        view! { <pre class="verdict-value">{value}</pre> }.into_any()
    } else {
        view! { <code class="verdict-value">{value}</code> }.into_any()
    };
    view! {
        <p class="verdict-variant">
            <span class="verdict-dot" aria-hidden="true"></span>
            <span class="visually-hidden">"is served "</span>
            <strong>{served.variant.to_string()}</strong>
            {value}
        </p>
        <dl class="verdict-facts">
            <dt>"Reason"</dt>
            <dd><code>{word}</code>" "<span class="muted">{reason}</span></dd>
            {rule}
            {arm}
        </dl>
    }
    .into_any()
}

fn error_view(error: EvaluationError) -> AnyView {
    let code = match error {
        EvaluationError::FlagNotFound => "FLAG_NOT_FOUND",
        EvaluationError::TargetingKeyMissing => "TARGETING_KEY_MISSING",
        EvaluationError::General => "GENERAL",
    };
    view! {
        <p class="verdict-variant"><strong>"No answer"</strong><code class="verdict-value">{code}</code></p>
        <Callout tone=Tone::Warning><p>{crate::form::error::as_sentence(&error.to_string())}</p></Callout>
    }
    .into_any()
}

/// The reason on the wire, and what it means.
fn reason_text(reason: Reason) -> (&'static str, &'static str) {
    match reason {
        Reason::Static => ("STATIC", "the rollout has no rules"),
        Reason::Default => ("DEFAULT", "no rule let them in"),
        Reason::TargetingMatch => ("TARGETING_MATCH", "a rule at 100 %, or a pin"),
        Reason::Split => ("SPLIT", "inside a rule below 100 %"),
        Reason::Disabled => ("DISABLED", "the rollout is stopped"),
    }
}
