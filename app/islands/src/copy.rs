//! A button that puts a text into the clipboard: of a field, or of any element. Without a script it can be selected.

use leptos::prelude::*;
use wasm_bindgen::JsCast as _;

#[island]
pub fn Copy(target: String) -> impl IntoView {
    let (said, say) = signal("Copy");
    let (ready, set_ready) = signal(false);
    Effect::new(move || set_ready.set(true));
    let copy = move |_| {
        let Some(element) = document().get_element_by_id(&target) else { return };
        let text = match element.dyn_ref::<web_sys::HtmlInputElement>() {
            Some(field) => {
                field.select();
                field.value()
            }
            None => element.text_content().unwrap_or_default(),
        };
        let promise = window().navigator().clipboard().write_text(&text);
        leptos::task::spawn_local(async move {
            let outcome = wasm_bindgen_futures::JsFuture::from(promise).await;
            say.set(if outcome.is_ok() { "Copied" } else { "Press Ctrl C" });
        });
    };
    view! {
        <button type="button" class="button" hidden=move || !ready.get() on:click=copy aria-live="polite">
            {move || said.get()}
        </button>
    }
}
