//! The environments: whether they are protected, where they stand, and how long their ledgers are kept.

use std::collections::BTreeMap;

use engine::EnvironmentKey;
use leptos::prelude::*;
use store::{Environment, limits::RETENTION_DAYS_MAX};

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

/// A retention as typed.
#[derive(Debug, Clone)]
pub struct RetentionInput {
    pub environment: String,
    pub days: String,
}

pub async fn get(page: Page) -> PageResult {
    show(&page, FormState::default()).await
}

pub async fn show(page: &Page, draft: FormState<RetentionInput>) -> PageResult {
    page.principal.administrator()?;
    let environments = page.store().live().environments();
    let days = page.store().retention_days().await?;
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
    days: &BTreeMap<EnvironmentKey, u32>,
    draft: &FormState<RetentionInput>,
) -> impl IntoView + use<> {
    let key = environment.key.to_string();
    let kept = days.get(&environment.key).map(ToString::to_string).unwrap_or_default();
    let typed = draft.input.as_ref().filter(|input| input.environment == key);
    let (general, error) = typed.map(|_| (draft.general(), draft.at("days"))).unwrap_or_default();
    let value = typed.map_or(kept, |input| input.days.clone());
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
                value=value
                error=error
                hint=format!("1 to {RETENTION_DAYS_MAX}. What is older is deleted for good within the next hours.")
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
