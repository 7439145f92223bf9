//! Who a group's form would let in, computed by the engine over the known people, and what saving it changes.

use std::sync::Arc;

use engine::{
    CompiledGroup, Condition, Count, EnvironmentKey, Group, GroupKey, Impact, Traits, ValueRef, counted,
    grouped,
};
use leptos::prelude::*;
use store::{Asker, Environment, GroupUse, Moving, Patience};

use super::{
    form::GroupForm,
    head::Found,
    impact::{self, FlagImpact},
    list::meter,
};
use crate::{
    error::AppError,
    moved::{Look, Names},
    page::Page,
    ui::{icon, person::person_link},
};

/// Flags whose impact one preview counts; a group that more flags use says so.
const FLAGS_MAX: usize = 20;

/// What the form means for the known people.
pub struct Preview {
    members: Members,
    known: usize,
    may_read: bool,
}

enum Members {
    /// The condition is not complete.
    Unfinished,
    /// Ask again in a moment.
    Counting,
    Counted(Box<Counted>),
}

struct Counted {
    impact: Impact,
    /// A saved group that the form would change.
    changes: bool,
    flags: Vec<FlagImpact>,
    flags_left: usize,
    /// Enrolled, but not among the known people.
    strangers: usize,
    /// Matching the search, the first of them.
    listed: Vec<Person>,
    found: Count,
    empty: bool,
    /// Whom saving moves, by name, where somebody has asked.
    names: Option<Names>,
}

struct Person {
    subject: String,
    /// Name, value, and whether the condition tests it: those first.
    traits: Vec<(String, String, bool)>,
    enrolled: bool,
}

impl Preview {
    /// Whoever may look people up sees who they are, and the audit log that they did.
    pub async fn of(page: &Page, found: Option<&Found>, form: &GroupForm) -> Result<Self, AppError> {
        let known = page.store().live().people().len();
        let reader = page.principal.people_reader().ok();
        let members = match Definitions::of(page, found, form) {
            Some(definitions) => {
                let names = definitions.moved(page, form.look).await?;
                match definitions.count(page, form).await {
                    Some(counted) => Members::Counted(Box::new(Counted { names, ..counted })),
                    None => Members::Counting,
                }
            }
            None => Members::Unfinished,
        };
        if let (Some(reader), Members::Counted(counted)) = (&reader, &members)
            && !counted.listed.is_empty()
        {
            let group = found.map(|found| &found.saved.value.key);
            page.store().audit_group_shown(reader, group).await?;
        }
        Ok(Self { members, known, may_read: reader.is_some() })
    }
}

/// What is compared.
struct Definitions<'a> {
    before: Option<Arc<Group>>,
    after: Arc<Group>,
    /// A saved group that the form would change.
    changes: bool,
    used_by: &'a [GroupUse],
}

impl<'a> Definitions<'a> {
    /// `None` while the condition is not complete.
    fn of(page: &Page, found: Option<&'a Found>, form: &GroupForm) -> Option<Self> {
        let condition = form.condition.parse().ok()?;
        let saved = found.map(|found| &found.saved.value);
        let after = Group {
            key: saved.map_or_else(preview_key, |group| Some(group.key.clone()))?,
            name: form.name.clone(),
            description: String::new(),
            condition,
            enrolments: saved.map(|group| group.enrolments.clone()).unwrap_or_default(),
        };
        let snapshot = page.store().live().snapshot(page.environment.key.as_str())?;
        let after = Arc::new(after);
        CompiledGroup::new(Arc::clone(&after), snapshot.attributes()).ok()?;
        let changes = saved.is_some_and(|group| group.condition != after.condition);
        let used_by = found.filter(|_| changes).map_or(&[][..], |found| &found.used_by);
        Some(Self { before: saved.cloned().map(Arc::new), after, changes, used_by })
    }

    /// Whom saving moves, once somebody has asked.
    async fn moved(&self, page: &Page, look: Option<Look>) -> Result<Option<Names>, AppError> {
        let snapshot = page.store().live().snapshot(page.environment.key.as_str());
        let (Some(look), Some(snapshot), true) = (look, snapshot, self.changes) else { return Ok(None) };
        let moving = Moving::Group { before: self.before.clone(), after: Arc::clone(&self.after) };
        Names::of(page, &snapshot, moving, look).await.map(Some)
    }

    async fn count(self, page: &Page, form: &GroupForm) -> Option<Counted> {
        let store = page.store();
        let (live, viewer, now_ms) = (store.live(), page.viewer(), page.now_ms());
        let (people, environments) = (live.people(), live.environments());
        let snapshot = live.snapshot(page.environment.key.as_str())?;
        let used_by = &self.used_by[..self.used_by.len().min(FLAGS_MAX)];
        let is_used = |it: &&Environment| used_by.iter().any(|used| used.environment == it.key);
        let snapshots: Vec<_> =
            environments.iter().filter(is_used).filter_map(|it| live.snapshot(it.key.as_str())).collect();
        let reader = page.principal.people_reader().ok();
        let asker = Asker::new(&viewer, &format!("group/{}", self.after.key));
        let change = store
            .census()
            .group_change(
                &viewer,
                (&snapshot, &snapshots),
                (self.before.as_ref(), &self.after),
                used_by,
                reader.as_ref().map(|reader| (reader, form.people.as_str())),
                (Some(asker), Patience::PREVIEW),
            )
            .await?;
        let name = |key: &EnvironmentKey| {
            environments
                .iter()
                .find(|it| it.key == *key)
                .map_or_else(|| key.to_string(), |it| it.name.clone())
        };
        let flags = used_by.iter().zip(change.flags);
        let flags = flags.map(|(used, impact)| FlagImpact {
            environment: name(&used.environment),
            used: used.clone(),
            impact,
        });
        let active = || self.after.enrolments.iter().filter(|it| it.is_active(now_ms));
        let listed = change.listed.subjects.iter().filter_map(|subject| {
            let enrolled = active().any(|it| it.subject.as_str() == subject);
            let traits = tested_first(&self.after, people.traits(subject)?);
            Some(Person { subject: subject.clone(), traits, enrolled })
        });
        Some(Counted {
            impact: change.impact,
            changes: self.changes,
            flags: flags.collect(),
            flags_left: self.used_by.len() - used_by.len(),
            strangers: active().filter(|it| people.traits(it.subject.as_str()).is_none()).count(),
            listed: listed.collect(),
            found: change.impact.sample.count(change.listed.found),
            empty: self.after.condition.is_none() && self.after.enrolments.is_empty(),
            names: None,
        })
    }
}

/// Stands for the key of a group that has none yet.
fn preview_key() -> Option<GroupKey> {
    GroupKey::parse("new").ok()
}

fn tested_first(group: &Group, traits: Traits<'_>) -> Vec<(String, String, bool)> {
    let tested = group.condition.as_ref().map(Condition::attributes).unwrap_or_default();
    let is_tested = |name: &str| tested.iter().any(|it| it.as_str() == name);
    let line = |(name, value): (&str, ValueRef<'_>)| (name.to_owned(), value.display(), is_tested(name));
    let mut traits: Vec<_> = traits.iter().map(line).collect();
    traits.sort_by_key(|(_, _, tested)| !tested);
    traits
}

impl Preview {
    /// The region beside the form; it follows the form while it is edited.
    pub fn view(&self, may_edit: bool, search: &str) -> AnyView {
        // Inside the form, what others change must not replace what is typed there: the form itself is live.
        let live = (!may_edit).then_some("");
        let known = self.known;
        let body = match &self.members {
            Members::Unfinished => {
                view! { <p class="muted">"Complete the condition to see who meets it."</p> }.into_any()
            }
            Members::Counting => {
                let text =
                    format!("{} known people are being counted: look again in a moment.", grouped(known));
                view! { <p class="muted">{text}</p> }.into_any()
            }
            Members::Counted(members) => members.view(known, self.may_read, may_edit, search),
        };
        view! {
            <section class="card stack preview" id="preview" data-live=live aria-labelledby="preview-title">
                <h2 id="preview-title">"Matching people"</h2>
                {body}
            </section>
        }
        .into_any()
    }
}

impl Counted {
    fn view(&self, known: usize, may_read: bool, may_edit: bool, search: &str) -> AnyView {
        let strangers = (self.strangers > 0).then(|| {
            let text = format!("and {} not among the known people", counted(self.strangers, "tester"));
            view! { <span class="muted">{text}</span> }
        });
        let members = self.impact.sample.count(self.impact.after);
        let headline = view! {
            <p class="preview-count" role="status">
                <strong>{members.phrase()}</strong>
                <span class="muted">{format!("of {} known people", grouped(known))}</span>
                {strangers}
            </p>
        };
        let nobody = self.empty.then(|| {
            view! {
                <p class="preview-nobody">
                    "An empty group is nobody, never everybody: a flag that goes to it reaches no one."
                </p>
            }
        });
        let people = if may_read {
            people_view(&self.listed, self.found, may_edit, search)
        } else {
            view! { <p class="note">"Your role sees how many people match, not who they are."</p> }.into_any()
        };
        view! {
            {headline}
            {meter(members.value(), known)}
            {nobody}
            {self.changes.then(|| impact::view(&self.impact, &self.flags, self.flags_left, self.names.as_ref()))}
            {(self.impact.after > 0 || !search.is_empty()).then_some(people)}
        }
        .into_any()
    }
}

fn people_view(listed: &[Person], found: Count, may_edit: bool, search: &str) -> AnyView {
    let rows = listed
        .iter()
        .map(|person| {
            let enrolled = person.enrolled.then(|| view! { <span class="badge">"tester"</span> });
            let last = person.traits.len().saturating_sub(1);
            let traits = person
                .traits
                .iter()
                .enumerate()
                .map(|(at, (name, value, tested))| {
                    let text = format!("{name} = {value}");
                    let text = if *tested { view! { <b>{text}</b> }.into_any() } else { text.into_any() };
                    view! { {text}{(at < last).then_some(", ")} }
                })
                .collect_view();
            view! {
                <li>
                    {person_link(&person.subject)}
                    {enrolled}
                    <small class="muted">{traits}</small>
                </li>
            }
        })
        .collect_view();
    let note = match found {
        Count::Exact(0) => "Nobody among them matches the search.".to_owned(),
        Count::Exact(n) if n > listed.len() => format!("The first {} of {}.", listed.len(), grouped(n)),
        Count::Exact(_) => String::new(),
        Count::About { .. } => format!("{} of {}; the search goes on.", listed.len(), found.phrase()),
    };
    let note = (!note.is_empty()).then(|| view! { <p class="note">{note}</p> });
    view! {
        {search_view(may_edit, search)}
        <ul class="preview-people" id="preview-people" tabindex="0" aria-label="Matching people">{rows}</ul>
        {note}
    }
    .into_any()
}

/// Searching goes with the form, so that nothing typed there is lost; without a form it is one of its own.
fn search_view(may_edit: bool, search: &str) -> AnyView {
    let field = || {
        view! {
            <label class="visually-hidden" for="preview-search">"Search these people"</label>
            <input
                id="preview-search"
                name="people"
                type="search"
                value=search.to_owned()
                placeholder="Search these people"
                autocomplete="off"
                data-swap-input="preview"
                data-swap-intent="preview"
            />
        }
    };
    if may_edit {
        return view! {
            <div class="preview-search">
                {field()}
                <button
                    type="submit"
                    name="intent"
                    value="preview"
                    class="button"
                    aria-label="Search these people"
                    data-swap="preview"
                    formnovalidate
                >
                    {icon::search()}
                </button>
            </div>
        }
        .into_any();
    }
    view! {
        <form method="get" autocomplete="off" class="preview-search" role="search">
            {field()}
            <button class="button" aria-label="Search these people">{icon::search()}</button>
        </form>
    }
    .into_any()
}
