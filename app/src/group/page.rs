//! One pilot group: its condition beside the people who meet it, its testers, its history.

use axum::extract::Path;
use engine::Group;
use islands::swap::Swap;
use leptos::prelude::*;
use store::Operation;

use super::{
    form::{CONDITION, GroupForm},
    head::{Found, Tab, head, require_group},
};
use crate::{
    condition::{builder::ConditionBuilder, form::ConditionErrors, vocabulary::vocabulary},
    form::{restore::Restore, state::FormState},
    page::{
        Page, PageMeta, PageResult,
        here::here,
        layout::{PageHead, Section},
    },
    ui::field::{Field, FormError, Paragraph},
};

pub async fn get(page: Page, Path(key): Path<String>) -> PageResult {
    let found = require_group(&page, &key).await?;
    match Tab::of(&page) {
        Tab::Definition => {
            let mut form = GroupForm::from_group(&found.saved);
            form.people = page.query("people").unwrap_or_default();
            show(&page, found, form, FormState::default()).await
        }
        Tab::Testers => {
            crate::testers::page::show(&page, found, crate::testers::page::Forms::default()).await
        }
        Tab::History => super::history::show(&page, found).await,
    }
}

pub async fn get_new(page: Page) -> PageResult {
    page.principal.flag_editor()?;
    show_new(&page, GroupForm::starting(), FormState::default(), None).await
}

/// The page of a group, with `form` as it was typed.
pub async fn show(page: &Page, found: Found, mut form: GroupForm, draft: FormState<()>) -> PageResult {
    let meta = PageMeta::new(found.saved.value.name.clone(), Section::Groups).status(draft.status());
    let may_edit = page.may(Operation::EditFlags);
    // Whoever saves again after a conflict has read what the others did.
    let conflict = draft.conflict().cloned();
    if let Some(conflict) = &conflict {
        form.version = conflict.current;
    }
    let preview = super::preview::Preview::of(page, Some(&found), &form).await?;
    let vocabulary = vocabulary(page, &form.condition).await;
    page.render(meta, move || {
        let preview = preview.view(may_edit, &form.people);
        let main = if may_edit {
            let conflict =
                conflict.map(|conflict| super::panels::conflict(&found.saved.value.key, &conflict));
            editor(&form, &draft, vocabulary, Some(&found.saved.value), conflict, preview).into_any()
        } else {
            view! { {super::panels::reading(&found.saved.value)} {preview} }.into_any()
        };
        view! {
            {head(&found, Tab::Definition)}
            <Swap />
            <div class="group-grid">
                {main}
                <aside class="stack">
                    {super::panels::used_by(&found.used_by)}
                    {may_edit.then(|| super::panels::delete(&found, &draft))}
                </aside>
            </div>
        }
    })
}

/// The page of a group that does not exist yet; `restore`: what was deleted and had the key that was asked for.
pub async fn show_new(
    page: &Page,
    form: GroupForm,
    draft: FormState<()>,
    restore: Option<Restore>,
) -> PageResult {
    let meta = PageMeta::new("New group", Section::Groups).status(draft.status());
    let preview = super::preview::Preview::of(page, None, &form).await?;
    let vocabulary = vocabulary(page, &form.condition).await;
    page.render(meta, move || {
        view! {
            <PageHead
                title="New pilot group"
                lead="Say who belongs to it by a condition. Testers can be enrolled one by one afterwards."
            />
            {restore.map(Restore::view)}
            <Swap />
            <div class="group-grid">
                {editor(&form, &draft, vocabulary, None, None, preview.view(true, &form.people))}
            </div>
        }
    })
}

fn editor(
    form: &GroupForm,
    draft: &FormState<()>,
    vocabulary: crate::condition::vocabulary::Vocabulary,
    saved: Option<&Group>,
    conflict: Option<AnyView>,
    preview: AnyView,
) -> impl IntoView + use<> {
    let here = here();
    let action = here.href(&saved.map_or_else(
        || "/groups/new".to_owned(),
        |it| format!("{}#group-card", Tab::Definition.address(&it.key)),
    ));
    // Rows that somebody is still filling in are not wrong yet.
    let errors = match &draft.errors {
        Some(_) => form.condition.parse().err().unwrap_or_default(),
        None => ConditionErrors::default(),
    };
    let key = saved.is_none().then(|| {
        view! {
            <Field
                label="Key"
                name="key"
                value=form.key.clone()
                error=draft.at("key")
                hint="How the API names it; made from the name when left empty. It never changes."
                mono=true
                autocomplete="off"
            />
        }
    });
    let save = if saved.is_some() { "Save" } else { "Create the group" };
    let back = saved.map_or_else(|| here.href("/groups"), |it| here.href(&Tab::Definition.address(&it.key)));
    let guard = saved.map(|it| format!("group/{}", it.key));
    let button = format!("{CONDITION}.refresh");
    let swap = format!("builder-{CONDITION} preview");
    view! {
        <form id="group-form" method="post" action=action class="group-form" data-guard=guard>
            <div class="card stack group-card" id="group-card">
            // Enter in a text field presses the first button: it must not be one that removes a row.
            <button
                type="submit"
                name="intent"
                value=button
                class="visually-hidden"
                data-swap=swap
                tabindex="-1"
                aria-hidden="true"
                formnovalidate
            >
                "Show who matches"
            </button>
            <input type="hidden" name="version" value=form.version.to_string() />
            {conflict}
            <FormError error=draft.general() />
            <Field
                label="Name"
                name="name"
                value=form.name.clone()
                error=draft.at("name")
                placeholder="VIP agencies"
                autofocus=saved.is_none() && form.condition.focus.is_none() && form.name.is_empty()
                autocomplete="off"
            />
            {key}
            <Paragraph
                label="Description"
                name="description"
                rows=2
                value=form.description.clone()
                error=draft.at("description")
                placeholder="Who they are, and why they go first"
            />
            <ConditionBuilder
                prefix=CONDITION
                draft=form.condition.clone()
                errors=errors
                vocabulary=vocabulary
                preview="preview"
                legend="Who is in it"
            />
            <Field
                label="Why? A comment for the audit log"
                name="comment"
                value=form.comment.clone()
                error=draft.at("comment")
                autocomplete="off"
            />
            <div class="cluster">
                <button type="submit" name="intent" value="save" class="button" data-kind="primary">{save}</button>
                <a class="button" data-kind="quiet" href=back>"Cancel"</a>
            </div>
            </div>
            {preview}
        </form>
    }
}
