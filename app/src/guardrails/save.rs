//! Saving and trying the guardrails of a rollout or the workspace's, going back from them, and adding or removing a
//! line without scripts.

use axum::{Extension, extract::Path};
use store::GuardrailSet;

use super::{
    form::GuardrailForm,
    replays::Replays,
    view::{Checked, Typed},
};
use crate::{
    flag::{FlagPage, Tab, health::page},
    form::{error::FormErrors, fields::Fields, state::FormState},
    page::{Page, PageResult, toast::Toast},
    settings::guardrails::{self as defaults, ADDRESS},
};

/// Of one rollout.
pub async fn post(
    page: Page,
    Extension(replays): Extension<Replays>,
    Path(key): Path<String>,
    fields: Fields,
) -> PageResult {
    page.there()?.flag_editor()?;
    let shown = FlagPage::load(&page, &key).await?;
    let home = page.href(&Tab::Health.path(shown.key()));
    let intent = fields.text("intent");
    if intent == "reset" {
        return match reset(&page, &shown, &fields).await {
            Ok(()) => Ok(page.done(&home, Toast::GuardrailsReset)),
            Err(errors) => page::show(&page, &replays, shown, taken(errors)).await,
        };
    }
    let mut form = GuardrailForm::from_fields(&fields);
    let answer = match intent {
        "save" => match save(&page, &shown, &form).await {
            Ok(toast) => return Ok(page.done(&home, toast)),
            Err(errors) => Err(errors),
        },
        "check" => check(&page, &replays, &shown, &form).await.map(Some),
        other => {
            form.apply(other);
            Ok(None)
        }
    };
    page::show(&page, &replays, shown, typed(form, answer)).await
}

/// Of every rollout without its own.
pub async fn post_defaults(page: Page, Extension(replays): Extension<Replays>, fields: Fields) -> PageResult {
    page.principal.administrator()?;
    let intent = fields.text("intent");
    if intent == "reset" {
        return match reset_defaults(&page, &fields).await {
            Ok(()) => Ok(page.done(&page.href(ADDRESS), Toast::GuardrailsReset)),
            Err(errors) => defaults::show(&page, taken(errors)).await,
        };
    }
    let mut form = GuardrailForm::from_fields(&fields);
    let answer = match intent {
        "save" => match save_defaults(&page, &form).await {
            Ok(toast) => return Ok(page.done(&page.href(ADDRESS), toast)),
            Err(errors) => Err(errors),
        },
        "check" => check_defaults(&page, &replays, &form).await.map(Some),
        other => {
            form.apply(other);
            Ok(None)
        }
    };
    defaults::show(&page, typed(form, answer)).await
}

fn typed(form: GuardrailForm, answer: Result<Option<Checked>, FormErrors>) -> Typed {
    match answer {
        Ok(checked) => Typed { draft: FormState::editing(form), checked },
        Err(errors) => Typed { draft: FormState::refused(form, errors), checked: None },
    }
}

/// Going back was refused: there is nothing typed to show.
fn taken(errors: FormErrors) -> Typed {
    Typed { draft: FormState { input: None, errors: Some(errors) }, checked: None }
}

fn toast(before: u64, after: u64) -> Toast {
    if before == after { Toast::Unchanged } else { Toast::GuardrailsSaved }
}

async fn save(page: &Page, shown: &FlagPage, form: &GuardrailForm) -> Result<Toast, FormErrors> {
    let editor = page.there()?.flag_editor()?;
    let (store, environment, flag) = (page.store(), &page.environment.key, shown.key());
    let guardrails = form.parse(&store.live().metrics())?;
    // What counts as healthy is not in this form: it stays.
    let proof = store.find_guardrails(&page.viewer(), environment, flag).await?.set.proof;
    let set = GuardrailSet { guardrails, proof };
    let saved = store.save_guardrails(&editor, environment, flag, form.version, set, &form.comment).await?;
    Ok(toast(form.version, saved))
}

async fn save_defaults(page: &Page, form: &GuardrailForm) -> Result<Toast, FormErrors> {
    let administrator = page.principal.administrator()?;
    let store = page.store();
    let guardrails = form.parse(&store.live().metrics())?;
    let proof = store.find_default_guardrails(&page.viewer()).await?.set.proof;
    let set = GuardrailSet { guardrails, proof };
    let saved = store.save_default_guardrails(&administrator, form.version, set, &form.comment).await?;
    Ok(toast(form.version, saved))
}

async fn reset(page: &Page, shown: &FlagPage, fields: &Fields) -> Result<(), FormErrors> {
    let editor = page.there()?.flag_editor()?;
    let (version, comment) = (fields.number("version")?, fields.trimmed("comment"));
    let environment = &page.environment.key;
    page.store().reset_guardrails(&editor, environment, shown.key(), version, comment).await?;
    Ok(())
}

async fn reset_defaults(page: &Page, fields: &Fields) -> Result<(), FormErrors> {
    let administrator = page.principal.administrator()?;
    let (version, comment) = (fields.number("version")?, fields.trimmed("comment"));
    page.store().reset_default_guardrails(&administrator, version, comment).await?;
    Ok(())
}

/// How often the typed guardrails would have fired in this rollout.
async fn check(
    page: &Page,
    replays: &Replays,
    shown: &FlagPage,
    form: &GuardrailForm,
) -> Result<Checked, FormErrors> {
    let guardrails = form.parse(&page.store().live().metrics())?;
    let set = GuardrailSet { guardrails, ..GuardrailSet::default() };
    let at = (&page.environment.key, shown.key());
    let replayed = replays.of(page.store(), &page.viewer(), at, &set).await?;
    let scope = "Tried on what this rollout has measured. Nothing is saved yet.".to_owned();
    Ok(Checked { replayed: replayed.to_vec(), scope })
}

/// How often they would have fired in all rollouts without their own.
async fn check_defaults(page: &Page, replays: &Replays, form: &GuardrailForm) -> Result<Checked, FormErrors> {
    let guardrails = form.parse(&page.store().live().metrics())?;
    let set = GuardrailSet { guardrails, ..GuardrailSet::default() };
    Ok(defaults::check(page, replays, &set).await?)
}
