//! Where somebody was: when a form was sent and its page comes back, the focus and the scrolled place are as they were, or
//! on the first field that was refused. Without scripts the fragment of the form's address does what it can.

use leptos::prelude::{document, window};
use web_sys::{Element, HtmlElement, Storage};

use crate::dom::{around, find, set};

const PLACE: &str = "fader:place";
/// What is shown once is looked at first.
const SHOWN_ONCE: &str = "#secret";
const REFUSED: &str = "main [aria-invalid=true]";

/// Before the page is left: what has the focus, what it stands in, and how far the page is scrolled.
pub(crate) fn keep(form: &Element, button: Option<HtmlElement>) {
    let active = document().active_element().filter(|it| form.contains(Some(it)));
    let mut at = active.or_else(|| button.map(Into::into)).or_else(|| Some(form.clone()));
    let mut kept = vec![path(), scrolled().to_string()];
    kept.extend(at.as_ref().and_then(named));
    while let Some(element) = at.filter(|it| it.tag_name() != "MAIN") {
        kept.extend(attribute(&element, "id"));
        at = element.parent_element();
    }
    if let Some(store) = store() {
        drop(store.set_item(PLACE, &kept.join("\n")));
    }
    // The fragment is for those who have no scripts; it would stay in the address.
    if let Some((action, _)) = form.get_attribute("action").as_deref().and_then(|it| it.split_once('#')) {
        set(form, "action", action);
    }
}

/// After a page has come.
pub(crate) fn come_back() {
    let Some(store) = store() else { return };
    let Some(kept) = store.get_item(PLACE).ok().flatten() else { return };
    drop(store.remove_item(PLACE));
    let mut lines = kept.lines();
    // Somebody who is somewhere already stays there.
    let is_free = document().active_element().is_none_or(|it| it.matches("body,[autofocus]").unwrap_or(true));
    if lines.next() != Some(&path()) || !is_free || find::<HtmlElement>(SHOWN_ONCE).is_some() {
        return;
    }
    let scrolled = lines.next().and_then(|it| it.parse::<i32>().ok());
    if let Some(refused) = find::<HtmlElement>(REFUSED) {
        drop(refused.focus());
        return;
    }
    if let Some(was) = lines.find_map(|selector| shown(find(selector)?)) {
        if !was.matches("a,button,input,select,textarea,summary,[tabindex]").unwrap_or(true) {
            set(&was, "tabindex", "-1");
        }
        drop(was.focus());
        if let Some(y) = scrolled {
            window().scroll_to_with_x_and_y(0.0, y.into());
        }
    }
}

/// In whole pixels: reading and writing fractions would take a tenth of the whole bundle.
#[expect(clippy::cast_possible_truncation, reason = "no page is two thousand million pixels high")]
fn scrolled() -> i32 {
    window().scroll_y().unwrap_or_default() as i32
}

/// What a closed `<details>` hides is shown again, except in menus and questions: those are done.
fn shown(element: HtmlElement) -> Option<HtmlElement> {
    while let Some(closed) = around(&element, "details:not([open],.menu,.confirm)") {
        set(&closed, "open", "");
    }
    element.offset_parent().is_some().then_some(element)
}

fn path() -> String {
    window().location().pathname().unwrap_or_default()
}

fn store() -> Option<Storage> {
    window().session_storage().ok().flatten()
}

/// A control without an id is found by what it sends.
fn named(element: &Element) -> Option<String> {
    let (name, value) = (attribute(element, "name")?, attribute(element, "value").unwrap_or_default());
    let form = around(element, "form[id]").and_then(|it| attribute(&it, "id"));
    let form = form.unwrap_or_else(|| "main".to_owned());
    // Not the hidden one that Enter presses.
    let button =
        if element.tag_name() == "BUTTON" { format!("{value}:not([tabindex])") } else { String::new() };
    element.id().is_empty().then(|| format!("{form} {name}{button}"))
}

/// `[id="saving"]`
fn attribute(element: &Element, name: &str) -> Option<String> {
    let value = element.get_attribute(name).filter(|it| !it.is_empty() && !it.contains(['"', '\\', '\n']))?;
    Some(format!("[{name}=\"{value}\"]"))
}
