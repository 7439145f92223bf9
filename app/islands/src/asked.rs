//! Fields of a form that asks show what the page was asked. Pages forbid browsers to fill them again
//! (`autocomplete="off"`); a page out of the browser's own memory comes back with what was typed and never sent, and its
//! list is that of the address.

use wasm_bindgen::JsCast as _;
use web_sys::{Event, HtmlFormElement};

use crate::dom::{all, listen};

pub(crate) fn show_what_was_asked() {
    listen("pageshow", |event| {
        if !is_kept(&event) {
            return;
        }
        for form in all("form[method=get]") {
            if let Some(form) = form.dyn_ref::<HtmlFormElement>() {
                form.reset();
            }
        }
    });
}

/// Whether the page that is shown comes out of the browser's own memory.
pub(crate) fn is_kept(shown: &Event) -> bool {
    js_sys::Reflect::get(shown, &"persisted".into()).is_ok_and(|it| it.is_truthy())
}
