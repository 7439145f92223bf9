//! One tester: the pilots they are in, what they have really seen, the feedback they left, and a preview for them.
//! [`Facts`] and [`section`] are what the page of a person shows of it too.

use engine::{FlagKey, SubjectKey, VariantKey};
use leptos::prelude::*;
use store::{Feedback, PREVIEW_MS, Seen, TesterIn};

use crate::{
    error::{AppError, Thing},
    form::{fields::Fields, state::FormState},
    group,
    page::{
        Page, PageMeta, PageResult, address,
        here::here,
        layout::{PageHead, Section},
    },
    testers::words::{state, where_excluded, window},
    ui::{
        badge::{Badge, Callout, Tone},
        table::{Column, Table},
        time,
    },
};

/// The page of a tester.
pub fn address(subject: &SubjectKey) -> String {
    address::tester(subject.as_str())
}

/// Each flag's off variant in the environment of the page: being served that is not having seen the feature.
pub fn off_variants(page: &Page) -> Vec<(FlagKey, VariantKey)> {
    let Some(snapshot) = page.store().live().snapshot(page.environment.key.as_str()) else {
        return Vec::new();
    };
    snapshot.flags().map(|flag| (flag.key().clone(), flag.off_variant().key.clone())).collect()
}

/// What is known about a subject as a tester, in one environment.
pub struct Facts {
    pub pilots: Vec<TesterIn>,
    /// Newest first; the off variants too.
    pub seen: Vec<Seen>,
    pub feedback: Vec<Feedback>,
}

impl Facts {
    pub async fn read(page: &Page, subject: &SubjectKey) -> Result<Self, AppError> {
        let reader = page.principal.people_reader()?;
        let (store, environment) = (page.store(), &page.environment.key);
        let flags: Vec<_> = off_variants(page).into_iter().map(|(flag, _)| flag).collect();
        let mut seen =
            store.seen_by_subjects(&reader, environment, &flags, std::slice::from_ref(subject)).await?;
        seen.sort_by_key(|seen| std::cmp::Reverse(seen.last_ms));
        Ok(Self {
            pilots: store.pilots_of(&reader, subject).await?,
            seen,
            feedback: store.feedback_of(&reader, environment, subject).await?,
        })
    }
}

/// The fields of the page's forms as they were typed.
#[derive(Debug, Clone, Default)]
pub struct TesterInput {
    pub flag: String,
    pub reason: String,
    /// `flag/variant`.
    pub variant: String,
    pub minutes: String,
    pub page: String,
    pub why: String,
}

impl TesterInput {
    pub fn from_fields(fields: &Fields) -> Self {
        let text = |name: &str| fields.trimmed(name).to_owned();
        Self {
            flag: text("flag"),
            reason: text("reason"),
            variant: text("variant"),
            minutes: text("minutes"),
            page: text("page"),
            why: text("why"),
        }
    }

    fn starting(page: &Page) -> Self {
        let live = page.store().live();
        let site = live.client_origins(page.environment.key.as_str()).into_iter().next();
        let flag = page.query("flag").unwrap_or_default();
        let snapshot = live.snapshot(page.environment.key.as_str());
        let on = snapshot.as_ref().and_then(|it| it.flag(&flag)?.flag().on_variant());
        Self {
            variant: on.map(|on| format!("{flag}/{}", on.key)).unwrap_or_default(),
            minutes: (PREVIEW_MS / 60_000).to_string(),
            page: site.map(|origin| format!("{origin}/")).unwrap_or_default(),
            ..Self::default()
        }
    }
}

/// A preview that was made just now; its link is shown once.
pub struct IssuedPreview {
    pub link: String,
    pub until_ms: i64,
    /// Why the preview would show nothing at the moment.
    pub in_vain: Option<String>,
}

/// What a post of this page leaves to show.
#[derive(Default)]
pub struct TesterForms {
    pub exclude: FormState<TesterInput>,
    pub preview: FormState<TesterInput>,
    pub issued: Option<IssuedPreview>,
}

/// The subject that an address names.
pub fn require_subject(text: &str) -> Result<SubjectKey, AppError> {
    SubjectKey::parse(address::key_of(text)).map_err(|_| AppError::NotFound(Thing::Page))
}

pub async fn get(page: Page, axum::extract::Path(subject): axum::extract::Path<String>) -> PageResult {
    show(&page, &require_subject(&subject)?, TesterForms::default()).await
}

/// Where a preview of one flag is made for a tester.
pub fn preview_address(subject: &SubjectKey, flag: &FlagKey) -> String {
    format!("{}?flag={flag}#preview", address(subject))
}

pub async fn show(page: &Page, subject: &SubjectKey, draft: TesterForms) -> PageResult {
    page.store().look_up(&page.principal.people_reader()?, subject).await?;
    let facts = Facts::read(page, subject).await?;
    let status = draft.exclude.status().max(draft.preview.status());
    let meta = PageMeta::new(subject.to_string(), Section::Groups).status(status);
    let may_enrol = page.may(store::Operation::Exclude);
    let known = page.store().live().people().traits(subject.as_str()).is_some();
    let lead = if known { "A tester, and a known person." } else { "A tester, not among the known people." };
    let panels = may_enrol
        .then(|| super::panels::Panels::of(page, subject, &facts, draft, TesterInput::starting(page)));
    let subject = subject.clone();
    page.render(meta, move || {
        let (issued, panels) = panels.map_or((None, None), |panels| {
            let (issued, panels) = panels.views(&subject);
            (issued, Some(panels))
        });
        view! {
            <div class="group-head">
                <p class="crumb">
                    <a href=here().href("/groups")>"Groups"</a>
                    <span aria-hidden="true">"/"</span>
                    <span>"Testers"</span>
                </p>
                <PageHead title=subject.to_string() lead=lead />
            </div>
            {issued}
            <div class="group-grid">
                <div class="stack" data-live="" id="tester">{section(&facts)}</div>
                <aside class="stack">{panels}</aside>
            </div>
        }
    })
}

/// Pilots, exposures and feedback: the same on the page of a person.
pub fn section(facts: &Facts) -> impl IntoView + use<> {
    (overlap(&facts.pilots), pilots(&facts.pilots), seen(&facts.seen), feedback(&facts.feedback))
}

/// Two pilots at once blur each other's results.
fn overlap(pilots: &[TesterIn]) -> impl IntoView + use<> {
    let now_ms = here().now_ms;
    let active: Vec<_> = pilots.iter().filter(|it| it.enrolment.is_active(now_ms)).collect();
    let names = active.iter().map(|it| it.group_name.clone()).collect::<Vec<_>>().join(" and ");
    (active.len() > 1).then(|| {
        let text = format!("Overlapping pilots: in {names} at once. What they report may be about either.");
        view! { <Callout tone=Tone::Warning><p>{text}</p></Callout> }
    })
}

fn pilots(pilots: &[TesterIn]) -> AnyView {
    let here = here();
    let row = |it: &TesterIn| {
        let href = here.href(&group::head::Tab::Testers.address(&it.group));
        let by = it.enrolment.at_ms.filter(|_| !it.enrolment.by.is_empty()).map(|at| {
            view! { <small class="muted">{time::ago(here.now_ms, at)}" by "{it.enrolment.by.clone()}</small> }
        });
        let excluded = (!it.excluded_from.is_empty()).then(|| {
            view! {
                <Badge tone=Tone::Danger text="excluded: beats the enrolment" />
                <small>{where_excluded(&it.excluded_from)}</small>
            }
        });
        view! {
            <tr data-key=it.group.to_string()>
                <td><div class="who"><a href=href>{it.group_name.clone()}</a>{by}</div></td>
                <td data-label="Purpose">{it.enrolment.purpose.clone()}</td>
                <td data-label="Time">{window(&it.enrolment)}</td>
                <td data-label="State"><div class="who">{state(&it.enrolment, here.now_ms)}{excluded}</div></td>
            </tr>
        }
    };
    let rows = pilots.iter().map(row).collect_view();
    let table = (!pilots.is_empty()).then(|| {
        table("Enrolled in", ["Group", "Purpose", "Time", "State"].map(Column::Text).into(), rows.into_any())
    });
    let none = pilots.is_empty().then(|| view! { <p class="muted">"In no pilot group by name."</p> });
    view! { <h2>"Enrolled in"</h2> {table} {none} }.into_any()
}

fn seen(seen: &[Seen]) -> AnyView {
    let here = here();
    let row = |it: &Seen| {
        let href = here.href(&address::flag(&it.flag));
        view! {
            <tr>
                <td><a href=href>{it.flag.to_string()}</a></td>
                <td data-label="Variant"><code>{it.variant.to_string()}</code></td>
                <td data-label="First saw">{time::ago(here.now_ms, it.first_ms)}</td>
                <td data-label="Last saw">{time::ago(here.now_ms, it.last_ms)}</td>
                <td data-label="Times" class="num">{it.count}</td>
            </tr>
        }
    };
    let rows = seen.iter().map(row).collect_view();
    let columns = ["Flag", "Variant", "First saw", "Last saw"].map(Column::Text);
    let columns = columns.into_iter().chain([Column::Number("Times")]).collect();
    let table = (!seen.is_empty()).then(|| table("Saw", columns, rows.into_any()));
    let none = seen.is_empty().then(
        || view! { <p class="muted">"Nothing was served to them yet, as far as the ledger knows."</p> },
    );
    view! { <h2>"Saw"</h2> {table} {none} }.into_any()
}

/// What somebody said, read in place.
pub fn feedback(feedback: &[Feedback]) -> AnyView {
    let now_ms = here().now_ms;
    let item = |it: &Feedback| {
        let rating = it.rating.map(|rating| format!("{} of 5", rating.get()));
        let kinds = it.kinds.iter().map(|kind| kind.as_str().to_owned());
        let facts = rating.into_iter().chain(kinds).collect::<Vec<_>>().join(", ");
        let facts = (!facts.is_empty()).then(|| view! { <strong>{facts}" "</strong> });
        view! {
            <li>
                {facts}
                <span class="muted">{time::ago(now_ms, it.at_ms)}</span>
                <p>{it.comment.clone()}</p>
            </li>
        }
    };
    let items = feedback.iter().map(item).collect_view();
    let list = (!feedback.is_empty()).then(|| view! { <ul class="plain stack">{items}</ul> });
    let none = feedback.is_empty().then(|| view! { <p class="muted">"They left none."</p> });
    view! { <h2>"Feedback left"</h2> {list} {none} }.into_any()
}

fn table(caption: &'static str, columns: Vec<Column>, rows: AnyView) -> AnyView {
    view! { <Table columns caption=caption>{rows}</Table> }.into_any()
}
