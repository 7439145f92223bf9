//! One item as people read it. Whatever the user typed is text: it is escaped, keeps its own direction, and cannot
//! leave its box.

use engine::{EnvironmentKey, FlagKey};
use leptos::prelude::*;
use store::{
    Completed, Feedback, FeedbackId, FeedbackKind, FeedbackSource, Handler, Saw, Store, TriageState,
    limits::REASON_CHARS_MAX,
};

use crate::{
    flag::Tab,
    page::{
        address,
        here::{Here, here},
    },
    ui::{
        badge::{Badge, Tone},
        icon,
        text_area::TextArea,
        time,
    },
};

/// Beyond this a comment gets a box that scrolls.
const COMMENT_LONG_CHARS: usize = 700;
const COMMENT_LONG_LINES: usize = 9;
/// So many variants stand on the card; the others behind a press.
const SAW_SHOWN: usize = 2;

/// What flags and groups of one environment are called.
#[derive(Clone)]
pub struct Names {
    flags: Vec<(FlagKey, String)>,
    groups: Vec<(String, String)>,
}

impl Names {
    pub fn of(store: &Store, environment: &EnvironmentKey) -> Self {
        let Some(snapshot) = store.live().snapshot(environment.as_str()) else {
            return Self { flags: Vec::new(), groups: Vec::new() };
        };
        let flag = |flag: &engine::CompiledFlag| (flag.flag().key.clone(), flag.flag().name.clone());
        let mut flags: Vec<_> = snapshot.flags().map(flag).collect();
        flags.sort_by_key(|(_, name)| name.to_lowercase());
        let group = |group: &engine::CompiledGroup| (group.key().to_string(), group.name().to_owned());
        let mut groups: Vec<_> = snapshot.groups().map(group).collect();
        groups.sort_by_key(|(_, name)| name.to_lowercase());
        Self { flags, groups }
    }

    /// By name: key and name.
    pub fn flags(&self) -> Vec<(String, String)> {
        self.flags.iter().map(|(key, name)| (key.to_string(), name.clone())).collect()
    }

    pub fn groups(&self) -> Vec<(String, String)> {
        self.groups.clone()
    }

    /// The flag's name; its key when it is gone.
    pub fn flag(&self, key: &FlagKey) -> String {
        self.flags.iter().find(|(it, _)| it == key).map_or_else(|| key.to_string(), |(_, name)| name.clone())
    }

    fn group(&self, key: &str) -> String {
        self.groups.iter().find(|(it, _)| it == key).map_or_else(|| key.to_owned(), |(_, name)| name.clone())
    }
}

pub fn kind(kind: FeedbackKind) -> &'static str {
    match kind {
        FeedbackKind::Confusing => "Confusing",
        FeedbackKind::Broken => "Broken",
        FeedbackKind::Slow => "Slow",
        FeedbackKind::Love => "Love it",
    }
}

pub fn completed(completed: Completed) -> &'static str {
    match completed {
        Completed::Yes => "Yes",
        Completed::Partly => "Partly",
        Completed::No => "No",
    }
}

/// `12 s`, `3 min 5 s`, `2 h 4 min`.
pub fn duration(ms: u64) -> String {
    let seconds = (ms + 500) / 1000;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 if seconds.is_multiple_of(60) => format!("{} min", seconds / 60),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// A line of the inbox, with triage behind a press where the reader may.
pub fn in_list(item: &Feedback, names: &Names, handlers: &[Handler]) -> impl IntoView + use<> {
    let here = here();
    let triage = (!handlers.is_empty()).then(|| {
        let back = here.same_path_with(&[]);
        let form = triage_form(item, handlers, &Typed::of(item), Some(back), &here);
        view! {
            <details class="triage">
                <summary class="button" data-size="small" aria-label=format!("Triage feedback {}", item.id)>
                    {icon::edit()}
                    "Triage"
                </summary>
                {form}
            </details>
        }
    });
    view! {
        <li class="feedback-card" id=format!("feedback-{}", item.id) data-key=item.id.to_string() data-state=item.state.as_str()>
            {content(item, names, &here)}
            {triage}
        </li>
    }
}

/// Everything that was told, and what became of it.
pub fn content(item: &Feedback, names: &Names, here: &Here) -> impl IntoView + use<> {
    let note = (!item.note.is_empty())
        .then(|| view! { <p class="feedback-note" dir="auto"><span class="note">"Note: "</span>{item.note.clone()}</p> });
    view! {
        <div class="feedback-head">
            <div class="cluster">{rating(item)}{marks(item)}</div>
            <div class="cluster">{state(item)}<a class="note" href=here.href(&format!("/feedback/{}", item.id))>{time::ago(here.now_ms, item.received_ms)}<span class="visually-hidden">{format!(", feedback {}", item.id)}</span></a></div>
        </div>
        {comment(item.id, &item.comment)}
        {note}
        <div class="feedback-foot">{origin(item, here)}{saw(item, names, here)}</div>
    }
}

fn rating(item: &Feedback) -> Option<impl IntoView + use<>> {
    let stars = item.rating?.get();
    let dots = (1..=5).map(|at| view! { <i data-on=(at <= stars).then_some("")></i> }).collect_view();
    Some(view! {
        <span class="rating" role="img" aria-label=format!("Rated {stars} of 5")>
            <b>{stars}</b>
            <span class="rating-dots">{dots}</span>
        </span>
    })
}

fn marks(item: &Feedback) -> impl IntoView + use<> {
    let source = match item.source {
        FeedbackSource::Support => {
            Some(view! { <Badge tone=Tone::Warning text="Complaint, logged by support" /> })
        }
        FeedbackSource::User => None,
    };
    let kinds = item
        .kinds
        .iter()
        .map(|it| {
            let tone = match it {
                FeedbackKind::Broken => Tone::Danger,
                FeedbackKind::Confusing | FeedbackKind::Slow => Tone::Warning,
                FeedbackKind::Love => Tone::Good,
            };
            view! { <Badge tone=tone text=kind(*it) /> }
        })
        .collect_view();
    let done = item.completed.map(|it| {
        let text = match it {
            Completed::Yes => "Completed",
            Completed::Partly => "Partly completed",
            Completed::No => "Not completed",
        };
        view! { <span class="note">{text}</span> }
    });
    let took =
        item.duration_ms.map(|ms| view! { <span class="note">{format!("took {}", duration(ms))}</span> });
    (source, kinds, done, took)
}

fn state(item: &Feedback) -> impl IntoView + use<> {
    let tone = match item.state {
        TriageState::New => Tone::Accent,
        TriageState::Looking => Tone::Warning,
        TriageState::Resolved => Tone::Good,
        TriageState::WontFix => Tone::Neutral,
    };
    let assignee = item.assignee_name.clone().map(|name| view! { <span class="note">{name}</span> });
    view! { <Badge tone=tone text=item.state.label() />{assignee} }
}

fn comment(id: FeedbackId, text: &str) -> Option<impl IntoView + use<>> {
    if text.is_empty() {
        return None;
    }
    let long = text.chars().count() > COMMENT_LONG_CHARS || text.lines().count() > COMMENT_LONG_LINES;
    // A box that scrolls has to be reachable with the keyboard.
    let (tab, role, label) = if long {
        (Some("0"), Some("region"), Some(format!("Comment of feedback {id}")))
    } else {
        (None, None, None)
    };
    Some(view! {
        <div class="feedback-comment" dir="auto" data-long=long.then_some("") tabindex=tab role=role aria-label=label>{text.to_owned()}</div>
    })
}

fn origin(item: &Feedback, here: &Here) -> impl IntoView + use<> {
    let page = (!item.page.is_empty()).then(
        || view! { <span class="note feedback-page">"on "<code dir="auto">{item.page.clone()}</code></span> },
    );
    let logged = (!item.logged_by.is_empty()).then(|| {
        view! { <span class="note">"about "{time::instant(item.at_ms)}", logged by "{item.logged_by.clone()}</span> }
    });
    view! {
        <span class="feedback-who">
            <a href=here.href(&address::person(item.subject.as_str())) title="What they saw, and why"><bdi>{item.subject.to_string()}</bdi></a>
            {page}
            {logged}
        </span>
    }
}

/// The variants they had: that of the flag it is about first.
fn saw(item: &Feedback, names: &Names, here: &Here) -> impl IntoView + use<> {
    let mut sorted: Vec<&Saw> = item.saw.iter().collect();
    sorted.sort_by_key(|it| (item.flag.as_ref() != Some(&it.flag), names.flag(&it.flag)));
    let chip = |it: &&Saw| chip(it, names, here);
    let shown = sorted.iter().take(SAW_SHOWN).map(chip).collect_view();
    let rest = sorted.get(SAW_SHOWN..).unwrap_or_default();
    let more = (!rest.is_empty()).then(|| {
        let chips = rest.iter().map(chip).collect_view();
        let summary = engine::counted(rest.len(), "more flag");
        view! { <details class="feedback-more"><summary class="note">{summary}</summary><div class="cluster">{chips}</div></details> }
    });
    let nothing = match (&item.flag, sorted.is_empty()) {
        (Some(flag), true) => {
            Some(format!("About {}; Fader served them nothing around then.", names.flag(flag)))
        }
        (None, true) => Some("Fader served them nothing around then.".to_owned()),
        (_, false) => None,
    };
    let nothing = nothing.map(|text| view! { <span class="note">{text}</span> });
    view! { <div class="feedback-saw cluster">{shown}{nothing}{more}</div> }
}

fn chip(saw: &Saw, names: &Names, here: &Here) -> impl IntoView + use<> {
    let group = saw.group.as_ref().map(|key| names.group(key.as_str()));
    let how: Vec<String> = saw.arm.map(|arm| arm.as_str().to_owned()).into_iter().chain(group).collect();
    let how =
        (!how.is_empty()).then(|| view! { <span class="note">{format!("({})", how.join(", "))}</span> });
    let (word, title) = if saw.seen {
        ("saw", format!("From the ledger, at revision {}", saw.revision))
    } else {
        ("had", format!("Decided at revision {}; the ledger has no exposure", saw.revision))
    };
    view! {
        <span class="saw" title=title>
            <span class="note">{word}</span>
            <a href=here.href(&Tab::Feedback.path(&saw.flag))>{names.flag(&saw.flag)}</a>
            <code>{saw.variant.to_string()}</code>
            {how}
        </span>
    }
}

/// What is typed into the triage form.
#[derive(Debug, Clone)]
pub struct Typed {
    pub version: u64,
    pub state: String,
    pub assignee: String,
    pub note: String,
}

impl Typed {
    pub fn of(item: &Feedback) -> Self {
        Self {
            version: item.version,
            state: item.state.as_str().to_owned(),
            assignee: item.assignee.map(|id| id.to_string()).unwrap_or_default(),
            note: item.note.clone(),
        }
    }
}

/// State, assignee and note. `back`: where to return to.
pub fn triage_form(
    item: &Feedback,
    handlers: &[Handler],
    typed: &Typed,
    back: Option<String>,
    here: &Here,
) -> impl IntoView + use<> {
    let id = item.id;
    let states = TriageState::ALL
        .iter()
        .map(|it| {
            let selected = it.as_str() == typed.state;
            view! { <option value=it.as_str() selected=selected>{it.label()}</option> }
        })
        .collect_view();
    let assignees = handlers
        .iter()
        .map(|it| {
            let value = it.id.to_string();
            let selected = value == typed.assignee;
            view! { <option value=value selected=selected>{it.name.clone()}</option> }
        })
        .collect_view();
    let back = back.map(|back| view! { <input type="hidden" name="back" value=back /> });
    view! {
        <form method="post" action=here.href(&format!("/feedback/{id}")) class="triage-form stack" data-guard=format!("feedback/{id}")>
            <input type="hidden" name="version" value=typed.version.to_string() />
            {back}
            <div class="field-row">
                <div class="field">
                    <label for=format!("state-{id}")>"State"</label>
                    <select id=format!("state-{id}") name="state">{states}</select>
                </div>
                <div class="field">
                    <label for=format!("assignee-{id}")>"Assignee"</label>
                    <select id=format!("assignee-{id}") name="assignee"><option value="">"Nobody"</option>{assignees}</select>
                </div>
            </div>
            <div class="field">
                <label for=format!("note-{id}")>"Note"</label>
                <TextArea id=format!("note-{id}") name="note" value=typed.note.clone() rows=2 maxlength=Some(REASON_CHARS_MAX) />
            </div>
            <div class="cluster"><button class="button" data-kind="primary">"Save"</button></div>
        </form>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_said_like_people_say_it() {
        let cases = [
            (400, "0 s"),
            (12_000, "12 s"),
            (60_000, "1 min"),
            (185_000, "3 min 5 s"),
            (7_440_000, "2 h 4 min"),
        ];
        for (ms, phrase) in cases {
            assert_eq!(duration(ms), phrase);
        }
    }

    #[test]
    fn what_users_type_is_text() {
        let html = |text: &str| {
            comment(FeedbackId::new(1), text).map(leptos::prelude::RenderHtml::to_html).unwrap_or_default()
        };
        let markup = html("<script>alert(1)</script><img src=x onerror=alert(2)>");
        assert!(!markup.contains("<script") && !markup.contains("<img"), "{markup}");
        assert!(markup.contains("&lt;script&gt;"), "{markup}");
        assert!(html("مرحبا 🚀").contains("dir=\"auto\""));
        assert!(html(&"x".repeat(COMMENT_LONG_CHARS + 1)).contains("tabindex=\"0\""));
        assert_eq!(html(""), "");
    }
}
