//! The desk by keyboard: arrows walk through the rows.

use leptos::prelude::*;
use wasm_bindgen::JsCast as _;
use web_sys::{Element, HtmlElement, KeyboardEvent};

use crate::dom::{around, find, find_in, in_browser, listen, target};

#[island]
pub fn DeskKeys() -> impl IntoView {
    in_browser(|| {
        listen("keydown", |event| {
            if let Some(event) = event.dyn_ref() {
                press(event);
            }
        });
    });
}

fn press(event: &KeyboardEvent) {
    let Some(at) = target::<Element>(event) else { return };
    if event.ctrl_key() || event.meta_key() || event.alt_key() {
        return;
    }
    match &*event.key() {
        "ArrowDown" if at.id() == "desk-q" => {
            event.prevent_default();
            focus_on(".desk tbody tr th a");
        }
        "ArrowDown" | "j" if is_row(&at) => walk(event, &at, false),
        "ArrowUp" | "k" if is_row(&at) => walk(event, &at, true),
        _ => {}
    }
}

fn is_row(at: &Element) -> bool {
    around(at, ".desk tbody tr").is_some() && at.tag_name() == "A"
}

fn focus_on(selector: &str) {
    if let Some(found) = find::<HtmlElement>(selector) {
        drop(found.focus());
    }
}

/// To the next row; from the first one up, back to the search.
fn walk(event: &KeyboardEvent, at: &Element, up: bool) {
    event.prevent_default();
    let row = around(at, ".desk tbody tr");
    let next = row.and_then(|it| if up { it.previous_element_sibling() } else { it.next_element_sibling() });
    match next.and_then(|row| find_in::<HtmlElement>(&row, "th a")) {
        Some(link) => drop(link.focus()),
        None if up => focus_on("#desk-q"),
        None => {}
    }
}
