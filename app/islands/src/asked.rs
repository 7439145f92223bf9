//! Fields of a form that asks show what the page was asked. Pages forbid browsers to fill them again
//! (`autocomplete="off"`); a page out of the browser's own memory comes back with what was typed and never sent, and its
//! list is that of the address.

use leptos::{ev, prelude::*, wasm_bindgen::JsCast};
use web_sys::HtmlFormElement;

pub(crate) fn show_what_was_asked() {
    let _ = window_event_listener(ev::pageshow, |event| {
        let is_kept = js_sys::Reflect::get(&event, &"persisted".into()).is_ok_and(|it| it.is_truthy());
        let Some(forms) =
            is_kept.then(|| document().query_selector_all("form[method=get]")).and_then(Result::ok)
        else {
            return;
        };
        for at in 0..forms.length() {
            if let Some(form) = forms.item(at).and_then(|it| it.dyn_into::<HtmlFormElement>().ok()) {
                form.reset();
            }
        }
    });
}
