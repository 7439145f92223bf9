//! The command palette: Ctrl/Cmd-K finds commands, flags, groups and pages while somebody types. Without a script the
//! button is a link to the search page.

use std::time::Duration;

use leptos::{ev, html, prelude::*, task::spawn_local};
use wasm_bindgen::JsCast as _;

use crate::{call::find, error::CallError, found::Hit, refused::leads_on};

/// Between two keys nobody reads an answer.
const PAUSE: Duration = Duration::from_millis(70);

#[derive(Clone, Copy)]
struct Search {
    dialog: NodeRef<html::Dialog>,
    input: NodeRef<html::Input>,
    environment: StoredValue<String>,
    query: RwSignal<String>,
    /// Answers to older questions are dropped.
    asked: StoredValue<u32>,
    hits: RwSignal<Result<Vec<Hit>, CallError>>,
    selected: RwSignal<usize>,
}

#[island]
pub fn Palette(environment: String) -> impl IntoView {
    let palette = Search {
        dialog: NodeRef::new(),
        input: NodeRef::new(),
        environment: StoredValue::new(environment),
        query: RwSignal::new(String::new()),
        asked: StoredValue::new(0),
        hits: RwSignal::new(Ok(Vec::new())),
        selected: RwSignal::new(0),
    };
    Effect::new(move || {
        let _ = window_event_listener(ev::keydown, move |event| palette.shortcut(&event));
        let _ = window_event_listener(ev::click, move |event| palette.click(&event));
    });
    let active = move || format!("palette-{}", palette.selected.get());
    view! {
        <dialog class="palette" node_ref=palette.dialog aria-label="Search">
            <input
                node_ref=palette.input
                type="text"
                role="combobox"
                aria-label="Search commands, flags, groups, people and settings"
                aria-expanded="true"
                aria-controls="palette-list"
                aria-autocomplete="list"
                aria-activedescendant=active
                autocomplete="off"
                spellcheck="false"
                placeholder="Find a flag, a setting, or “stop …”"
                prop:value=move || palette.query.get()
                on:input=move |event| palette.ask(event_target_value(&event), PAUSE)
                on:keydown=move |event| palette.key(&event)
            />
            <ul id="palette-list" role="listbox" aria-label="Results">{move || palette.list()}</ul>
            <p class="palette-foot" aria-hidden="true">
                <kbd>"↑"</kbd><kbd>"↓"</kbd>" choose "<kbd>"↵"</kbd>" open "<kbd>"?"</kbd>" keys "<kbd>"Esc"</kbd>" close"
            </p>
            <p class="visually-hidden" role="status">{move || palette.count()}</p>
        </dialog>
    }
}

impl Search {
    fn open(self, query: &str) {
        let Some(dialog) = self.dialog.get_untracked() else { return };
        if !dialog.open() && dialog.show_modal().is_ok() {
            self.ask(query.to_owned(), Duration::ZERO);
            if let Some(input) = self.input.get_untracked() {
                let _ = input.focus();
            }
        }
    }

    fn close(self) {
        if let Some(dialog) = self.dialog.get_untracked() {
            dialog.close();
        }
    }

    /// Ctrl/Cmd-K opens and closes; `?` shows the keys; `/` goes to the page's own search field, or opens.
    fn shortcut(self, event: &web_sys::KeyboardEvent) {
        let key = event.key();
        if (event.ctrl_key() || event.meta_key()) && key.eq_ignore_ascii_case("k") {
            event.prevent_default();
            if self.dialog.get_untracked().is_some_and(|dialog| dialog.open()) {
                self.close();
            } else {
                self.open("");
            }
        } else if key == "?" && !is_typing() {
            event.prevent_default();
            self.open("?");
        } else if key == "/" && !event.ctrl_key() && !event.meta_key() && !is_typing() {
            event.prevent_default();
            let field = document().query_selector("[data-search]").ok().flatten();
            match field.and_then(|it| it.dyn_into::<web_sys::HtmlElement>().ok()) {
                Some(field) => drop(field.focus()),
                None => self.open(""),
            }
        }
    }

    fn click(self, event: &web_sys::MouseEvent) {
        let target = event.target().and_then(|it| it.dyn_into::<web_sys::Element>().ok());
        let Some(target) = target else { return };
        let plain = !event.ctrl_key() && !event.meta_key() && !event.shift_key() && event.button() == 0;
        if plain && target.closest("[data-palette]").ok().flatten().is_some() {
            event.prevent_default();
            self.open("");
        } else if self.dialog.get_untracked().is_some_and(|dialog| dialog.is_same_node(Some(&target))) {
            // The backdrop belongs to the dialog itself.
            self.close();
        }
    }

    fn key(self, event: &web_sys::KeyboardEvent) {
        let count = self.hits.with_untracked(|hits| hits.as_ref().map_or(0, Vec::len));
        let step = match event.key().as_str() {
            "ArrowDown" => 1,
            "ArrowUp" => count.saturating_sub(1),
            "Enter" => {
                event.prevent_default();
                return self.go(self.selected.get_untracked());
            }
            _ => return,
        };
        event.prevent_default();
        if count > 0 {
            self.selected.update(|at| *at = (*at + step) % count);
            let id = format!("palette-{}", self.selected.get_untracked());
            if let Some(option) = document().get_element_by_id(&id) {
                option.scroll_into_view_with_bool(false);
            }
        }
    }

    fn go(self, at: usize) {
        let href = self.hits.with_untracked(|hits| Some(hits.as_ref().ok()?.get(at)?.href.clone()));
        let Some(href) = href.filter(|href| !href.is_empty()) else { return };
        self.close();
        let Some(button) = href.strip_prefix('#') else {
            drop(window().location().set_href(&href));
            return;
        };
        let button =
            document().get_element_by_id(button).and_then(|it| it.dyn_into::<web_sys::HtmlElement>().ok());
        if let Some(button) = button {
            button.click();
        }
    }

    fn ask(self, query: String, pause: Duration) {
        self.query.set(query.clone());
        self.asked.update_value(|asked| *asked += 1);
        let question = self.asked.get_value();
        set_timeout(
            move || {
                if self.asked.get_value() == question {
                    spawn_local(self.answer(question, query));
                }
            },
            pause,
        );
    }

    async fn answer(self, question: u32, query: String) {
        let hits = find(self.environment.get_value(), query).await;
        if self.asked.get_value() == question {
            if let Err(error) = &hits {
                leads_on(error);
            }
            self.selected.set(0);
            self.hits.set(hits);
        }
    }

    fn list(self) -> AnyView {
        match self.hits.get() {
            Err(error) => view! { <li class="palette-none">{error.to_string()}</li> }.into_any(),
            Ok(hits) if hits.is_empty() && !self.query.get().is_empty() => {
                view! { <li class="palette-none">"Nothing found."</li> }.into_any()
            }
            Ok(hits) => {
                hits.into_iter().enumerate().map(|(at, hit)| self.option(at, hit)).collect_view().into_any()
            }
        }
    }

    fn option(self, at: usize, hit: Hit) -> impl IntoView {
        let selected = move || if self.selected.get() == at { "true" } else { "false" };
        view! {
            <li
                id=format!("palette-{at}")
                role="option"
                aria-selected=selected
                on:click=move |_| self.go(at)
                on:mousemove=move |_| self.selected.set(at)
            >
                <span class="palette-kind">{hit.kind.word()}</span>
                <span class="palette-title">{hit.title}</span>
                <span class="palette-detail">{hit.detail}</span>
            </li>
        }
    }

    fn count(self) -> String {
        match self.hits.get() {
            Ok(hits) if hits.len() == 1 => "1 result".to_owned(),
            Ok(hits) => format!("{} results", hits.len()),
            Err(error) => error.to_string(),
        }
    }
}

fn is_typing() -> bool {
    let active = document().active_element();
    active.is_some_and(|it| {
        matches!(it.tag_name().as_str(), "INPUT" | "SELECT" | "TEXTAREA")
            || it.has_attribute("contenteditable")
    })
}
