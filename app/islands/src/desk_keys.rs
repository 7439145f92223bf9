//! The desk by keyboard: arrows walk through the rows, typing narrows them at once. The form does
//! the same on the server when it is sent.

use leptos::{ev, prelude::*, wasm_bindgen::JsCast, web_sys};
use web_sys::{Element, HtmlElement, HtmlInputElement};

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
                    focus_on(".desk tbody tr:not([hidden]) th a");
                }
                "ArrowDown" | "j" if is_row(&at) => walk(&event, &at, Element::next_element_sibling),
                "ArrowUp" | "k" if is_row(&at) => walk(&event, &at, Element::previous_element_sibling),
                _ => {}
            }
        });
        let typed = window_event_listener(ev::input, |event| {
            if let Some(search) = event.target().and_then(|it| it.dyn_into::<HtmlInputElement>().ok())
                && search.id() == "desk-q"
            {
                narrow(&search.value());
            }
        });
        let chosen = window_event_listener(ev::change, |event| {
            let Some(control) = event.target().and_then(|it| it.dyn_into::<Element>().ok()) else { return };
            if !control.has_attribute("data-filter") {
                return;
            }
            if let Ok(Some(form)) = control.closest("form")
                && let Ok(form) = form.dyn_into::<web_sys::HtmlFormElement>()
            {
                drop(form.submit());
            }
        });
        on_cleanup(move || {
            keys.remove();
            typed.remove();
            chosen.remove();
        });
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

/// To the next row that is shown; from the first one up, back to the search.
fn walk(event: &web_sys::KeyboardEvent, at: &Element, next: fn(&Element) -> Option<Element>) {
    let mut row = at.closest(".desk tbody tr").ok().flatten().and_then(|row| next(&row));
    while row.as_ref().is_some_and(|row| row.has_attribute("hidden")) {
        row = row.and_then(|row| next(&row));
    }
    event.prevent_default();
    let link = row.as_ref().and_then(|row| row.query_selector("th a").ok().flatten());
    match link.and_then(|link| link.dyn_into::<HtmlElement>().ok()) {
        Some(link) => drop(link.focus()),
        None if event.key() == "ArrowUp" || event.key() == "k" => focus_on("#desk-q"),
        None => {}
    }
}

/// Hides the rows in which a word is not found.
fn narrow(text: &str) {
    let words: Vec<_> = text.split_whitespace().map(str::to_lowercase).collect();
    let mut row = document().query_selector(".desk tbody tr").ok().flatten();
    while let Some(tr) = row {
        let content = tr.text_content().unwrap_or_default().to_lowercase();
        let found = words.iter().all(|word| content.contains(word));
        drop(if found { tr.remove_attribute("hidden") } else { tr.set_attribute("hidden", "") });
        row = tr.next_element_sibling();
    }
}
