//! The command palette: Ctrl/Cmd-K finds commands, flags, groups and pages while somebody types. The server renders the
//! dialog and what is found; without a script the button is a link to the search page.

use std::cell::Cell;

use leptos::prelude::*;
use wasm_bindgen::JsCast as _;
use wasm_bindgen_futures::spawn_local;
use web_sys::{Element, Event, HtmlDialogElement, HtmlElement, HtmlInputElement, KeyboardEvent, MouseEvent};

use crate::{
    call::{NoAnswer, call},
    dom::{all, around, by_id, find, in_browser, later, listen, listen_at, set, target},
};

/// Between two keys nobody reads an answer.
const PAUSE_MS: i32 = 70;
/// The dialog, and the parts of it that change.
pub const DIALOG: &str = "palette";
pub const INPUT: &str = "palette-input";
pub const LIST: &str = "palette-list";
pub const TOLD: &str = "palette-told";

thread_local! {
    /// Answers to older questions are dropped.
    static ASKED: Cell<u32> = const { Cell::new(0) };
}

#[island]
pub fn Palette() -> impl IntoView {
    in_browser(|| {
        listen("keydown", |event| {
            if let Some(event) = event.dyn_ref() {
                shortcut(event);
            }
        });
        listen("click", |event| {
            if let Some(event) = event.dyn_ref() {
                click(event);
            }
        });
        let Some(dialog) = dialog() else { return };
        listen_at(&dialog, "input", |_| {
            if let Some(input) = input() {
                ask(input.value(), PAUSE_MS);
            }
        });
        listen_at(&dialog, "keydown", |event| {
            if let Some(event) = event.dyn_ref() {
                key(event);
            }
        });
        listen_at(&dialog, "mousemove", |event| {
            if let Some(option) = option_of(&event).filter(|it| !is_selected(it)) {
                select(&option);
            }
        });
    });
}

fn dialog() -> Option<HtmlDialogElement> {
    by_id(DIALOG)
}

fn input() -> Option<HtmlInputElement> {
    by_id(INPUT)
}

fn open(query: &str) {
    let (Some(dialog), Some(input)) = (dialog(), input()) else { return };
    if !dialog.open() && dialog.show_modal().is_ok() {
        input.set_value(query);
        ask(query.to_owned(), 0);
        let _ = input.focus();
    }
}

fn close() {
    if let Some(dialog) = dialog() {
        dialog.close();
    }
}

/// Ctrl/Cmd-K opens and closes; `?` shows the keys; `/` goes to the page's own search field, or opens.
fn shortcut(event: &KeyboardEvent) {
    let key = event.key();
    if (event.ctrl_key() || event.meta_key()) && key.eq_ignore_ascii_case("k") {
        event.prevent_default();
        if dialog().is_some_and(|dialog| dialog.open()) {
            close();
        } else {
            open("");
        }
    } else if key == "?" && !is_typing() {
        event.prevent_default();
        open("?");
    } else if key == "/" && !event.ctrl_key() && !event.meta_key() && !is_typing() {
        event.prevent_default();
        match find::<HtmlElement>("[data-search]") {
            Some(field) => drop(field.focus()),
            None => open(""),
        }
    }
}

fn click(event: &MouseEvent) {
    let Some(pressed) = target::<Element>(event) else { return };
    let plain = !event.ctrl_key() && !event.meta_key() && !event.shift_key() && event.button() == 0;
    if plain && around(&pressed, "[data-palette]").is_some() {
        event.prevent_default();
        open("");
    } else if dialog().is_some_and(|dialog| dialog.is_same_node(Some(&pressed))) {
        // The backdrop belongs to the dialog itself.
        close();
    } else if let Some(option) = option_of(event) {
        go(&option);
    }
}

/// Keys in the dialog: its one field has the focus.
fn key(event: &KeyboardEvent) {
    let options = options();
    let at = options.iter().position(is_selected).unwrap_or_default();
    let next = match event.key().as_str() {
        "ArrowDown" => at + 1,
        "ArrowUp" => at + options.len().saturating_sub(1),
        "Enter" => {
            event.prevent_default();
            if let Some(option) = options.get(at) {
                go(option);
            }
            return;
        }
        _ => return,
    };
    event.prevent_default();
    if let Some(option) = next.checked_rem(options.len()).and_then(|next| options.get(next)) {
        select(option);
        option.scroll_into_view_with_bool(false);
    }
}

fn options() -> Vec<Element> {
    all("#palette-list > [role=option]")
}

fn option_of(event: &Event) -> Option<Element> {
    around(&target(event)?, "#palette-list > [role=option]")
}

fn is_selected(option: &Element) -> bool {
    option.get_attribute("aria-selected").is_some_and(|it| it == "true")
}

fn select(option: &Element) {
    for other in options() {
        let is_it = other.is_same_node(Some(option));
        set(&other, "aria-selected", if is_it { "true" } else { "false" });
    }
    if let Some(input) = input() {
        set(&input, "aria-activedescendant", &option.id());
    }
}

fn go(option: &Element) {
    let href = option.get_attribute("data-href").unwrap_or_default();
    if href.is_empty() {
        return;
    }
    close();
    match href.strip_prefix('#') {
        None => drop(window().location().set_href(&href)),
        Some(button) => {
            if let Some(button) = by_id::<HtmlElement>(button) {
                button.click();
            }
        }
    }
}

fn ask(query: String, pause_ms: i32) {
    let question = ASKED.get() + 1;
    ASKED.set(question);
    later(pause_ms, move || {
        if ASKED.get() == question {
            spawn_local(answer(question, query));
        }
    });
}

async fn answer(question: u32, query: String) {
    let environment = dialog().and_then(|it| it.get_attribute("data-environment")).unwrap_or_default();
    let answer = call("find", &[("environment", &environment), ("query", &query)]).await;
    let Some(list) = by_id::<Element>(LIST).filter(|_| ASKED.get() == question) else { return };
    let told = match answer {
        Err(NoAnswer::Leaving) => return,
        Ok(found) => {
            list.set_outer_html(&found);
            by_id::<Element>(LIST).and_then(|it| it.get_attribute("data-told")).unwrap_or_default()
        }
        Err(NoAnswer::Because(why)) => {
            list.set_text_content(None);
            if let Ok(line) = document().create_element("li") {
                line.set_class_name("palette-none");
                line.set_text_content(Some(&why));
                drop(list.append_child(&line));
            }
            why
        }
    };
    if let Some(input) = input() {
        set(&input, "aria-activedescendant", "palette-0");
    }
    if let Some(status) = by_id::<Element>(TOLD) {
        status.set_text_content(Some(&told));
    }
}

fn is_typing() -> bool {
    let active = document().active_element();
    active.is_some_and(|it| {
        matches!(it.tag_name().as_str(), "INPUT" | "SELECT" | "TEXTAREA")
            || it.has_attribute("contenteditable")
    })
}
