//! The Rollout tab: the bank of faders, what comes before them, and the bar that says what a change does and
//! saves it.

use std::{collections::BTreeMap, sync::Arc};

use axum::extract::Path;
use engine::{Change, Count, Group};
use islands::{fader::Faders, preview::FORM, swap::Swap};
use leptos::prelude::*;
use store::{AuditEntry, Conflict, Operation};

use super::{bank, form::RolloutForm, intent::Intent, more, strip};
use crate::{
    condition::vocabulary::vocabularies,
    flag::{FlagPage, Tab, frame},
    form::{
        error::{FieldError, sentences_at},
        state::FormState,
    },
    moved::{Look, Names, Way, What},
    page::{Page, PageMeta, PageResult, here::here, layout::Section},
    ui::{
        badge::{Callout, Tone},
        field::FormError,
        icon, time,
    },
};

/// The form as it comes back. When somebody else saved first it holds the typed change laid on top of theirs.
#[derive(Default)]
pub struct Typed {
    pub state: FormState<RolloutForm>,
    /// Then: what saving again will still change.
    pub mine: Vec<Change>,
    /// Whom the change moves is looked at by name.
    pub look: Option<Look>,
    /// Who was to get a preview link, and why nobody is meant by it.
    pub tester: FormState<String>,
}

impl Typed {
    pub fn editing(form: RolloutForm) -> Self {
        Self { state: FormState::editing(form), ..Self::default() }
    }

    pub fn refused(form: RolloutForm, errors: Vec<FieldError>) -> Self {
        Self { state: FormState::refused(form, errors), ..Self::default() }
    }
}

pub async fn get(page: Page, Path(key): Path<String>) -> PageResult {
    let shown = FlagPage::load(&page, &key).await?;
    let typed = set_by_link(&page, &shown).map(Typed::editing).unwrap_or_default();
    show(&page, shown, typed).await
}

/// What a link types on a fader (`?set=everyone:50`); nothing is saved by it.
fn set_by_link(page: &Page, shown: &FlagPage) -> Option<RolloutForm> {
    let intent = Intent::parse(&format!("set:{}", page.query("set")?));
    let may = page.may(Operation::RollOut) && !shown.archived() && matches!(intent, Intent::Set { .. });
    may.then(|| {
        let mut form = RolloutForm::from_rollout(&shown.rollout.value, shown.rollout.version);
        form.apply(&intent);
        form
    })
}

pub async fn show(page: &Page, shown: FlagPage, typed: Typed) -> PageResult {
    let groups = page.store().list_groups(&page.viewer()).await?;
    let groups: Vec<Arc<Group>> = groups.into_iter().map(|row| row.group).collect();
    let Typed { state, mine, look, tester } = typed;
    let (status, clash) = (state.status().max(tester.status()), state.conflict().cloned());
    let errors = state.errors.map(|errors| errors.fields).unwrap_or_default();
    let form =
        state.input.unwrap_or_else(|| RolloutForm::from_rollout(&shown.rollout.value, shown.rollout.version));
    let editable = page.may(Operation::RollOut) && !shown.archived();
    let forecast = shown.forecast(page, &form).await;
    let names = match look {
        Some(look) => Some(shown.moved(page, &form, look).await?),
        None => None,
    };
    let (prefixes, drafts): (Vec<_>, Vec<_>) = form.conditions().into_iter().unzip();
    let vocabularies: BTreeMap<_, _> = prefixes.into_iter().zip(vocabularies(page, &drafts).await).collect();
    let (makes_groups, enrols) = (page.may(Operation::EditFlags), page.may(Operation::Enrol));
    let candidates = candidates(&shown);
    let press = if shown.stopped() { "resume" } else { "stop" };
    let confirm = page.query("confirm").as_deref() == Some(press);
    let saved = page.query("saved").is_some();
    // Of one that cannot be read its own tab says so; the rollout can be changed all the same.
    let plan = shown.plan().filter(|release| !crate::flag::plan::state::is_ended(&release.state)).cloned();
    let meta = PageMeta::new(shown.flag.name.clone(), Section::Desk).status(status);
    // The exact number comes by itself.
    let meta = if shown.on.is_some_and(Count::is_exact) { meta } else { meta.measures() };
    page.render(meta, move || {
        let bank = bank::Bank {
            flag: &shown.flag,
            form: &form,
            saved: &shown.rollout.value,
            forecast: &forecast,
            errors: &errors,
            tester: &tester,
            groups: &groups,
            schema: shown.snapshot.attributes(),
            vocabularies: &vocabularies,
            editable,
            makes_groups,
            enrols,
            plan: plan.as_ref().map(|release| &release.plan),
        };
        let body = view! {
            {clash.as_ref().map(|theirs| conflict_panel(&shown, theirs, &mine))}
            <FormError error=general(&errors) />
            {last_change(&shown, editable, saved)}
            {desk_form(&shown, &bank, &candidates, (clash.is_some(), names.as_ref()))}
            {more::preview_form(shown.key())}
            <Faders />
            <Swap />
        };
        frame(&shown, Tab::Rollout, confirm, body)
    })
}

/// Flags that this one can wait for.
fn candidates(shown: &FlagPage) -> more::Candidates {
    let others = shown.snapshot.flags().filter(|it| !it.is_archived() && it.key() != shown.key());
    let mut candidates: Vec<_> = others
        .map(|it| {
            let variants = it.flag().variants.iter().map(|variant| variant.key.to_string()).collect();
            (it.key().to_string(), it.flag().name.clone(), variants)
        })
        .collect();
    candidates.sort();
    candidates
}

fn desk_form(
    shown: &FlagPage,
    bank: &bank::Bank<'_>,
    candidates: &more::Candidates,
    (clash, names): (bool, Option<&Names>),
) -> impl IntoView + use<> {
    let here = here();
    let preview = bank.forecast.view(shown.key().as_str(), shown.environment.key.as_str()).into_any();
    let changed = bank.forecast.changed.then_some("");
    if !bank.editable {
        return view! {
            <div class="desk-form" id="rollout-region" data-live="">
                {strip::bank(bank)}
                {more::more(bank, candidates)}
                {here.why_not(Operation::RollOut).map(|why| view! { <p class="note">{why}</p> })}
                <div class="saving">{preview}</div>
            </div>
        }
        .into_any();
    }
    view! {
        <form
            class="desk-form"
            id=FORM
            method="post"
            action=here.href(&format!("{}#saving", Tab::Rollout.path(shown.key())))
            data-changed=changed
            data-dirty=changed
            data-guard=format!("flag/{}", shown.key())
        >
            // The first button is what Enter presses: it must not be one that sets a fader.
            <button
                class="visually-hidden"
                name="intent"
                value="preview"
                tabindex="-1"
                aria-hidden="true"
                data-swap=strip::SWAP
                formnovalidate
            >
                "Preview"
            </button>
            <input type="hidden" name="expected" value=bank.form.expected.to_string() />
            {strip::bank(bank)}
            {more::more(bank, candidates)}
            {who(names)}
            {saving(shown, bank, clash, preview)}
        </form>
    }
    .into_any()
}

/// Whom the change moves, by name, once somebody has asked. What is moved afterwards makes it old.
fn who(names: Option<&Names>) -> impl IntoView + use<> {
    let names = names.map(|names| {
        view! {
            <div class="who-names">
            <section class="card stack-small" aria-labelledby="who-title">
                <h2 id="who-title" tabindex="-1" autofocus>"Who gains and who loses it by this change"</h2>
                {names.view(&Way::Buttons("who"), What::Flag)}
            </section>
            </div>
        }
    });
    view! {
        <div id="who" class="who">
            {names}
            <p class="note who-old">"The change is another one since. Press “Who?” again."</p>
        </div>
    }
}

fn saving(shown: &FlagPage, bank: &bank::Bank<'_>, clash: bool, preview: AnyView) -> impl IntoView + use<> {
    let here = here();
    let discard = here.href(&Tab::Rollout.path(shown.key()));
    let error = sentences_at(bank.errors, "comment")
        .map(|error| view! { <p class="error" id="comment-error" role="alert">{error}</p> });
    let label =
        if clash { "Save mine on top".to_owned() } else { format!("Save in {}", shown.environment.name) };
    view! {
        <div class="saving" id="saving">
            {preview}
            <div class="saving-row">
                <label class="visually-hidden" for="comment">"Why? A comment for the audit log"</label>
                <input
                    id="comment"
                    name="comment"
                    value=bank.form.comment.clone()
                    maxlength=store::limits::REASON_CHARS_MAX.to_string()
                    placeholder="Why? (optional, goes into the audit log)"
                    autocomplete="off"
                />
                {error}
                <a class="button saving-discard" data-kind="quiet" href=discard>"Discard"</a>
                <button
                    class="button saving-who"
                    data-kind="quiet"
                    name="intent"
                    value="who"
                    formaction="#who"
                    title="Who gains and who loses it, by name"
                    data-swap="who"
                    formnovalidate
                >
                    "Who?"
                </button>
                <button class="button saving-preview" name="intent" value="preview" formaction="#saving" formnovalidate>
                    "Preview"
                </button>
                <button
                    class="button saving-save"
                    id="save"
                    data-kind="primary"
                    name="intent"
                    value="save"
                    aria-keyshortcuts="Control+Enter Meta+Enter"
                >
                    {label}
                </button>
            </div>
        </div>
    }
}

/// What is about no control, or how much there is to find below.
fn general(errors: &[FieldError]) -> Option<String> {
    let other = errors.iter().filter(|it| !it.field.is_empty()).count();
    sentences_at(errors, "").or_else(|| match other {
        0 => None,
        1 => Some("One thing is not right yet; see below.".to_owned()),
        n => Some(format!("{n} things are not right yet; see below.")),
    })
}

/// What somebody else saved in the meantime, and what saving `mine` again will still change.
fn conflict_panel(shown: &FlagPage, conflict: &Conflict, mine: &[Change]) -> impl IntoView + use<> {
    let here = here();
    let list = |changes: &[Change]| -> Vec<_> {
        changes.iter().map(|change| view! { <li>{change.phrase.clone()}</li> }).collect()
    };
    let (theirs, mine) = (list(&conflict.changes), list(mine));
    let (by, ago) = (conflict.by.clone(), time::ago(here.now_ms, conflict.at_ms));
    let load = here.href(&Tab::Rollout.path(shown.key()));
    let rest = if mine.is_empty() {
        view! { <p>"Yours changes nothing any more: there is nothing left to save."</p> }.into_any()
    } else {
        view! {
            <p>"Yours is kept, on top of theirs. Saving again will have:"</p>
            <ul class="clash-list">{mine}</ul>
        }
        .into_any()
    };
    view! {
        <div class="clash" role="alert">
            <Callout tone=Tone::Warning>
                <p>
                    <strong>"Changed by "{by}" "{ago}", while you were editing:"</strong>
                </p>
                <ul class="clash-list">{theirs}</ul>
                {rest}
                <p><a href=load>"Load theirs and drop mine"</a></p>
            </Callout>
        </div>
    }
}

/// The last change of this rollout, and the button that takes it back.
fn last_change(shown: &FlagPage, editable: bool, saved: bool) -> Option<impl IntoView + use<>> {
    let here = here();
    let entry: &AuditEntry = shown.recent.first()?;
    // The header says already who stopped it.
    if shown.stop_entry().is_some_and(|stop| stop.seq == entry.seq) {
        return None;
    }
    let undo = shown.undoable().filter(|it| editable && it.seq == entry.seq).map(|entry| {
        let action = here.href(&format!("{}/revert", Tab::Rollout.path(shown.key())));
        view! {
            <form method="post" action=action>
                <input type="hidden" name="seq" value=entry.seq.to_string() />
                <input type="hidden" name="back" value="rollout" />
                <button class="button" data-size="small" data-kind="quiet">{icon::undo()}"Undo"</button>
            </form>
        }
    });
    let reason = (!entry.reason.is_empty()).then(|| format!(" “{}”", entry.reason));
    Some(view! {
        <div class="last-change" id="last-change" data-live="" data-fresh=saved.then_some("")>
            {saved.then(icon::check)}
            <p>
                <b>{entry.actor.clone()}</b>
                " "
                {entry.sentence.clone()}
                <span class="muted">{reason}", "{time::ago(here.now_ms, entry.at_ms)}</span>
            </p>
            {undo}
        </div>
    })
}
