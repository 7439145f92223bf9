//! What somebody typed is not lost by leaving: in every form that is sent by POST the browser asks first. No form has to
//! do anything for it.

use leptos::{ev, prelude::*};
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::{Element, Event};

/// Marks a form in which somebody typed.
pub const DIRTY: &str = "data-dirty";
/// Marks a form that is on its way, or given up on purpose.
const SENT: &str = "data-sent";
/// What is looked for stands in an address and is not lost. The faders' form knows by itself whether it differs from what is
/// saved.
const TYPED: &str =
    "form[method=post][data-dirty]:not([data-sent],[data-alive]),form[data-changed]:not([data-sent])";

/// From now on forms are marked, and leaving asks.
pub fn remember() {
    for event in ["input", "change"] {
        let _ = window_event_listener_untyped(event, |event| {
            if let Some(form) = form_of(&event).filter(|_| !is_search(&event)) {
                let _ = form.set_attribute(DIRTY, "");
                let _ = form.remove_attribute(SENT);
            }
        });
    }
    let _ = window_event_listener(ev::submit, |event| {
        let Some(form) = event.target().and_then(|it| it.dyn_into::<Element>().ok()) else { return };
        let stays = event.submitter().is_some_and(|button| button.has_attribute("data-swap"));
        if event.default_prevented() || (stays && !form.has_attribute("data-swap-plain")) {
            return;
        }
        crate::place::keep(&form, event.submitter());
        // Nothing stands between a person and Stop.
        let stops = form.closest("#stop").is_ok_and(|it| it.is_some());
        let forms = if stops { all("form") } else { vec![form] };
        for form in forms {
            let _ = form.set_attribute(SENT, "");
        }
    });
    let _ = window_event_listener(ev::beforeunload, |event| {
        if is_typed() {
            event.prevent_default();
        }
    });
    if let Some(root) = document().document_element() {
        let _ = root.set_attribute("data-asks", "");
    }
}

/// Whether something on the page would be lost.
pub fn is_typed() -> bool {
    // The answer to a form holds what was typed, unless it is what was asked for: shown once, and taken along.
    let drafted = !all("html[data-draft]").is_empty()
        && !all("main form[method=post]").is_empty()
        && all("[data-sent],#secret").is_empty();
    drafted || !all(TYPED).is_empty()
}

/// What is looked for is not kept anywhere.
fn is_search(event: &Event) -> bool {
    let control = event.target().and_then(|it| it.dyn_into::<Element>().ok());
    control.is_some_and(|it| it.matches("input[type=search]").unwrap_or_default())
}

/// The form that a control belongs to, wherever it stands.
fn form_of(event: &Event) -> Option<Element> {
    js_sys::Reflect::get(event.target()?.as_ref(), &JsValue::from_str("form")).ok()?.dyn_into().ok()
}

fn all(selector: &str) -> Vec<Element> {
    let Ok(list) = document().query_selector_all(selector) else { return Vec::new() };
    (0..list.length()).filter_map(|at| list.item(at)?.dyn_into().ok()).collect()
}
