//! A word with a tone. The word says it; the colour only helps.

use leptos::prelude::*;

/// What a colour means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tone {
    #[default]
    Neutral,
    Accent,
    Good,
    Warning,
    Danger,
}

impl Tone {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Neutral => "neutral",
            Self::Accent => "accent",
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Danger => "danger",
        }
    }
}

/// `<span class="badge">`.
#[component]
pub fn Badge(#[prop(optional)] tone: Tone, #[prop(into)] text: String) -> impl IntoView {
    view! { <span class="badge" data-tone=tone.as_str()>{text}</span> }
}

/// A box that explains, warns or refuses. `role` is `alert` for what went wrong just now.
#[component]
pub fn Callout(
    #[prop(optional)] tone: Tone,
    #[prop(optional)] role: Option<&'static str>,
    children: Children,
) -> impl IntoView {
    let mark = match tone {
        Tone::Good => super::icon::check().into_any(),
        Tone::Warning | Tone::Danger => super::icon::warning().into_any(),
        Tone::Neutral | Tone::Accent => super::icon::info().into_any(),
    };
    view! { <div class="callout" data-tone=tone.as_str() role=role>{mark}<div>{children()}</div></div> }
}
