//! Writing a release plan down, moving it, and approving its steps.

use axum::extract::Path;
use engine::{EnvironmentKey, FlagKey, plan::Template};
use store::PlanMove;

use super::{form::PlanForm, page};
use crate::{
    approvals,
    error::{AppError, Thing},
    flag::{FlagPage, Tab},
    form::{error::FormErrors, fields::Fields, state::FormState},
    page::{Page, PageResult, address, toast::Toast},
    zone::typed,
};

pub async fn post(page: Page, Path(key): Path<String>, fields: Fields) -> PageResult {
    page.there()?.flag_editor()?;
    let shown = FlagPage::load(&page, &key).await?;
    let intent = fields.text("intent");
    if let Some(template) = intent.strip_prefix("template.") {
        return Box::pin(begin(&page, shown, template, &fields)).await;
    }
    let mut form = PlanForm::from_fields(&fields);
    if intent != "save" {
        let saved = page.store().find_plan(&page.viewer(), &page.environment.key, shown.key()).await?;
        let locked = page::locked_steps(saved.as_ref().map(|it| &it.state));
        let everyone = page::rules_of(&shown).pop().map_or_else(String::new, |(id, _)| id.to_string());
        form.apply(intent, locked, &everyone);
        return page::show(&page, shown, FormState::editing(form), FormState::default()).await;
    }
    match save(&page, &shown, &form).await {
        Ok(()) => Ok(page.done(&page.href(&Tab::Plan.path(shown.key())), Toast::PlanSaved)),
        Err(errors) => page::show(&page, shown, FormState::refused(form, errors), FormState::default()).await,
    }
}

/// Writes one of the built-in plans down, as a draft that waits to be started.
async fn begin(page: &Page, shown: FlagPage, template: &str, fields: &Fields) -> PageResult {
    let template = Template::find(template).ok_or(AppError::BadForm)?;
    let rollout = super::preview::prepared(&shown.rollout.value);
    let (everyone, pilots): (Vec<_>, Vec<_>) =
        rollout.rules.iter().partition(|rule| rule.audience.is_everyone());
    let pilots: Vec<_> = pilots.into_iter().map(|rule| rule.id.clone()).collect();
    let everyone = everyone.first().map(|rule| rule.id.clone()).ok_or(AppError::BadForm)?;
    let form = PlanForm::of(&template.plan(&pilots, &everyone), fields.number("version")?);
    match save(page, &shown, &form).await {
        Ok(()) => {
            Ok(page.done(&page.href(&format!("{}?edit=1", Tab::Plan.path(shown.key()))), Toast::PlanSaved))
        }
        Err(errors) => page::show(page, shown, FormState::refused(form, errors), FormState::default()).await,
    }
}

async fn save(page: &Page, shown: &FlagPage, form: &PlanForm) -> Result<(), FormErrors> {
    let editor = page.there()?.flag_editor()?;
    let (store, environment, flag) = (page.store(), &page.environment.key, shown.key());
    let saved = store.find_plan(&page.viewer(), environment, flag).await?;
    let rollout = super::preview::prepared(&shown.rollout.value);
    let known = |rule: &engine::RuleId| rollout.rule(rule.as_str()).is_some();
    let steps = form.parse(saved.as_ref().map(|it| &it.plan), &known)?;
    if rollout != shown.rollout.value {
        let why = "For the release plan; at 0 % it serves nobody.";
        store.save_rollout(&editor, environment, flag, shown.rollout.version, rollout, why).await?;
    }
    store.save_plan(&editor, environment, flag, form.version, steps, &form.comment).await?;
    Ok(())
}

/// One of the buttons above the line of steps.
pub async fn move_it(page: Page, Path(key): Path<String>, fields: Fields) -> PageResult {
    let approves = fields.text("do") == "approve";
    if approves {
        page.there()?.approver()?;
    } else {
        page.there()?.flag_editor()?;
    }
    let flag = FlagKey::parse(address::key_of(&key)).map_err(|_| AppError::NotFound(Thing::Flag))?;
    let environment = page.environment.key.clone();
    let moved = if approves {
        approve(&page, &environment, &flag, &fields).await.map(|()| Toast::PlanApproved)
    } else {
        carry_out(&page, &flag, &fields).await
    };
    match moved {
        Ok(toast) => Ok(page.done(&page.href(&Tab::Plan.path(&flag)), toast)),
        Err(errors) => {
            let shown = FlagPage::load(&page, &key).await?;
            let at = (fields.text("do") == "start_at").then(|| fields.trimmed("at").to_owned());
            let moved = FormState { input: at, errors: Some(errors) };
            page::show(&page, shown, FormState::default(), moved).await
        }
    }
}

async fn carry_out(page: &Page, flag: &FlagKey, fields: &Fields) -> Result<Toast, FormErrors> {
    let editor = page.there()?.flag_editor()?;
    let (what, toast) = match fields.text("do") {
        "start" => (PlanMove::Start, Toast::PlanStarted),
        "start_at" => {
            let at_ms = typed::read(fields.trimmed("at")).map_err(|error| FormErrors::field("at", error))?;
            (PlanMove::StartAt { at_ms }, Toast::PlanMoved)
        }
        "pause" => (PlanMove::Pause, Toast::PlanMoved),
        "resume" => (PlanMove::Resume, Toast::PlanMoved),
        "jump" => (PlanMove::Jump { to: step(fields)? }, Toast::PlanMoved),
        "step_back" => (PlanMove::StepBack, Toast::PlanMoved),
        "finish" => (PlanMove::Finish, Toast::PlanMoved),
        "abandon" => (PlanMove::Abandon, Toast::PlanMoved),
        _ => return Err(AppError::BadForm.into()),
    };
    let (version, comment) = (fields.number("version")?, fields.trimmed("comment"));
    page.store().move_plan(&editor, &page.environment.key, flag, version, what, comment).await?;
    Ok(toast)
}

async fn approve(
    page: &Page,
    environment: &EnvironmentKey,
    flag: &FlagKey,
    fields: &Fields,
) -> Result<(), FormErrors> {
    let approver = page.principal.within(environment)?.approver()?;
    let (version, comment) = (fields.number("version")?, fields.trimmed("comment"));
    page.store().approve_step(&approver, environment, flag, version, step(fields)?, comment).await?;
    Ok(())
}

/// Counted from 1 in the form and from 0 in the plan.
fn step(fields: &Fields) -> Result<usize, AppError> {
    let step = fields.text("step").parse::<usize>().ok().and_then(|step| step.checked_sub(1));
    step.ok_or(AppError::BadForm)
}

/// Approving from the list, which is of all environments.
pub async fn approve_listed(page: Page, fields: Fields) -> PageResult {
    page.principal.approver()?;
    let flag = FlagKey::parse(fields.text("flag")).map_err(|_| AppError::NotFound(Thing::Flag))?;
    let environment = page.store().live().environment(fields.text("environment"));
    let environment = environment.ok_or(AppError::NotFound(Thing::Environment))?.key;
    match approve(&page, &environment, &flag, &fields).await {
        Ok(()) => Ok(page.done(&page.href("/approvals"), Toast::PlanApproved)),
        Err(errors) => approvals::show(&page, Some(errors)).await,
    }
}
