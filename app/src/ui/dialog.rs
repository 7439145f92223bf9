//! A second press before something that cannot be missed: a native `<details>` that holds the form, so it works
//! without a script and the page stays where it is.

use leptos::prelude::*;

/// A button that opens a small panel with the form that really does it.
#[component]
pub fn Confirm(
    /// What the first press says.
    #[prop(into)]
    label: String,
    /// What the panel explains.
    #[prop(into)]
    text: String,
    /// Where the form inside posts to.
    #[prop(into)]
    action: String,
    /// What the second press says.
    #[prop(into)]
    button: String,
    #[prop(optional)] danger: bool,
    /// Already open: after a refused attempt.
    #[prop(optional)]
    open: bool,
    /// Hidden and visible fields of the form.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    let kind = if danger { "danger" } else { "primary" };
    view! {
        <details class="confirm" open=open>
            <summary class="button" data-size="small" data-kind=danger.then_some("danger-quiet")>{label}</summary>
            <form method="post" action=action class="confirm-panel stack">
                <p>{text}</p>
                {children.map(|children| children())}
                <div class="cluster">
                    <button class="button" data-kind=kind>{button}</button>
                </div>
            </form>
        </details>
    }
}
