//! Something that is shown once: a link or a token, with a button that copies it where a script runs.

use leptos::prelude::*;

use super::{
    badge::{Callout, Tone},
    copy::copy_button,
};

/// The text in a field that can be selected, above the list that will only ever show that it exists.
#[component]
pub fn Secret(
    #[prop(into)] title: String,
    #[prop(into)] text: String,
    #[prop(into)] value: String,
    #[prop(into)] label: String,
) -> impl IntoView {
    view! {
        <Callout tone=Tone::Good role="status">
            <p><strong>{title}</strong></p>
            <p>{text}</p>
            <div class="secret">
                <input id="secret" class="mono" readonly=true value=value aria-label=label autocomplete="off" />
                {copy_button("secret".to_owned())}
            </div>
        </Callout>
    }
}
