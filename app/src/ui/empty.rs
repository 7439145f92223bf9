//! A list without lines that says what the list is for and what to do first.

use leptos::prelude::*;

/// `<div class="empty">`: a title, why it is empty, and the first step as children.
#[component]
pub fn Empty(
    #[prop(into)] title: String,
    #[prop(into)] text: String,
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    view! {
        <div class="empty">
            <svg class="empty-mark" viewBox="0 0 64 40" width="64" height="40" aria-hidden="true">
                <path d="M12 3v34M32 3v34M52 3v34" />
                <rect x="5" y="24" width="14" height="8" rx="2" />
                <rect x="25" y="10" width="14" height="8" rx="2" />
                <rect x="45" y="17" width="14" height="8" rx="2" />
            </svg>
            <p class="empty-title">{title}</p>
            <p>{text}</p>
            {children.map(|children| view! { <div class="cluster">{children()}</div> })}
        </div>
    }
}
