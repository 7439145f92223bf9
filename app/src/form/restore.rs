//! The offer to restore what has a key that somebody asked for.

use leptos::prelude::*;

use crate::{
    page::here::here,
    ui::badge::{Callout, Tone},
};

/// What is archived or deleted, and the form that brings it back.
pub struct Restore {
    pub sentence: String,
    /// What it is called on the button.
    pub name: String,
    /// A path of the router.
    pub action: String,
    pub fields: Vec<(&'static str, String)>,
}

impl Restore {
    /// Beside the form that was refused; what was typed there is not sent.
    pub fn view(self) -> impl IntoView {
        let fields: Vec<_> = self
            .fields
            .into_iter()
            .map(|(name, value)| view! { <input type="hidden" name=name value=value /> })
            .collect();
        view! {
            <Callout tone=Tone::Warning>
                <p>{self.sentence}</p>
                <form method="post" action=here().href(&self.action)>
                    {fields}
                    <button class="button" data-size="small">{format!("Restore {}", self.name)}</button>
                </form>
            </Callout>
        }
    }
}
