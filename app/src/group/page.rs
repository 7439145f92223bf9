//! One pilot group: its condition beside the people who meet it, its testers, its history.

use axum::extract::Path;
use engine::{EnvironmentKey, FlagKey, Group, GroupKey};
use islands::swap::Swap;
use leptos::prelude::*;
use store::{GroupUse, Operation, Versioned};

use super::form::{CONDITION, GroupForm};
use crate::{
    condition::{builder::ConditionBuilder, form::FormErrors, vocabulary::vocabulary},
    error::{AppError, Thing},
    form::state::Draft,
    page::{
        Look, Page, PageResult,
        here::here,
        layout::{PageHead, Section},
    },
    ui::field::{Field, FormError, Paragraph},
};

/// A tab of the page; the tab stands in the query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tab {
    Definition,
    Testers,
    History,
}

impl Tab {
    const ALL: [Self; 3] = [Self::Definition, Self::Testers, Self::History];

    pub fn address(self, key: &GroupKey) -> String {
        match self {
            Self::Definition => format!("/groups/{key}"),
            Self::Testers => format!("/groups/{key}?tab=testers"),
            Self::History => format!("/groups/{key}?tab=history"),
        }
    }

    fn of(page: &Page) -> Self {
        match page.query("tab").as_deref() {
            Some("testers") => Self::Testers,
            Some("history") => Self::History,
            _ => Self::Definition,
        }
    }
}

/// A saved group with what the page says around it.
pub struct Found {
    pub saved: Versioned<Group>,
    pub used_by: Vec<GroupUse>,
}

impl Found {
    /// The flags that have a rule for the group or exclude it in one environment.
    pub fn flags_in(&self, environment: &EnvironmentKey) -> Vec<FlagKey> {
        let here = self.used_by.iter().filter(|used| used.environment == *environment);
        here.map(|used| used.flag.clone()).collect()
    }
}

/// The group that an address names; 404 when there is none.
pub async fn require_group(page: &Page, key: &str) -> Result<Found, AppError> {
    let key = GroupKey::parse(key).map_err(|_| AppError::NotFound(Thing::Group))?;
    let viewer = page.viewer();
    let saved = page.store().find_group(&viewer, &key).await?.ok_or(AppError::NotFound(Thing::Group))?;
    let used_by = page.store().group_use(&viewer, &key).await?;
    Ok(Found { saved, used_by })
}

pub async fn get(page: Page, Path(key): Path<String>) -> PageResult {
    let found = require_group(&page, &key).await?;
    match Tab::of(&page) {
        Tab::Definition => {
            let mut form = GroupForm::from_group(&found.saved);
            form.people = page.query("people").unwrap_or_default();
            show(&page, found, form, Draft::default())
        }
        Tab::Testers => {
            crate::testers::page::show(&page, found, crate::testers::page::Drafts::default()).await
        }
        Tab::History => super::history::show(&page, found).await,
    }
}

pub async fn get_new(page: Page) -> PageResult {
    page.principal.flag_editor()?;
    show_new(&page, GroupForm::starting(), Draft::default())
}

/// The page of a group, with `form` as it was typed.
pub fn show(page: &Page, found: Found, mut form: GroupForm, draft: Draft<()>) -> PageResult {
    let look = Look::new(found.saved.value.name.clone(), Section::Groups).status(draft.status());
    let may_edit = page.principal.may(Operation::EditFlags);
    // Whoever saves again after a conflict has read what the others did.
    let conflict = draft.conflict().cloned();
    if let Some(conflict) = &conflict {
        form.version = conflict.current;
    }
    let preview = super::preview::Preview::of(page, Some(&found), &form);
    let vocabulary = vocabulary(page, &form.condition);
    page.render(look, move || {
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

/// The page of a group that does not exist yet.
pub fn show_new(page: &Page, form: GroupForm, draft: Draft<()>) -> PageResult {
    let look = Look::new("New group", Section::Groups).status(draft.status());
    let preview = super::preview::Preview::of(page, None, &form);
    let vocabulary = vocabulary(page, &form.condition);
    page.render(look, move || {
        view! {
            <PageHead
                title="New pilot group"
                lead="Say who belongs to it by a condition. Testers can be enrolled one by one afterwards."
            />
            <Swap />
            <div class="group-grid">
                {editor(&form, &draft, vocabulary, None, None, preview.view(true, &form.people))}
            </div>
        }
    })
}

/// Name, state and tabs: the top of each tab.
pub fn head(found: &Found, tab: Tab) -> impl IntoView + use<> {
    let here = here();
    let group = &found.saved.value;
    let testers = group.enrolments.iter().filter(|it| it.is_active(here.now_ms)).count();
    let tabs = Tab::ALL
        .into_iter()
        .map(|each| {
            let label = match each {
                Tab::Definition => "Definition".into_any(),
                Tab::Testers => view! { "Testers" <span class="tab-count">{testers}</span> }.into_any(),
                Tab::History => "History".into_any(),
            };
            let current = (each == tab).then_some("page");
            view! { <a href=here.href(&each.address(&group.key)) aria-current=current>{label}</a> }
        })
        .collect_view();
    let lead = (!group.description.is_empty()).then(|| group.description.clone());
    view! {
        <div class="group-head">
            <p class="crumb">
                <a href=here.href("/groups")>"Groups"</a>
                <span aria-hidden="true">"/"</span>
                <code>{group.key.to_string()}</code>
            </p>
            {match lead {
                Some(lead) => view! { <PageHead title=group.name.clone() lead=lead /> }.into_any(),
                None => view! { <PageHead title=group.name.clone() /> }.into_any(),
            }}
        </div>
        <nav class="tabs" aria-label="Group">{tabs}</nav>
    }
}

fn editor(
    form: &GroupForm,
    draft: &Draft<()>,
    vocabulary: crate::condition::builder::Vocabulary,
    saved: Option<&Group>,
    conflict: Option<AnyView>,
    preview: AnyView,
) -> impl IntoView + use<> {
    let here = here();
    let action =
        here.href(&saved.map_or_else(|| "/groups/new".to_owned(), |it| Tab::Definition.address(&it.key)));
    // Rows that somebody is still filling in are not wrong yet.
    let errors = match &draft.refusal {
        Some(_) => form.condition.parse().err().unwrap_or_default(),
        None => FormErrors::default(),
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
            <div class="card stack group-card">
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
