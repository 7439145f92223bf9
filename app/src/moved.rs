//! Who gains and who loses something by a change, by name and with the reason: the first of each side, and all of them page
//! by page. Only for those who may look people up; the audit log is told.

use std::sync::Arc;

use engine::{Count, Sample, Side, Snapshot, counted, grouped};
use leptos::prelude::*;
use store::{Asker, Moves, Moving, Operation, Patience, StoreError};

use crate::{
    error::AppError,
    form::error::as_sentence,
    page::{Page, here::here},
    ui::person::person_link,
};

/// So many of each side stand beside each other…
const FIRST: usize = 20;
/// …and so many on a page of one side.
const PAGE: usize = 50;

/// What is looked at: the first of each side, or one page of one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Look(Option<(Side, usize)>);

impl Look {
    /// What a button asks for: `who`, or `who:gained:2`.
    pub fn parse(intent: &str) -> Option<Self> {
        let mut parts = intent.strip_prefix("who")?.splitn(3, ':');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(""), None, None) => Some(Self(None)),
            (Some(""), Some(side), Some(page)) => Some(Self(Some((side.parse().ok()?, page.parse().ok()?)))),
            _ => None,
        }
    }

    fn text(self) -> String {
        self.0.map_or_else(|| "who".to_owned(), |(side, page)| format!("who:{}:{page}", side.as_str()))
    }
}

/// How one goes on to another page.
#[derive(Debug, Clone)]
pub enum Way {
    /// By buttons of the form that holds the change; the region that they replace.
    Buttons(&'static str),
    /// By links: an address that ends in the name of what is looked at.
    Links(String),
}

/// What is said of a side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    Flag,
    Group,
}

/// Those whom a change moves, as far as the reader may see them.
pub enum Names {
    /// Whoever looks may not look people up.
    NotTheirs,
    Counting,
    /// There is no change to compare with yet.
    Unfinished(String),
    Told(Told),
}

pub struct Told {
    look: Look,
    sample: Sample,
    parts: Vec<Part>,
}

struct Part {
    side: Side,
    /// Among those who were looked at.
    found: usize,
    skipped: usize,
    people: Vec<(String, String)>,
}

impl Names {
    pub async fn of(
        page: &Page,
        snapshot: &Arc<Snapshot>,
        moving: Moving,
        look: Look,
    ) -> Result<Self, AppError> {
        let Ok(reader) = page.principal.people_reader() else { return Ok(Self::NotTheirs) };
        let asker = Asker::new(&page.viewer(), "moves");
        let asked = (Some(asker), Patience::PREVIEW);
        match page.store().moves(&reader, snapshot, moving, asked).await {
            Ok(Some(moves)) => Ok(Self::Told(Told::of(&moves, look))),
            Ok(None) => Ok(Self::Counting),
            Err(error @ StoreError::Refused(_)) => Ok(Self::Unfinished(as_sentence(&error.to_string()))),
            Err(error) => Err(error.into()),
        }
    }

    pub fn view(&self, way: &Way, what: What) -> AnyView {
        let note = |text: String| view! { <p class="note">{text}</p> }.into_any();
        match self {
            Self::NotTheirs => note(here().why_not(Operation::ReadPeople).unwrap_or_default()),
            Self::Unfinished(sentence) => note(sentence.clone()),
            Self::Counting => view! {
                {note("They are being looked for.".to_owned())}
                {step(way, Look::default(), "Look again".to_owned())}
            }
            .into_any(),
            Self::Told(told) => told.view(way, what),
        }
    }
}

impl Told {
    fn of(moves: &Moves, look: Look) -> Self {
        let part = |side: Side, page: usize, limit: usize| {
            let found = moves.moved.places(side).len();
            let skipped = skipped(page, found);
            Part { side, found, skipped, people: moves.page(side, skipped, limit) }
        };
        let parts = match look.0 {
            Some((side, page)) => vec![part(side, page, PAGE)],
            None => {
                Side::ALL.into_iter().map(|side| part(side, 0, FIRST)).filter(|it| it.found > 0).collect()
            }
        };
        Self { look, sample: moves.moved.sample, parts }
    }

    fn view(&self, way: &Way, what: What) -> AnyView {
        let nobody = self.parts.iter().all(|part| part.found == 0).then(|| {
            let text = match (what, self.sample.is_whole()) {
                (What::Flag, true) => "Nobody gains it, and nobody loses it.",
                (What::Group, true) => "Nobody comes in, and nobody leaves.",
                (_, false) => "Nobody among those looked at so far.",
            };
            view! { <p class="note">{text}</p> }
        });
        let so_far = (!self.sample.is_whole()).then(|| {
            let text = format!(
                "These are from a sample: {} of {}.",
                grouped(self.sample.seen),
                counted(self.sample.known, "known person"),
            );
            view! { <p class="note">{text}" "{step(way, self.look, "Look again".to_owned())}</p> }
        });
        let parts = self.parts.iter().map(|part| self.part(part, way, what)).collect_view();
        let back = self.look.0.map(|_| step(way, Look::default(), "Both sides".to_owned()));
        view! { {nobody} <div class="who-sides">{parts}</div> {so_far} {back} }.into_any()
    }

    fn part(&self, part: &Part, way: &Way, what: What) -> impl IntoView + use<> {
        let (until, is_whole) = (part.skipped + part.people.len(), self.sample.is_whole());
        let id = format!("who-{}", part.side.as_str());
        let people = part
            .people
            .iter()
            .map(|(subject, why)| {
                let why = (!why.is_empty()).then(|| view! { " "<small class="muted">{why.clone()}</small> });
                view! { <li>{person_link(subject)}{why}</li> }
            })
            .collect_view();
        let page = |page: usize, text: String| step(way, Look(Some((part.side, page))), text);
        let on = match self.look.0 {
            None => (part.found > until).then(|| {
                page(
                    0,
                    if is_whole {
                        format!("and {} more", grouped(part.found - until))
                    } else {
                        "and more".to_owned()
                    },
                )
                .into_any()
            }),
            Some((_, at)) => {
                let range =
                    format!("{}–{} of {}", grouped(part.skipped + 1), grouped(until), grouped(part.found));
                let before = at.checked_sub(1).map(|at| page(at, "Previous".to_owned()));
                let next = (part.found > until).then(|| page(at + 1, "Next".to_owned()));
                let shown = !part.people.is_empty();
                shown.then(|| {
                    view! { <p class="cluster"><span class="muted">{range}</span>{before}{next}</p> }
                        .into_any()
                })
            }
        };
        let labelled = id.clone();
        view! {
            <section aria-labelledby=labelled>
                <h3 id=id>{headline(part.side, self.sample.count(part.found), what)}</h3>
                <ol class="who-list" start=(part.skipped + 1).to_string()>{people}</ol>
                {on}
            </section>
        }
    }
}

/// How many stand on the pages before: no more than there are, whatever page was asked for.
fn skipped(page: usize, found: usize) -> usize {
    page.saturating_mul(PAGE).min(found)
}

/// `310 people gain it`.
fn headline(side: Side, count: Count, what: What) -> String {
    let one = count == Count::Exact(1);
    let does = match (what, side, one) {
        (What::Flag, Side::Gained, true) => "gains it",
        (What::Flag, Side::Gained, false) => "gain it",
        (What::Flag, Side::Lost, true) => "loses it",
        (What::Flag, Side::Lost, false) => "lose it",
        (What::Flag | What::Group, Side::Switched, true) => "gets another variant",
        (What::Flag | What::Group, Side::Switched, false) => "get another variant",
        (What::Group, Side::Gained, true) => "comes in",
        (What::Group, Side::Gained, false) => "come in",
        (What::Group, Side::Lost, true) => "leaves",
        (What::Group, Side::Lost, false) => "leave",
    };
    let people = match count {
        Count::Exact(n) => counted(n, "person"),
        Count::About { .. } => format!("{} people", count.phrase()),
    };
    as_sentence(&format!("{people} {does}")).trim_end_matches('.').to_owned()
}

/// The way to another page.
fn step(way: &Way, look: Look, text: String) -> AnyView {
    match way {
        Way::Buttons(region) => view! {
            <button
                class="button"
                data-size="small"
                data-kind="quiet"
                name="intent"
                value=look.text()
                formaction=format!("#{region}")
                data-swap=*region
                formnovalidate
            >
                {text}
            </button>
        }
        .into_any(),
        Way::Links(base) => view! {
            <a class="button" data-size="small" data-kind="quiet" href=format!("{base}{}", look.text())>{text}</a>
        }
        .into_any(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_survives_the_button_that_asks_for_it() {
        for look in [Look(None), Look(Some((Side::Gained, 0))), Look(Some((Side::Switched, 17)))] {
            assert_eq!(Look::parse(&look.text()), Some(look));
        }
        for other in ["", "whom", "who:", "who:gained", "who:gained:x", "who:all:1", "save"] {
            assert_eq!(Look::parse(other), None, "{other}");
        }
    }

    #[test]
    fn no_page_is_beyond_the_last_person() {
        let asked = |page: usize| skipped(page, 120);
        assert_eq!([asked(0), asked(1), asked(2), asked(3), asked(usize::MAX)], [0, 50, 100, 120, 120]);
        assert_eq!(skipped(usize::MAX, 0), 0);
    }

    #[test]
    fn a_side_says_how_many_it_is() {
        assert_eq!(headline(Side::Gained, Count::Exact(310), What::Flag), "310 people gain it");
        assert_eq!(headline(Side::Lost, Count::Exact(1), What::Group), "1 person leaves");
        let about = Count::About { about: 124_000, within: 900 };
        assert_eq!(headline(Side::Lost, about, What::Flag), "About 124,000 ± 900 people lose it");
    }
}
