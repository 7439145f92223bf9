//! Buttons that put a text into the clipboard, of a field or of any element: `data-copy` says whose. They are shown where
//! scripts run; elsewhere the text can be selected.

use leptos::prelude::window;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Element, HtmlInputElement};

use crate::dom::{around, by_id, listen, target};

pub(crate) fn copy_when_pressed() {
    listen("click", |event| {
        let Some(button) = target(&event).and_then(|it| around(&it, "[data-copy]")) else { return };
        let of = button.get_attribute("data-copy").unwrap_or_default();
        let text = match by_id::<HtmlInputElement>(&of) {
            Some(field) => {
                field.select();
                field.value()
            }
            None => by_id::<Element>(&of).and_then(|it| it.text_content()).unwrap_or_default(),
        };
        let copied = window().navigator().clipboard().write_text(&text);
        spawn_local(async move {
            let said = if JsFuture::from(copied).await.is_ok() { "Copied" } else { "Press Ctrl C" };
            button.set_text_content(Some(said));
        });
    });
}
