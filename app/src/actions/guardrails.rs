//! Saving the guardrails of a rollout, and adding or removing a line without scripts.

use axum::extract::Path;
use store::GuardrailSet;

use crate::{
    draft::{Draft, Refusal},
    fields::Fields,
    forms::guardrails::GuardrailForm,
    page::{Page, PageResult},
    pages::flag::{FlagPage, Tab, health},
    ui::toast::Toast,
};

pub async fn post(page: Page, Path(key): Path<String>, fields: Fields) -> PageResult {
    page.principal.flag_editor()?;
    let shown = FlagPage::load(&page, &key).await?;
    let mut form = GuardrailForm::from_fields(&fields);
    if fields.text("intent") != "save" {
        form.apply(fields.text("intent"));
        return health::show(&page, shown, Draft { input: Some(form), refusal: None }).await;
    }
    match save(&page, &shown, &form).await {
        Ok(()) => Ok(page.done(&page.href(&Tab::Health.path(shown.key())), Toast::Saved)),
        Err(refusal) => health::show(&page, shown, Draft::refused(form, refusal)).await,
    }
}

async fn save(page: &Page, shown: &FlagPage, form: &GuardrailForm) -> Result<(), Refusal> {
    let editor = page.principal.flag_editor()?;
    let (store, environment, flag) = (page.store(), &page.environment.key, shown.key());
    let guardrails = form.parse(&store.live().metrics())?;
    // What counts as healthy is not in this form: it stays.
    let proof = store.find_guardrails(&page.viewer(), environment, flag).await?.set.proof;
    let set = GuardrailSet { guardrails, proof };
    store.save_guardrails(&editor, environment, flag, form.version, set, &form.comment).await?;
    Ok(())
}
