//! A button that copies the text of an element, by its id; `islands::menus` does it. The style sheet hides it where no
//! script runs.

use leptos::prelude::*;

pub fn copy_button(of: String) -> impl IntoView {
    view! { <button type="button" class="button" data-copy=of aria-live="polite">"Copy"</button> }
}
