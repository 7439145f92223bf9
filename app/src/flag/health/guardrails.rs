//! The guardrails of the rollout: whose they are, what they would have done, the form, and the way back to the
//! defaults.

use engine::MetricDefinition;
use leptos::prelude::*;
use store::{GuardrailsInForce, Replayed};

use crate::{
    flag::{FlagPage, Tab},
    guardrails::view::{FormOf, Typed, conflict, form, sentences, way_back},
    page::here::here,
    settings::guardrails::ADDRESS as DEFAULTS,
    ui::{
        badge::{Callout, Tone},
        field::FormError,
        icon, time,
    },
};

pub fn view(
    shown: &FlagPage,
    known: &GuardrailsInForce,
    replayed: &[Replayed],
    typed: Typed,
    metrics: &[MetricDefinition],
    editable: bool,
) -> impl IntoView + use<> {
    let here = here();
    let address = here.href(&Tab::Health.path(shown.key()));
    // Without what was typed it was going back to the defaults that was refused.
    let refused = typed.draft.input.is_none() && typed.draft.errors.is_some();
    let clash = typed.draft.conflict().filter(|_| refused).map(|it| conflict(it, address.clone(), false));
    let error = typed.draft.general().filter(|_| refused && clash.is_none());
    let back = known.saved.as_ref().filter(|_| editable).map(|own| back(&address, own.version));
    // What was sent comes back in sight.
    let open = refused || typed.draft.input.is_some() || typed.checked.is_some();
    let form = editable.then(|| {
        let of = FormOf {
            address: address.clone(),
            guard: format!("guardrails/{}", shown.key()),
            saved: known,
            metrics,
            consequence:
                "Saving starts the evidence anew, because a limit is chosen before the data are seen."
                    .to_owned(),
        };
        let typed = if refused { Typed::default() } else { typed };
        let open = typed.draft.input.is_some();
        view! {
            <details open=open id="edit-guardrails">
                <summary class="button">{icon::edit()}"Edit the guardrails"</summary>
                {form(&of, typed)}
            </details>
        }
    });
    let count = engine::counted(known.set.guardrails.len() as u64, "guardrail");
    view! {
        <details class="card fold" id="guardrails" open=open>
            <summary><b>"Guardrails"</b>" "<small>{count}</small></summary>
            <div class="stack" id="guardrails-known" data-live="">
                <div class="cluster guardrails-whose">{whose(known)}{back}</div>
                {clash}
                <FormError error=error />
                {sentences(&known.set.guardrails, Some(replayed))}
            </div>
            {form}
        </details>
    }
}

fn whose(known: &GuardrailsInForce) -> impl IntoView + use<> {
    let defaults = here().href(DEFAULTS);
    if known.unreadable {
        let text = "The guardrails that were saved cannot be read: these are the ones beneath them. An administrator has to \
                    look at the database.";
        return view! { <Callout tone=Tone::Danger><p>{text}</p></Callout> }.into_any();
    }
    match &known.saved {
        Some(own) => {
            let (by, ago) = (own.changed_by.clone(), time::ago(here().now_ms, own.changed_ms));
            view! { <p class="note">"Its own, saved by "{by}", "{ago}"; not "<a href=defaults>"the defaults"</a>"."</p> }
                .into_any()
        }
        None => view! {
            <p class="note"><a href=defaults>"The workspace's defaults"</a>"; editing gives this rollout its own."</p>
        }
        .into_any(),
    }
}

fn back(address: &str, version: u64) -> impl IntoView + use<> {
    let text = "This rollout's own guardrails are taken away, and the workspace's defaults guard it. Its evidence begins anew.";
    way_back(address, version, ("Back to the defaults", "Go back to the defaults"), text.to_owned())
}
