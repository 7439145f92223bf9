//! The environments: whether they are protected, where they stand, and how long what they are told is kept.

use std::collections::BTreeMap;

use engine::EnvironmentKey;
use leptos::prelude::*;
use store::{Environment, Kept, limits::RETENTION_DAYS_MAX};

use crate::{
    form::state::FormState,
    page::{
        Page, PageMeta, PageResult,
        here::here,
        layout::{PageHead, Section},
    },
    ui::{
        badge::{Badge, Tone},
        field::{Field, FormError},
        time,
    },
};

pub const ADDRESS: &str = "/settings/environments";

/// What is kept for a time, and its field.
pub const FIELDS: [(Kept, &str); 2] = [(Kept::Exposures, "days"), (Kept::Feedback, "feedback_days")];

/// The days of one environment as typed, in the order of [`FIELDS`].
#[derive(Debug, Clone)]
pub struct RetentionInput {
    pub environment: String,
    pub days: [String; 2],
}

pub async fn get(page: Page) -> PageResult {
    show(&page, FormState::default()).await
}

pub async fn show(page: &Page, draft: FormState<RetentionInput>) -> PageResult {
    let by = page.principal.administrator()?;
    let environments = page.store().live().environments();
    let store = page.store();
    let days =
        [store.retention_days(&by, Kept::Exposures).await?, store.retention_days(&by, Kept::Feedback).await?];
    let meta = PageMeta::new("Environments", Section::Environments).status(draft.status());
    page.render(meta, move || {
        let cards = environments.iter().map(|it| card(it, &days, &draft)).collect_view();
        view! {
            <PageHead
                title="Environments"
                lead="Each has its own rollouts and its own ledger of who was served what."
            />
            <div class="stack">{cards}</div>
        }
    })
}

fn card(
    environment: &Environment,
    days: &[BTreeMap<EnvironmentKey, u32>; 2],
    draft: &FormState<RetentionInput>,
) -> impl IntoView + use<> {
    let key = environment.key.to_string();
    let kept = |of: &BTreeMap<_, u32>| of.get(&environment.key).map(ToString::to_string).unwrap_or_default();
    let typed = draft.input.as_ref().filter(|input| input.environment == key);
    let general = typed.and_then(|_| draft.general());
    let [exposures_error, feedback_error] = FIELDS.map(|(_, name)| typed.and_then(|_| draft.at(name)));
    let [exposures, feedback] = typed.map_or_else(|| days.each_ref().map(kept), |input| input.days.clone());
    let protected = environment.protected.then(|| view! { <Badge tone=Tone::Warning text="protected" /> });
    let changed = time::ago(here().now_ms, environment.changed_ms);
    let title = format!("environment-{key}");
    view! {
        <form method="post" action=here().href(ADDRESS) class="card stack" aria-labelledby=title>
            <h2 id=title.clone()>{environment.name.clone()}" "{protected}</h2>
            <p class="muted" id=format!("standing-{key}") data-live="">
                <code>{key.clone()}</code>" · revision "{environment.revision}", changed "{changed}
            </p>
            <FormError error=general />
            <input type="hidden" name="environment" value=key.clone() />
            <Field
                label="Days that exposures are kept"
                name="days"
                id=format!("days-{key}")
                value=exposures
                error=exposures_error
                hint=format!("1 to {RETENTION_DAYS_MAX}. What is older is deleted for good within the next hours.")
                inputmode="numeric"
                autocomplete="off"
                required=true
            />
            <Field
                label="Days that feedback is kept"
                name="feedback_days"
                id=format!("feedback-days-{key}")
                value=feedback
                error=feedback_error
                hint=format!("1 to {RETENTION_DAYS_MAX}, from when it arrived. Also what nobody has triaged is deleted then.")
                inputmode="numeric"
                autocomplete="off"
                required=true
            />
            <div class="cluster">
                <button class="button" aria-label=format!("Save {}", environment.name)>"Save"</button>
            </div>
        </form>
    }
}
