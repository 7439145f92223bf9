//! A button that puts the text of a field into the clipboard. Without a script the field can be selected.

use leptos::prelude::*;
use wasm_bindgen::JsCast as _;

#[island]
pub fn Copy(target: String) -> impl IntoView {
    let (said, say) = signal("Copy");
    let (ready, set_ready) = signal(false);
    Effect::new(move || set_ready.set(true));
    let copy = move |_| {
        let field = document().get_element_by_id(&target);
        let Some(field) = field.and_then(|it| it.dyn_into::<web_sys::HtmlInputElement>().ok()) else {
            return;
        };
        field.select();
        let promise = window().navigator().clipboard().write_text(&field.value());
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
