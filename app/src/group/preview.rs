//! Who a group's form would let in, computed by the engine over the known people, and what saving it changes.

use std::sync::Arc;

use engine::{
    CompiledGroup, Condition, Enrolment, Group, GroupKey, Impact, Traits, ValueRef, attributes_phrase,
    group_impact, grouped, impact,
};
use leptos::prelude::*;
use store::{Environment, GroupUse, Operation, People};

use super::{
    form::GroupForm,
    head::Found,
    list::{count, meter},
};
use crate::{
    page::{Page, here::here},
    ui::{icon, person::person_link},
};

const PEOPLE_LISTED_MAX: usize = 50;
/// Flags whose impact one preview computes; a group that more flags use says so.
const FLAGS_MAX: usize = 20;
/// How many decisions one preview makes for all flags together.
const DECISIONS_MAX: usize = 2_000_000;

/// What the form means for the known people.
pub struct Preview {
    /// `None` while the condition is not complete.
    members: Option<Members>,
    known: usize,
    may_read: bool,
}

struct Members {
    impact: Impact,
    /// A saved group that the form would change.
    changes: bool,
    flags: Vec<FlagImpact>,
    flags_left: usize,
    /// Enrolled, but not among the known people.
    strangers: usize,
    /// Matching the search, the first of them.
    listed: Vec<Person>,
    found: usize,
    empty: bool,
}

struct FlagImpact {
    used: GroupUse,
    environment: String,
    impact: Impact,
}

struct Person {
    subject: String,
    /// Name, value, and whether the condition tests it: those first.
    traits: Vec<(String, String, bool)>,
    enrolled: bool,
}

impl Preview {
    pub fn of(page: &Page, found: Option<&Found>, form: &GroupForm) -> Self {
        let people = page.store().live().people();
        let may_read = page.principal.may(Operation::ReadPeople);
        let members = Members::of(page, found, form, &people, may_read);
        Self { members, known: people.len(), may_read }
    }
}

impl Members {
    fn of(
        page: &Page,
        found: Option<&Found>,
        form: &GroupForm,
        people: &People,
        may_read: bool,
    ) -> Option<Self> {
        let condition = form.condition.parse().ok()?;
        let saved = found.map(|found| &found.saved.value);
        let after = Arc::new(Group {
            key: saved.map_or_else(preview_key, |group| Some(group.key.clone()))?,
            name: form.name.clone(),
            description: String::new(),
            condition,
            enrolments: saved.map(|group| group.enrolments.clone()).unwrap_or_default(),
        });
        let snapshot = page.store().live().snapshot(page.environment.key.as_str())?;
        let compile = |group: Arc<Group>| CompiledGroup::new(group, snapshot.attributes()).ok();
        let compiled = compile(Arc::clone(&after))?;
        let before = saved.and_then(|group| compile(Arc::new(group.clone())));
        let now_ms = page.now_ms();
        let changes = saved.is_some_and(|group| group.condition != after.condition);
        let used_by = found.filter(|_| changes).map_or(&[][..], |found| &found.used_by);
        let flags = used_by.len().min(FLAGS_MAX).min(DECISIONS_MAX / (2 * people.len().max(1)));
        let (listed, counted) =
            if may_read { list(&compiled, people, &form.people, now_ms) } else { (Vec::new(), 0) };
        let is_stranger =
            |it: &&Enrolment| it.is_active(now_ms) && people.traits(it.subject.as_str()).is_none();
        Some(Self {
            impact: group_impact(before.as_ref(), &compiled, people.contexts(), now_ms),
            changes,
            flags: flag_impacts(page, &after, &used_by[..flags], people),
            flags_left: used_by.len() - flags,
            strangers: after.enrolments.iter().filter(is_stranger).count(),
            listed,
            found: counted,
            empty: after.condition.is_none() && after.enrolments.is_empty(),
        })
    }
}

/// Stands for the key of a group that has none yet.
fn preview_key() -> Option<GroupKey> {
    GroupKey::parse("new").ok()
}

/// The first members whom the search finds, and how many it finds.
fn list(group: &CompiledGroup, people: &People, search: &str, now_ms: i64) -> (Vec<Person>, usize) {
    let words: Vec<_> = search.to_lowercase().split_whitespace().map(str::to_owned).collect();
    let (mut listed, mut found) = (Vec::new(), 0);
    for (subject, traits) in people.iter() {
        if !group.contains(&engine::Context::from_traits(subject, traits), now_ms) {
            continue;
        }
        if found >= PEOPLE_LISTED_MAX && words.is_empty() {
            found += 1;
            continue;
        }
        let phrase = attributes_phrase(traits);
        let text = format!("{subject} {phrase}").to_lowercase();
        if !words.iter().all(|word| text.contains(word)) {
            continue;
        }
        found += 1;
        if listed.len() < PEOPLE_LISTED_MAX {
            let is_theirs = |it: &Enrolment| it.subject.as_str() == subject && it.is_active(now_ms);
            let enrolled = group.group().enrolments.iter().any(is_theirs);
            listed.push(Person {
                subject: subject.to_owned(),
                traits: tested_first(group, traits),
                enrolled,
            });
        }
    }
    (listed, found)
}

fn tested_first(group: &CompiledGroup, traits: Traits<'_>) -> Vec<(String, String, bool)> {
    let tested = group.group().condition.as_ref().map(Condition::attributes).unwrap_or_default();
    let is_tested = |name: &str| tested.iter().any(|it| it.as_str() == name);
    let line = |(name, value): (&str, ValueRef<'_>)| (name.to_owned(), value.display(), is_tested(name));
    let mut traits: Vec<_> = traits.iter().map(line).collect();
    traits.sort_by_key(|(_, _, tested)| !tested);
    traits
}

fn flag_impacts(page: &Page, after: &Arc<Group>, used_by: &[GroupUse], people: &People) -> Vec<FlagImpact> {
    let (live, now_ms) = (page.store().live(), page.now_ms());
    let environments = live.environments();
    let of = |environment: &Environment| {
        let uses = used_by.iter().filter(|used| used.environment == environment.key);
        let uses: Vec<_> = uses.cloned().collect();
        let Some(before) = live.snapshot(environment.key.as_str()).filter(|_| !uses.is_empty()) else {
            return Vec::new();
        };
        let (changed, _) = before.with_group(Arc::clone(after));
        let of_flag = |used: GroupUse| FlagImpact {
            impact: impact(&before, &changed, used.flag.as_str(), people.contexts(), now_ms),
            environment: environment.name.clone(),
            used,
        };
        uses.into_iter().map(of_flag).collect()
    };
    environments.iter().flat_map(of).collect()
}

impl Preview {
    /// The region beside the form; it follows the form while it is edited.
    pub fn view(&self, may_edit: bool, search: &str) -> AnyView {
        // Inside the form, what others change must not replace what is typed there: the form itself is live.
        let live = (!may_edit).then_some("");
        let known = self.known;
        let body = match &self.members {
            None => view! { <p class="muted">"Complete the condition to see who meets it."</p> }.into_any(),
            Some(members) => members.view(known, self.may_read, may_edit, search),
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

impl Members {
    fn view(&self, known: usize, may_read: bool, may_edit: bool, search: &str) -> AnyView {
        let strangers = (self.strangers > 0).then(|| {
            let text =
                format!("and {} not among the known people", count(self.strangers, "tester", "testers"));
            view! { <span class="muted">{text}</span> }
        });
        let headline = view! {
            <p class="preview-count" role="status">
                <strong>{grouped(self.impact.after)}</strong>
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
            {meter(self.impact.after, known)}
            {nobody}
            {self.changes.then(|| self.impact_view())}
            {(self.impact.after > 0 || !search.is_empty()).then_some(people)}
        }
        .into_any()
    }

    fn impact_view(&self) -> AnyView {
        let Impact { gained, lost, .. } = self.impact;
        let touched = self.flags.iter().filter(|it| moves(&it.impact)).count();
        let line = match (gained, lost) {
            (0, 0) => "The same known people as now".to_owned(),
            _ => format!("{}, {}", delta(&self.impact), count(touched, "flag", "flags")),
        };
        let flags = self
            .flags
            .iter()
            .map(|flag| {
                let href = here().href_in(&format!("/flags/{}", flag.used.flag), &flag.used.environment);
                let what = if moves(&flag.impact) { delta(&flag.impact) } else { "nobody moves".to_owned() };
                view! {
                    <li>
                        <a href=href>{flag.used.flag_name.clone()}</a>
                        <span class="muted">{format!(" in {}: ", flag.environment)}</span>
                        {what}
                    </li>
                }
            })
            .collect_view();
        let left = (self.flags_left > 0).then(|| {
            view! { <li class="muted">{format!("and {}", count(self.flags_left, "flag more", "flags more"))}</li> }
        });
        view! {
            <div class="preview-impact">
                <p><span class="muted">"Saving: "</span><strong>{line}</strong></p>
                <ul>{flags}{left}</ul>
            </div>
        }
        .into_any()
    }
}

fn moves(impact: &Impact) -> bool {
    impact.gained + impact.lost + impact.switched > 0
}

/// `+12 / −3 people`.
fn delta(impact: &Impact) -> String {
    let switched = match impact.switched {
        0 => String::new(),
        n => format!(", {} get another variant", grouped(n)),
    };
    let one = impact.gained + impact.lost == 1 && impact.switched == 0;
    let noun = if one { "person" } else { "people" };
    format!("+{} / −{} {noun}{switched}", grouped(impact.gained), grouped(impact.lost))
}

fn people_view(listed: &[Person], found: usize, may_edit: bool, search: &str) -> AnyView {
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
        0 => "Nobody among them matches the search.".to_owned(),
        n if n > listed.len() => format!("The first {} of {}.", listed.len(), grouped(n)),
        _ => String::new(),
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
        <form method="get" class="preview-search" role="search">
            {field()}
            <button class="button" aria-label="Search these people">{icon::search()}</button>
        </form>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delta_names_both_sides() {
        let impact = Impact { gained: 12, lost: 3, ..Impact::default() };
        assert_eq!(delta(&impact), "+12 / −3 people");
        let impact = Impact { gained: 1, switched: 2, ..Impact::default() };
        assert_eq!(delta(&impact), "+1 / −0 people, 2 get another variant");
    }
}
