//! What can be done about a tester beside enrolling: keeping them from a flag, and showing them a variant.

use engine::SubjectKey;
use leptos::prelude::*;

use super::page::{Facts, IssuedPreview, TesterForms, TesterInput, address};
use crate::{
    form::state::FormState,
    page::{Page, address, here::here},
    ui::{
        badge::{Callout, Tone},
        dialog::Confirm,
        field::{Choice, Field, FormError},
        secret::Secret,
        time,
    },
};

/// The panels with their choices.
pub struct Panels {
    /// Flags of the environment that are not archived, key and name, those of the tester's pilots first.
    flags: Vec<(String, String)>,
    /// `flag/variant` and how it is called.
    variants: Vec<(String, String)>,
    /// Flags from which the tester is excluded by name.
    excluded: Vec<(String, String)>,
    draft: TesterForms,
    starting: TesterInput,
}

impl Panels {
    pub fn of(
        page: &Page,
        subject: &SubjectKey,
        facts: &Facts,
        draft: TesterForms,
        starting: TesterInput,
    ) -> Self {
        let snapshot = page.store().live().snapshot(page.environment.key.as_str());
        let mut flags: Vec<_> =
            snapshot.iter().flat_map(|it| it.flags()).filter(|flag| !flag.is_archived()).collect();
        let is_of_pilot = |flag: &engine::CompiledFlag| {
            facts.pilots.iter().any(|pilot| flag.rollout().serves(&pilot.group))
        };
        flags.sort_by_cached_key(|flag| (!is_of_pilot(flag), flag.flag().name.to_lowercase()));
        let named = |flag: &&engine::CompiledFlag| (flag.key().to_string(), flag.flag().name.clone());
        let variants = flags.iter().flat_map(|flag| {
            let off = &flag.off_variant().key;
            let on = flag.flag().variants.iter().filter(move |variant| variant.key != *off);
            let on = on.chain(flag.flag().variants.iter().filter(move |variant| variant.key == *off));
            on.map(|variant| {
                let name = format!("{}: {}", flag.flag().name, variant.key);
                (format!("{}/{}", flag.key(), variant.key), name)
            })
        });
        let by_name = |flag: &&&engine::CompiledFlag| flag.rollout().exclusions.subjects.contains(subject);
        Self {
            variants: variants.collect(),
            excluded: flags.iter().filter(by_name).map(named).collect(),
            flags: flags.iter().map(named).collect(),
            draft,
            starting,
        }
    }

    /// The link of a new preview, and the panels.
    pub fn views(self, subject: &SubjectKey) -> (Option<AnyView>, AnyView) {
        let action = here().href(&address(subject));
        let TesterForms { exclude, preview, issued } = self.draft;
        let issued = issued.map(issued_view);
        let preview = preview_form(&action, preview, &self.starting, self.variants);
        let exclude = exclude_form(&action, exclude, &self.starting, self.flags);
        let excluded = self.excluded.into_iter().map(|flag| readmit(&action, flag)).collect_view();
        (issued, view! { {preview} {exclude} {excluded} }.into_any())
    }
}

fn issued_view(issued: IssuedPreview) -> AnyView {
    let until = time::full(issued.until_ms);
    let in_vain = issued.in_vain.map(|why| {
        view! {
            <Callout tone=Tone::Warning role="alert">
                <p><strong>"At the moment this preview shows nothing. "</strong>{why}</p>
            </Callout>
        }
    });
    view! {
        <Secret
            title="The preview link"
            text=format!("Copy it now: it is shown once, and holds until {until}.")
            value=issued.link
            label="Preview link"
        />
        {in_vain}
    }
    .into_any()
}

fn preview_form(
    action: &str,
    draft: FormState<TesterInput>,
    starting: &TesterInput,
    variants: Vec<(String, String)>,
) -> impl IntoView + use<> {
    let [variant, minutes, page, why] = ["variant", "minutes", "page", "why"].map(|field| draft.at(field));
    let general = draft.general();
    let typed = draft.input.unwrap_or_else(|| starting.clone());
    let holds = [("15", "15 minutes"), ("60", "1 hour"), ("240", "4 hours"), ("1440", "24 hours")]
        .map(|(minutes, text)| (minutes.to_owned(), text.to_owned()))
        .to_vec();
    view! {
        <form method="post" action=format!("{action}#preview") class="card stack" id="preview" aria-labelledby="preview-title">
            <h2 id="preview-title">"Show a preview"</h2>
            <p class="muted">"A link that shows one variant to this tester only, before any rule lets them in."</p>
            <FormError error=general />
            <Choice label="Flag and variant" name="variant" value=typed.variant options=variants error=variant />
            <Choice label="Holds for" name="minutes" value=typed.minutes options=holds error=minutes />
            <Field
                label="Page to open"
                name="page"
                kind="url"
                value=typed.page
                error=page
                hint="The site has to pass the preview on. Without a page you get the bare token."
                autocomplete="off"
            />
            <Field label="Why? A comment for the audit log" name="why" value=typed.why error=why autocomplete="off" />
            <div class="cluster">
                <button name="intent" value="preview" class="button" data-kind="primary">"Make the link"</button>
            </div>
        </form>
    }
}

fn exclude_form(
    action: &str,
    draft: FormState<TesterInput>,
    starting: &TesterInput,
    flags: Vec<(String, String)>,
) -> impl IntoView + use<> {
    let [flag, reason] = ["flag", "reason"].map(|field| draft.at(field));
    let general = draft.general();
    let typed = draft.input.unwrap_or_else(|| starting.clone());
    view! {
        <form method="post" action=format!("{action}#exclude") class="card stack" id="exclude" aria-labelledby="exclude-title">
            <h2 id="exclude-title">"Exclude from…"</h2>
            <p class="muted">"An exclusion beats every enrolment."</p>
            <FormError error=general />
            <Choice label="Flag" name="flag" value=typed.flag options=flags error=flag />
            <Field label="Reason, for the audit log" name="reason" value=typed.reason error=reason autocomplete="off" />
            <div class="cluster">
                <button name="intent" value="exclude" class="button" data-kind="primary">"Exclude"</button>
            </div>
        </form>
    }
}

fn readmit(action: &str, (flag, name): (String, String)) -> impl IntoView + use<> {
    let id = format!("readmit-{flag}");
    view! {
        <div class="card stack">
            <p>"Excluded by name from "<a href=here().href(&address::flag(&flag))>{name.clone()}</a>"."</p>
            <Confirm
                label="Take it back"
                text=format!("Rules and enrolments of {name} count for them again.")
                action=action.to_owned()
                button="Take the exclusion back"
            >
                <input type="hidden" name="intent" value="readmit" />
                <input type="hidden" name="flag" value=flag.clone() />
                <Field label="Reason, for the audit log" name="reason" required=true id=id autocomplete="off" />
            </Confirm>
        </div>
    }
}
