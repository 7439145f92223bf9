//! Finding a person: one box over everything that is stored with people, and over keys that were only ever seen.

use engine::{AttributeValue, SubjectKey, counted, grouped};
use islands::swap::Swap;
use leptos::prelude::*;
use store::{Match, Matches, Operation};

use crate::{
    page::{
        Page, PageMeta, PageResult, address,
        here::here,
        layout::{PageHead, Section},
    },
    ui::{
        empty::Empty,
        icon,
        person::marked,
        table::{Column, Table},
        time,
    },
};

const LISTED_MAX: usize = 50;
const LEARNED_MAX: usize = 20;
/// Traits shown of one person.
const TRAITS_SHOWN: usize = 6;
/// Shown before the others, when they are stored.
const FIRST: [&str; 3] = ["email", "tenant", "tier"];

/// What was found.
struct Found {
    query: String,
    matches: Matches,
    /// Keys that begin so, of whom nothing is stored: when they were first and last served something.
    learned: Vec<(SubjectKey, i64, i64)>,
    known: usize,
}

pub async fn get(page: Page) -> PageResult {
    let reader = page.principal.people_reader()?;
    let query = page.query("q").unwrap_or_default().trim().to_owned();
    let people = page.store().live().people();
    let matches = page.store().search_people(&reader, &query, LISTED_MAX).await?;
    let mut learned = Vec::new();
    if !query.is_empty() {
        learned = page.store().learned_subjects(&reader, &query).await?;
        learned.retain(|(subject, ..)| people.traits(subject.as_str()).is_none());
        learned.truncate(LEARNED_MAX);
    }
    let found = Found { query, matches, learned, known: people.len() };
    let may_import = page.may(Operation::Administer);
    page.render(PageMeta::new("People", Section::People), move || {
        let import = may_import.then(|| {
            let href = here().href(super::import::page::ADDRESS);
            view! { <a class="button" href=href>{icon::plus()}"Import"</a> }
        });
        view! {
            <Swap />
            <PageHead title="People" lead="What did this customer see, and why? Find them, and read the answer.">
                {import}
            </PageHead>
            {search(&found)}
            <div id="people-results" class="stack" data-live="">{results(&found, may_import)}</div>
        }
    })
}

fn search(found: &Found) -> impl IntoView + use<> {
    let environment = here().environment.key.to_string();
    let is_default = here().is_default();
    let environment = (!is_default).then(|| view! { <input type="hidden" name="env" value=environment /> });
    view! {
        <form
            method="get"
            autocomplete="off"
            action=here().plain("/people")
            class="toolbar people-search"
            role="search"
            data-swap-address=""
        >
            {environment}
            <div class="field" data-wide="">
                <label for="people-query" class="visually-hidden">"Search people"</label>
                <input
                    id="people-query"
                    name="q"
                    type="search"
                    value=found.query.clone()
                    placeholder="Key, name, e-mail, tenant, anything stored"
                    autocomplete="off"
                    autocapitalize="none"
                    spellcheck="false"
                    autofocus=true
                    data-search=""
                    data-swap-input="people-results"
                />
            </div>
            <button class="button">{icon::search()}"Search"</button>
        </form>
    }
}

fn results(found: &Found, may_import: bool) -> AnyView {
    if found.query.is_empty() {
        return start(found.known, may_import).into_any();
    }
    let open = SubjectKey::parse(&found.query).ok().filter(|key| {
        let is_there = |subject: &str| subject == key.as_str();
        !found.matches.people.iter().any(|it| is_there(&it.subject))
            && !found.learned.iter().any(|(it, ..)| is_there(it.as_str()))
    });
    let open = open.map(|key| {
        let href = here().href(&address::person(key.as_str()));
        view! {
            <p class="note">
                "Is it a key that Fader has not met yet? "
                <a href=href>"See what "<span class="mono">{key.to_string()}</span>" would get"</a>"."
            </p>
        }
    });
    if found.matches.people.is_empty() && found.learned.is_empty() && found.matches.similar.is_empty() {
        let text =
            format!("Nobody among {} known people has “{}” anywhere.", grouped(found.known), found.query);
        return view! { <Empty title="Nobody found" text=text /> {open} }.into_any();
    }
    view! { {table(found)} {similar(found)} {learned(found)} {open} }.into_any()
}

fn start(known: usize, may_import: bool) -> impl IntoView {
    let (title, text) = if known == 0 {
        let how = if may_import {
            "Import a CSV file, or let your application say who its users are: PUT /api/v1/people/{id} with a server token."
        } else {
            "An admin can import them, or your application can send them."
        };
        ("Nobody is known yet".to_owned(), how.to_owned())
    } else {
        let text = "Type a key, a name, an e-mail address, a tenant – any words, in any order. You then see what they \
                    saw, what they would see now, and why. Who looks somebody up stands in the audit log.";
        (format!("{} known people", grouped(known)), text.to_owned())
    };
    view! { <Empty title=title text=text /> }
}

fn table(found: &Found) -> AnyView {
    if found.matches.people.is_empty() {
        return ().into_any();
    }
    let words: Vec<_> = found.query.to_lowercase().split_whitespace().map(str::to_owned).collect();
    let rows = found.matches.people.iter().map(|person| row(person, &words)).collect_view();
    let count = found.matches.people.len();
    let count = match (count, found.matches.more) {
        (n, true) => format!("The best {n} matches. More words narrow them."),
        (n, false) => counted(n, "person"),
    };
    let columns = vec![Column::Text("Person"), Column::Text("What is known")];
    view! {
        <Table columns class="people-table">{rows}</Table>
        <p class="note" role="status">{count}</p>
    }
    .into_any()
}

/// Those who are nearly called what was typed, said to be no more than that.
fn similar(found: &Found) -> Option<impl IntoView + use<>> {
    if found.matches.similar.is_empty() {
        return None;
    }
    let nobody = found.matches.people.is_empty().then(|| {
        let text = format!(
            "Nobody among {} known people has “{}” as it is written.",
            grouped(found.known),
            found.query
        );
        view! { <p role="status">{text}</p> }
    });
    let rows = found.matches.similar.iter().map(|person| row(person, &[])).collect_view();
    let columns = vec![Column::Text("Person"), Column::Text("What is known")];
    Some(view! {
        <section class="stack" aria-labelledby="similar-title">
            {nobody}
            <h2 id="similar-title">"Did you mean…"</h2>
            <Table columns class="people-table">{rows}</Table>
        </section>
    })
}

fn row(person: &Match, words: &[String]) -> impl IntoView + use<> {
    let href = here().href(&address::person(&person.subject));
    // The name stands under the key.
    let others = person.traits.iter().filter(|(name, _)| *name != "name");
    let mut traits: Vec<_> = others.map(|(name, value)| (name, value.display())).collect();
    let hit = |value: &str| {
        let lower = value.to_lowercase();
        words.iter().any(|word| lower.contains(word.as_str()))
    };
    let place = |name: &str| FIRST.iter().position(|first| *first == name).unwrap_or(FIRST.len());
    traits.sort_by_key(|(name, value)| (!hit(value), place(name)));
    let more = traits.len().saturating_sub(TRAITS_SHOWN);
    let more = (more > 0).then(|| view! { <li class="muted">{format!("and {more} more")}</li> });
    let traits = traits
        .iter()
        .take(TRAITS_SHOWN)
        .map(|(name, value)| {
            view! { <li><span class="muted">{(*name).to_owned()}</span>" "<b>{marked(value, words)}</b></li> }
        })
        .collect_view();
    let name = person.traits.get("name").map(AttributeValue::display);
    let name = name.map(|name| view! { <span class="people-name">{marked(&name, words)}</span> });
    view! {
        <tr>
            <td>
                <a class="person-link mono" href=href>{marked(&person.subject, words)}</a>
                {name}
            </td>
            <td data-label="Known"><ul class="people-traits">{traits}{more}</ul></td>
        </tr>
    }
}

fn learned(found: &Found) -> Option<impl IntoView + use<>> {
    if found.learned.is_empty() {
        return None;
    }
    let words = vec![found.query.to_lowercase()];
    let rows = found
        .learned
        .iter()
        .map(|(subject, first_ms, last_ms)| {
            let href = here().href(&address::person(subject.as_str()));
            let now_ms = here().now_ms;
            view! {
                <tr>
                    <td><a class="person-link mono" href=href>{marked(subject.as_str(), &words)}</a></td>
                    <td data-label="First seen">{time::ago(now_ms, *first_ms)}</td>
                    <td data-label="Last seen">{time::ago(now_ms, *last_ms)}</td>
                </tr>
            }
        })
        .collect_view();
    Some(view! {
        <section class="stack" aria-labelledby="learned-title">
            <h2 id="learned-title">"Seen, but nothing is stored with them"</h2>
            <Table columns=vec![Column::Text("Key"), Column::Text("First seen"), Column::Text("Last seen")]>{rows}</Table>
        </section>
    })
}
