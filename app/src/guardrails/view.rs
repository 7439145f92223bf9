//! Guardrails as sentences, and the form in which they are written the same way: of a rollout's own and of the
//! workspace's defaults.

use engine::{
    MetricDefinition, grouped,
    guardrail::{Accepts, GuardAction, Guardrail},
};
use leptos::prelude::*;
use store::{Conflict, GuardrailsInForce, Replayed};

use super::form::{GuardrailForm, GuardrailLine, metric_options};
use crate::{
    form::{error::as_sentence, state::FormState},
    page::here::here,
    ui::{
        badge::{Callout, Tone},
        dialog::Confirm,
        field::{Field, FormError},
        icon, time,
    },
};

/// The region of the form that a button replaces without a new page.
const LINES: &str = "guardrail-lines";
/// What there is to choose between, for whoever has never heard of receipts.
const WHOSE_WORD: &str = "Whose word counts: your servers', or also that of pages that prove with a receipt what Fader \
    answered them. Anybody can open a page and let it report failures. Leave what stops or steps back to servers, unless \
    only pages see what goes wrong.";
/// How many of the times at which a guardrail would have fired are named.
const TIMES_MAX: usize = 5;

/// A form of guardrails as it comes back.
#[derive(Default)]
pub struct Typed {
    pub draft: FormState<GuardrailForm>,
    pub checked: Option<Checked>,
}

/// To what stands beneath saved guardrails, in two presses: what each of them is called, and what it means.
pub fn way_back(
    address: &str,
    version: u64,
    (label, button): (&'static str, &'static str),
    text: String,
) -> impl IntoView + use<> {
    view! {
        <Confirm label=label text=text action=address button=button>
            <input type="hidden" name="intent" value="reset" />
            <input type="hidden" name="version" value=version.to_string() />
            <Field
                label="Why?"
                name="comment"
                id="reset-comment"
                placeholder="Optional, goes into the audit log"
                autocomplete="off"
            />
        </Confirm>
    }
}

/// What was found out about the typed guardrails.
pub struct Checked {
    /// One for each line.
    pub replayed: Vec<Replayed>,
    /// What it was found out over, as a sentence.
    pub scope: String,
}

impl Typed {
    pub fn refused(draft: FormState<GuardrailForm>) -> Self {
        Self { draft, checked: None }
    }
}

/// What a form of guardrails has to know of its page.
pub struct FormOf<'a> {
    /// Where it posts to; without what was typed, the same page.
    pub address: String,
    /// What others may change meanwhile: `data-guard`.
    pub guard: String,
    pub saved: &'a GuardrailsInForce,
    pub metrics: &'a [MetricDefinition],
    /// What saving does besides saving.
    pub consequence: String,
}

/// Each guardrail as a sentence; `replayed` tells what it would have done.
pub fn sentences(guardrails: &[Guardrail], replayed: Option<&[Replayed]>) -> impl IntoView + use<> {
    let line = |guardrail: &Guardrail| {
        let fired = replayed.map(|all| {
            let own = all.iter().find(|it| it.guardrail == guardrail.id);
            fired(own.map_or(&[], |it| it.fired_ms.as_slice()))
        });
        view! { <li><b>{guardrail.sentence()}</b>{fired}</li> }
    };
    let lines: Vec<_> = guardrails.iter().map(line).collect();
    if lines.is_empty() {
        let text = "There are none: whatever happens, nobody is told and nothing is stopped.";
        return view! { <p class="muted">{text}</p> }.into_any();
    }
    view! { <ul class="guardrails">{lines}</ul> }.into_any()
}

/// How often, and when last; the last few times as a title.
fn fired(fired_ms: &[i64]) -> impl IntoView + use<> {
    let now_ms = here().now_ms;
    let Some(last_ms) = fired_ms.last().copied() else {
        return view! { <span class="note">"would not have fired in the last 7 days"</span> }.into_any();
    };
    let often = match fired_ms.len() {
        1 => "would have fired once in the last 7 days, ".to_owned(),
        2 => "would have fired twice in the last 7 days, last ".to_owned(),
        n => format!("would have fired {} times in the last 7 days, last ", grouped(n)),
    };
    let times: Vec<_> = fired_ms.iter().rev().take(TIMES_MAX).map(|at_ms| time::minute(*at_ms)).collect();
    let more = if fired_ms.len() > TIMES_MAX { " and earlier" } else { "" };
    // It fires as soon as what it judges has settled, which may be in a moment.
    let ago = time::ago(now_ms, last_ms.min(now_ms));
    view! {
        <span class="note" title=format!("{}{more}", times.join("; "))>
            {often}{ago}
        </span>
    }
    .into_any()
}

/// Somebody else saved first: what they did. `typed`: what stands in the form can be saved nevertheless.
pub fn conflict(conflict: &Conflict, address: String, typed: bool) -> impl IntoView + use<> {
    let changes: Vec<_> =
        conflict.changes.iter().map(|change| view! { <li>{as_sentence(&change.phrase)}</li> }).collect();
    let list = (!changes.is_empty()).then(|| view! { <ul class="clash-list">{changes}</ul> });
    let when = time::ago_phrase(here().now_ms, conflict.at_ms);
    let title = format!("{} changed these guardrails {when}, while you were editing", conflict.by);
    let rest = if typed {
        view! {
            <p>"What you typed is still below. Saving again puts it in place of theirs."</p>
            <p><a href=address>"Load theirs and drop mine"</a></p>
        }
        .into_any()
    } else {
        view! { <p>"Nothing was taken away. Look at them again before you do."</p> }.into_any()
    };
    view! {
        <Callout tone=Tone::Warning role="alert">
            <p><strong>{title}":"</strong></p>
            {list}
            {rest}
        </Callout>
    }
}

/// The form: one sentence with gaps for each guardrail.
pub fn form(of: &FormOf<'_>, typed: Typed) -> impl IntoView + use<> {
    let Typed { draft, checked } = typed;
    let clash = draft.conflict().cloned();
    let general = draft.general().filter(|_| clash.is_none());
    let (came_back, refused) = (draft.input.is_some(), draft.errors.is_some());
    let mut input =
        draft.input.unwrap_or_else(|| GuardrailForm::of(&of.saved.set.guardrails, of.saved.version()));
    // Whoever saves again after a conflict has been told.
    input.version = clash.as_ref().map_or(input.version, |clash| clash.current);
    let options = metric_options(of.metrics);
    let lines: Vec<_> = input
        .lines
        .iter()
        .enumerate()
        .map(|(at, it)| {
            let error = if refused { it.problem(of.metrics) } else { None };
            let replayed = checked.as_ref().and_then(|checked| checked.replayed.get(at));
            let told = replayed.map(|replayed| told(it.sentence(of.metrics), replayed));
            line(at, it, &options, error, told.map(IntoAny::into_any))
        })
        .collect();
    let nothing = lines.is_empty().then(|| {
        view! { <p class="muted">"No guardrails: nobody is told, and nothing is stopped by itself."</p> }
    });
    let scope = checked.map(|checked| view! { <p class="note" id="guardrails-scope">{checked.scope}</p> });
    let described = scope.is_some().then_some("guardrails-scope");
    let address = of.address.clone();
    view! {
        <form
            method="post"
            action=format!("{}#guardrail-form", of.address)
            class="stack guardrail-form"
            id="guardrail-form"
            data-guard=of.guard.clone()
            data-dirty=came_back.then_some("")
        >
            <button class="visually-hidden" name="intent" value="save" tabindex="-1" aria-hidden="true">"Save"</button>
            {clash.map(|clash| conflict(&clash, address, true))}
            <input type="hidden" name="version" value=input.version.to_string() />
            <div class="stack" id=LINES>
                <FormError error=general />
                {lines}
                {nothing}
                <div class="cluster">
                    <button class="button" name="intent" value="add" id="guardrails-add" data-swap=LINES>
                        {icon::plus()}"Add a guardrail"
                    </button>
                    <button
                        class="button"
                        name="intent"
                        value="check"
                        id="guardrails-check"
                        aria-describedby=described
                        data-swap=LINES
                    >
                        "How often would these have fired?"
                    </button>
                </div>
                {scope}
            </div>
            <Field
                label="Why?"
                name="comment"
                id="guardrails-comment"
                value=input.comment
                placeholder="Optional, goes into the audit log"
                autocomplete="off"
            />
            <p class="note">
                "A comparison needs a control: somebody of the same audience without the feature. "
                {of.consequence.clone()}
            </p>
            <p class="note">{WHOSE_WORD}</p>
            <div class="cluster">
                <button class="button" data-kind="primary" name="intent" value="save">"Save the guardrails"</button>
            </div>
        </form>
    }
}

/// What a typed line says, and what it would have done.
fn told(sentence: Option<String>, replayed: &Replayed) -> impl IntoView + use<> {
    view! { <p class="guardrail-told">{sentence.map(|it| view! { <b>{it}</b>": " })}{fired(&replayed.fired_ms)}</p> }
}

fn line(
    at: usize,
    line: &GuardrailLine,
    metrics: &[(String, String)],
    error: Option<String>,
    told: Option<AnyView>,
) -> impl IntoView + use<> {
    let id = |name: &str| format!("guardrail-{at}-{name}");
    let actions = GuardAction::ALL.map(|action| (action.as_str().to_owned(), action.verb().to_owned(), ""));
    let kinds = [("above", "past the limit of"), ("worse", "worse than control by more than")]
        .map(|(value, text)| (value.to_owned(), text.to_owned(), ""));
    let accepted = Accepts::ALL.map(|accepts| (accepts.as_str().to_owned(), accepts.phrase().to_owned(), ""));
    let metrics: Vec<_> = metrics
        .iter()
        .map(|(value, text)| {
            let (text, unit) = without_unit(text);
            (value.clone(), text.to_owned(), unit)
        })
        .collect();
    let invalid = error.is_some().then_some("true");
    let (units, wrong) = (id("unit"), id("error"));
    let described = if error.is_some() { format!("{wrong} {units}") } else { units.clone() };
    let error = error.map(|error| view! { <p class="error" id=wrong role="alert">{error}</p> });
    view! {
        <fieldset class="guardrail-line">
            <legend class="visually-hidden">{format!("Guardrail {}", at + 1)}</legend>
            <input type="hidden" name="id" value=line.id.clone() />
            <div class="guardrail-sentence">
                {gap("What happens", "do", id("do"), &line.action, &actions)}
                <span aria-hidden="true">"on"</span>
                {gap("What is watched", "metric", id("metric"), &line.metric, &metrics)}
                {gap("Limit or comparison", "kind", id("kind"), &line.kind, &kinds)}
                <span class="guardrail-value">
                    <input
                        type="text"
                        name="value"
                        id=id("value")
                        value=line.value.clone()
                        aria-label="How much"
                        aria-describedby=described
                        aria-invalid=invalid
                        inputmode="decimal"
                        autocomplete="off"
                    />
                    <span class="guardrail-unit" id=units>
                        <span data-unit="%">"%"</span>
                        <span data-unit="ms">"ms"</span>
                    </span>
                </span>
                <span aria-hidden="true">"counting"</span>
                {gap("Whose word counts", "accepts", id("accepts"), &line.accepts, &accepted)}
            </div>
            <button
                class="button"
                data-kind="quiet"
                data-size="small"
                name="intent"
                value=format!("remove.{at}")
                id=id("remove")
                aria-label=format!("Remove guardrail {}", at + 1)
                data-swap=LINES
            >
                {icon::close()}
            </button>
            {error}
            {told}
        </fieldset>
    }
}

/// A choice in the middle of a sentence; each option is value, text and unit.
fn gap(
    label: &'static str,
    name: &'static str,
    id: String,
    value: &str,
    options: &[(String, String, &'static str)],
) -> impl IntoView + use<> {
    let options: Vec<_> = options
        .iter()
        .map(|(key, text, unit)| {
            let unit = (!unit.is_empty()).then_some(*unit);
            view! { <option value=key.clone() selected=key == value data-unit=unit>{text.clone()}</option> }
        })
        .collect();
    view! { <select name=name id=id aria-label=label>{options}</select> }
}

/// `errors (%)` → `errors` and `%`: in a sentence the unit stands behind the number.
fn without_unit(text: &str) -> (&str, &'static str) {
    let known = [(" (%)", "%"), (" (ms)", "ms")];
    let found = known.iter().find_map(|(end, unit)| Some((text.strip_suffix(end)?, *unit)));
    found.unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_stands_behind_the_number() {
        assert_eq!(without_unit("errors (%)"), ("errors", "%"));
        assert_eq!(without_unit("p95 latency (ms)"), ("p95 latency", "ms"));
        assert_eq!(without_unit("complaints per person"), ("complaints per person", ""));
    }
}
