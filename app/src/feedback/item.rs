//! One item on a page of its own: where links and refused triage lead.

use axum::extract::Path;
use leptos::prelude::*;
use store::{Conflict, Feedback, FeedbackId};

use super::card::{self, Names, Typed};
use crate::{
    error::{AppError, Thing},
    form::state::FormState,
    page::{
        Page, PageMeta, PageResult,
        here::here,
        layout::{PageHead, Section},
    },
    ui::{
        badge::{Callout, Tone},
        field::FormError,
        icon,
    },
};

pub async fn get(page: Page, Path(id): Path<String>) -> PageResult {
    let item = require(&page, &id).await?;
    show(&page, item, FormState::default()).await
}

/// The item, for whoever may read it.
pub async fn require(page: &Page, id: &str) -> Result<Feedback, AppError> {
    let missing = || AppError::NotFound(Thing::Feedback);
    let by = page.principal.people_reader()?;
    let id: FeedbackId = id.parse().map_err(|_| missing())?;
    page.store().find_feedback(&by, id).await?.ok_or_else(missing)
}

pub async fn show(page: &Page, item: Feedback, draft: FormState<Typed>) -> PageResult {
    let handlers = match page.principal.feedback_handler() {
        Ok(by) => page.store().list_handlers(&by).await?,
        Err(_) => Vec::new(),
    };
    let names = Names::of(page.store(), &item.environment);
    let title = format!("Feedback {}", item.id);
    let meta = PageMeta::new(title.clone(), Section::Feedback).status(draft.status());
    page.render(meta, move || {
        let here = here();
        let typed = draft.input.clone().unwrap_or_else(|| Typed::of(&item));
        // Whoever has read what the others changed saves on top of it.
        let typed = Typed { version: item.version, ..typed };
        let conflict = draft.conflict().map(conflict);
        let error = draft.conflict().is_none().then(|| draft.general()).flatten();
        let form = (!handlers.is_empty()).then(|| {
            let form = card::triage_form(&item, &handlers, &typed, None, &here);
            view! {
                <section class="card stack" aria-labelledby="triage-title">
                    <h2 id="triage-title">"Triage"</h2>
                    {conflict}
                    <FormError error=error />
                    {form}
                </section>
            }
        });
        let environment = here.environments.iter().find(|it| it.key == item.environment).map(|it| it.name.clone());
        let lead = format!("In {}.", environment.unwrap_or_else(|| item.environment.to_string()));
        view! {
            <nav aria-label="Breadcrumb">
                <a class="back" href=here.href_in("/feedback", &item.environment)>{icon::left()}"Feedback"</a>
            </nav>
            <PageHead title=title lead=lead />
            <article class="feedback-card" id="feedback-item" data-live="" data-alone="">{card::content(&item, &names, &here)}</article>
            {form}
        }
    })
}

fn conflict(conflict: &Conflict) -> impl IntoView + use<> {
    let changes = conflict
        .changes
        .iter()
        .map(|change| {
            let sides = match (&change.before, &change.after) {
                (Some(before), Some(after)) => format!(": {before} → {after}"),
                (None, _) | (_, None) => String::new(),
            };
            view! { <li>{format!("{}{sides}", crate::form::error::as_sentence(&change.phrase).trim_end_matches('.'))}</li> }
        })
        .collect_view();
    let who = format!("{} saved this item while you were editing.", conflict.by);
    view! {
        <Callout tone=Tone::Warning role="alert">
            <p><strong>{who}</strong></p>
            <ul>{changes}</ul>
            <p>"What you chose is below. Save again to replace theirs."</p>
        </Callout>
    }
}
