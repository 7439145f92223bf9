//! The command palette: the dialog that stands on every page, and what it is filled with while somebody types.

use engine::counted;
use islands::palette::{DIALOG, INPUT, LIST, Palette, TOLD};
use leptos::prelude::*;

use super::hit::Hit;

/// Opened and filled by the island; `environment` is where it looks.
pub fn palette(environment: String) -> impl IntoView {
    view! {
        <dialog class="palette" id=DIALOG aria-label="Search" data-environment=environment>
            <input
                id=INPUT
                type="text"
                role="combobox"
                aria-label="Search commands, flags, groups, people and settings"
                aria-expanded="true"
                aria-controls=LIST
                aria-autocomplete="list"
                aria-activedescendant="palette-0"
                autocomplete="off"
                spellcheck="false"
                placeholder="Find a flag, a setting, or “stop …”"
            />
            {list("", Vec::new())}
            <p class="palette-foot" aria-hidden="true">
                <kbd>"↑"</kbd><kbd>"↓"</kbd>" choose "<kbd>"↵"</kbd>" open "<kbd>"?"</kbd>" keys "<kbd>"Esc"</kbd>" close"
            </p>
            <p class="visually-hidden" id=TOLD role="status"></p>
        </dialog>
        <Palette />
    }
}

/// What was found for a query; the first hit is chosen. `data-told` is what is read aloud.
pub fn list(query: &str, hits: Vec<Hit>) -> impl IntoView + use<> {
    let told = counted(hits.len(), "result");
    let none = (hits.is_empty() && !query.is_empty())
        .then(|| view! { <li class="palette-none">"Nothing found."</li> });
    let options: Vec<_> = hits.into_iter().enumerate().map(|(at, hit)| option(at, hit)).collect();
    view! { <ul id=LIST role="listbox" aria-label="Results" data-told=told>{none}{options}</ul> }
}

fn option(at: usize, hit: Hit) -> impl IntoView {
    let is_first = if at == 0 { "true" } else { "false" };
    view! {
        <li id=format!("palette-{at}") role="option" aria-selected=is_first data-href=hit.href>
            <span class="palette-kind">{hit.kind.word()}</span>
            <span class="palette-title">{hit.title}</span>
            <span class="palette-detail">{hit.detail}</span>
        </li>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::hit::HitKind;

    #[test]
    fn what_is_found_is_text_and_the_first_is_chosen() {
        let hit = |title: &str, href: &str| Hit {
            kind: HitKind::Flag,
            title: title.into(),
            detail: "x".into(),
            href: href.into(),
        };
        let html = list("a", vec![hit("<b>Pay</b>", "/flags/pay?a=\"b"), hit("Other", "")]).to_html();
        for expected in [
            "data-told=\"2 results\"",
            "id=\"palette-0\" role=\"option\" aria-selected=\"true\" data-href=\"/flags/pay?a=&quot;b\"",
            "&lt;b&gt;Pay&lt;/b&gt;",
            "id=\"palette-1\" role=\"option\" aria-selected=\"false\"",
        ] {
            assert!(html.contains(expected), "{expected} is missing in {html}");
        }
        let one = list("a", vec![hit("Pay", "/")]).to_html();
        assert!(one.contains("data-told=\"1 result\"") && !one.contains("Nothing found"), "{one}");
        assert!(list("zzz", Vec::new()).to_html().contains("Nothing found."));
        assert!(!list("", Vec::new()).to_html().contains("<li"), "nothing was looked for yet");
    }
}
