//! The desk by keyboard: arrows walk through the rows.

use leptos::{ev, prelude::*, wasm_bindgen::JsCast, web_sys};
use web_sys::{Element, HtmlElement};

#[island]
pub fn DeskKeys() -> impl IntoView {
    Effect::new(|| {
        let keys = window_event_listener(ev::keydown, |event| {
            let Some(at) = event.target().and_then(|it| it.dyn_into::<Element>().ok()) else { return };
            if event.ctrl_key() || event.meta_key() || event.alt_key() {
                return;
            }
            let in_search = at.id() == "desk-q";
            match &*event.key() {
                "ArrowDown" if in_search => {
                    event.prevent_default();
                    focus_on(".desk tbody tr th a");
                }
                "ArrowDown" | "j" if is_row(&at) => walk(&event, &at, Element::next_element_sibling),
                "ArrowUp" | "k" if is_row(&at) => walk(&event, &at, Element::previous_element_sibling),
                _ => {}
            }
        });
        on_cleanup(move || keys.remove());
    });
}

fn is_row(at: &Element) -> bool {
    at.closest(".desk tbody tr").is_ok_and(|row| row.is_some()) && at.tag_name() == "A"
}

fn focus_on(selector: &str) {
    let found = document().query_selector(selector).ok().flatten();
    if let Some(found) = found.and_then(|it| it.dyn_into::<HtmlElement>().ok()) {
        drop(found.focus());
    }
}

/// To the next row; from the first one up, back to the search.
fn walk(event: &web_sys::KeyboardEvent, at: &Element, next: fn(&Element) -> Option<Element>) {
    let row = at.closest(".desk tbody tr").ok().flatten().and_then(|row| next(&row));
    event.prevent_default();
    let link = row.as_ref().and_then(|row| row.query_selector("th a").ok().flatten());
    match link.and_then(|link| link.dyn_into::<HtmlElement>().ok()) {
        Some(link) => drop(link.focus()),
        None if event.key() == "ArrowUp" || event.key() == "k" => focus_on("#desk-q"),
        None => {}
    }
}
