//! What somebody typed is not lost by leaving: in every form that is sent by POST the browser asks first. No form has to
//! do anything for it.

use leptos::prelude::document;
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::{Element, Event, SubmitEvent};

use crate::dom::{all, around, listen, set, set_if, target};

/// Marks a form in which somebody typed.
pub const DIRTY: &str = "data-dirty";
/// Marks a form that is on its way, or given up on purpose.
pub(crate) const SENT: &str = "data-sent";
/// What is looked for stands in an address and is not lost. The faders' form knows by itself whether it differs from what is
/// saved.
const TYPED: &str =
    "form[method=post][data-dirty]:not([data-sent],[data-alive]),form[data-changed]:not([data-sent])";

/// From now on forms are marked, and leaving asks.
pub fn remember() {
    for event in ["input", "change"] {
        listen(event, |event| {
            if let Some(form) = form_of(&event).filter(|_| !is_search(&event)) {
                set(&form, DIRTY, "");
                set_if(&form, SENT, false);
            }
        });
    }
    listen("submit", |event| {
        if let Some(event) = event.dyn_ref() {
            on_submit(event);
        }
    });
    listen("beforeunload", |event| {
        if is_typed() {
            event.prevent_default();
        }
    });
    if let Some(root) = document().document_element() {
        set(&root, "data-asks", "");
    }
}

fn on_submit(event: &SubmitEvent) {
    let Some(form) = target::<Element>(event) else { return };
    let stays = event.submitter().is_some_and(|button| button.has_attribute("data-swap"));
    if event.default_prevented() || (stays && !form.has_attribute("data-swap-plain")) {
        return;
    }
    crate::place::keep(&form, event.submitter());
    // Nothing stands between a person and Stop.
    let stops = around(&form, "#stop").is_some();
    let forms = if stops { all("form") } else { vec![form] };
    for form in forms {
        set(&form, SENT, "");
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
    target::<Element>(event).is_some_and(|it| it.matches("input[type=search]").unwrap_or_default())
}

/// The form that a control belongs to, wherever it stands.
fn form_of(event: &Event) -> Option<Element> {
    js_sys::Reflect::get(event.target()?.as_ref(), &JsValue::from_str("form")).ok()?.dyn_into().ok()
}
