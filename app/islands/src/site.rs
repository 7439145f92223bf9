//! The path below which a proxy shows this site. Links come from the server as they are asked for; only what is made here
//! has to know it.

use leptos::prelude::document;

/// Empty, or a path like `/fader`.
pub(crate) fn base() -> String {
    let root = document().document_element();
    root.and_then(|it| it.get_attribute("data-base")).unwrap_or_default()
}
